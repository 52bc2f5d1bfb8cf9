import { WebSocket } from 'ws';
import { makeContainer, openTestLab, type TestLab } from './test-lab.js';

describe('the console of a guest', () => {
  let test: TestLab;
  beforeAll(async () => {
    test = await openTestLab();
    await makeContainer(test, 100);
    await test.root.run('POST', '/nodes/lab1/lxc/100/status/start');
  });
  afterAll(() => test.close());

  function connect(port: number, ticket: string): WebSocket {
    const query = new URLSearchParams({ port: String(port), vncticket: ticket }).toString();
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

  it('gives a machine’s screen a password of its own, also in front of the ticket', async () => {
    await test.root.run('POST', '/nodes/lab1/qemu', { vmid: 110, memory: 64 });
    const stopped = await test.root.data('POST', '/nodes/lab1/qemu/110/vncproxy');
    expect(await test.root.exitOf(stopped.upid)).toBe('Failed to run vncproxy.');
    await test.root.run('POST', '/nodes/lab1/qemu/110/status/start');
    const { password, ticket, port, cert, user } = await test.root.data('POST', '/nodes/lab1/qemu/110/vncproxy', {
      websocket: 1,
    });
    expect(ticket).toMatch(new RegExp(`^${password}:PVEVNC:[0-9A-F]{8}::`));
    expect([typeof port, cert, user]).toEqual(['string', test.lab.caCertificate, 'root@pam!bastide']);
    const check = { authid: user, vncticket: ticket, path: '/vms/110', privs: 'VM.Console' };
    expect((await test.client().call('POST', '/access/vncticket', check)).body).toEqual({ data: null });
    expect((await test.client().call('POST', '/access/vncticket', { ...check, path: '/vms/100' })).status).toBe(401);
    const container = await test.root.data('POST', '/nodes/lab1/lxc/100/vncproxy');
    expect(container.password).toBeUndefined();
    expect(container.ticket).toMatch(/^PVEVNC:/);
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
});
