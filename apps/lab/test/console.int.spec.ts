import { WebSocket } from 'ws';
import { makeContainer, makeMachine, openTestLab, type TestLab } from './test-lab.js';

describe('the console of a guest', () => {
  let test: TestLab;
  beforeAll(async () => {
    test = await openTestLab();
    await makeContainer(test, 100);
    await test.root.run('POST', '/nodes/lab1/lxc/100/status/start');
  });
  afterAll(() => test.close());

  function connect(port: string, ticket: string): WebSocket {
    const query = new URLSearchParams({ port, vncticket: ticket }).toString();
    return new WebSocket(
      `${test.lab.url.replace('https', 'wss')}/api2/json/nodes/lab1/lxc/100/vncwebsocket?${query}`,
      'binary',
      {
        ca: test.lab.caCertificate,
        headers: { Authorization: `PVEAPIToken=${test.lab.rootToken}` },
      },
    );
  }

  it('lets a client read the SSH host key before it ever connects over SSH', async () => {
    const { port, ticket, user } = await test.root.data('POST', '/nodes/lab1/lxc/100/termproxy');
    const socket = connect(port, ticket);
    let output = '';
    try {
      await new Promise<void>((resolve, reject) => {
        socket.on('error', reject);
        socket.on('open', () => socket.send(`${user}:${ticket}\n`));
        socket.on('message', (data: Buffer) => {
          const text = data.toString();
          if (output === '' && text.startsWith('OK')) {
            socket.send('1:120:40:');
            socket.send('2');
            const line = 'cat /etc/ssh/ssh_host_ed25519_key.pub\n';
            // Cut in the middle, as a slow wire would.
            socket.send(`0:${line.length}:${line.slice(0, 7)}`);
            socket.send(line.slice(7));
          }
          output += text;
          if (/ssh-ed25519 \S+ root@ct100\r\n/.test(output)) resolve();
        });
        socket.on('close', (code) => reject(new Error(`closed with ${code}: ${output}`)));
      });
    } finally {
      socket.removeAllListeners('close');
      socket.close();
    }
    expect(socket.protocol).toBe('binary');
  });

  it('refuses a ticket of another guest', async () => {
    await makeContainer(test, 101);
    await test.root.run('POST', '/nodes/lab1/lxc/101/status/start');
    const { port, ticket } = await test.root.data('POST', '/nodes/lab1/lxc/101/termproxy');
    const socket = connect(port, ticket);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode));
      socket.on('open', () => reject(new Error('was let in')));
      socket.on('error', () => undefined);
    });
    socket.terminate();
    expect(status).toBe(401);
  });

  it('is offered to a guest that does not run, too: what is wrong shows on the line', async () => {
    await makeContainer(test, 102);
    await makeMachine(test, 103);
    for (const path of ['lxc/102', 'qemu/103']) {
      const term = await test.root.data('POST', `/nodes/lab1/${path}/termproxy`);
      expect(term).toEqual({
        user: 'root@pam!bastide',
        ticket: expect.stringMatching(/^PVEVNC:/),
        port: expect.stringMatching(/^59\d\d$/),
        upid: expect.stringMatching(/^UPID:lab1:.*:vncproxy:10[23]:/),
      });
    }
    expect((await test.root.call('POST', '/nodes/lab1/lxc/999/termproxy')).reason).toBe(
      "Configuration file 'nodes/lab1/lxc/999.conf' does not exist",
    );
  });

  it('has a password for VNC where it goes to a display or a websocket, and the authority to trust', async () => {
    const machine = await test.root.data('POST', '/nodes/lab1/qemu/103/vncproxy');
    expect(machine.ticket).toMatch(/^.{8}:PVEVNC:/);
    expect([machine.password, machine.cert]).toEqual([machine.ticket.slice(0, 8), test.lab.caCertificate]);
    const plain = await test.root.data('POST', '/nodes/lab1/lxc/100/vncproxy');
    expect([plain.ticket, plain.password]).toEqual([expect.stringMatching(/^PVEVNC:/), undefined]);
    const socket = await test.root.data('POST', '/nodes/lab1/lxc/100/vncproxy', { websocket: 1 });
    expect(socket.ticket).toBe(`${socket.password}:${socket.ticket.slice(9)}`);
    const path = '/nodes/lab1/lxc/100/vncwebsocket';
    expect(await test.root.data('GET', path, { port: socket.port, vncticket: socket.ticket })).toEqual({
      port: socket.port,
    });
    // A ticket is good for its port alone.
    const other = socket.port === '5999' ? 5998 : Number(socket.port) + 1;
    const refused = await test.root.call('GET', path, { port: other, vncticket: socket.ticket });
    expect([refused.status, refused.reason]).toEqual([401, 'permission denied - invalid PVEVNC ticket']);
  });
});
