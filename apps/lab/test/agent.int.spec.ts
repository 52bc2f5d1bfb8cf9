/** The guest agent's calls, as Proxmox VE answers them. */
import { guestTools, QEMU } from './guest-tools.js';
import { makeMachine, openTestLab, type TestLab } from './test-lab.js';

let test: TestLab;
beforeAll(async () => {
  test = await openTestLab();
});
afterAll(() => test.close());

const { refusal } = guestTools(() => test);

describe('the guest agent', () => {
  const base = `${QEMU}/160/agent`;
  beforeAll(async () => {
    await makeMachine(test, 160);
    await test.root.run('POST', QEMU, { vmid: 161, memory: 64 });
    await test.root.run('POST', QEMU, { vmid: 162, memory: 64, agent: 0 });
    for (const vmid of [160, 161, 162]) await test.root.run('POST', `${QEMU}/${vmid}/status/start`);
  });
  afterAll(async () => {
    for (const vmid of [160, 161, 162]) await test.root.run('POST', `${QEMU}/${vmid}/status/stop`);
    for (const vmid of [160, 161, 162]) await test.root.run('DELETE', `${QEMU}/${vmid}`);
  });

  it('that is off, or does not listen, is a 500; a ping by GET is 501', async () => {
    expect(await refusal('POST', `${QEMU}/161/agent/ping`)).toEqual([500, 'No QEMU guest agent configured']);
    expect(await refusal('POST', `${QEMU}/162/agent/ping`)).toEqual([500, 'QEMU guest agent is not running']);
    expect((await refusal('GET', `${base}/ping`))[0]).toBe(501);
  });

  it.each([
    ['POST', 'ping', {}],
    ['GET', 'info', expect.objectContaining({ version: expect.any(String) })],
    ['GET', 'get-host-name', { 'host-name': 'vm160' }],
    ['GET', 'get-osinfo', expect.objectContaining({ id: 'debian', 'version-id': '12' })],
    ['GET', 'get-users', []],
    ['GET', 'get-timezone', { offset: 0, zone: 'UTC' }],
    ['GET', 'get-time', expect.any(Number)],
    ['GET', 'get-vcpus', [{ 'logical-id': 0, online: true, 'can-offline': false }]],
    ['GET', 'get-fsinfo', [expect.objectContaining({ mountpoint: '/', 'total-bytes': 2 ** 31 })]],
    ['POST', 'fsfreeze-status', 'thawed'],
    ['POST', 'fsfreeze-freeze', 1],
    ['POST', 'fsfreeze-status', 'frozen'],
    ['POST', 'fsfreeze-thaw', 1],
    ['POST', 'fstrim', expect.objectContaining({ paths: expect.any(Array) })],
  ] as const)('%s %s answers in `result`', async (method, name, expected) => {
    expect((await test.root.data(method, `${base}/${name}`)).result).toEqual(expected);
  });

  it('runs programs given word by word, and forgets one once it has told its end', async () => {
    const run = async (form: string) =>
      (await test.root.send('POST', `/api2/json${base}/exec`, form)).body.data.pid as number;
    const end = async (pid: number) => {
      for (;;) {
        const status = await test.root.data('GET', `${base}/exec-status`, { pid });
        if (status.exited === 1) return status;
      }
    };
    expect(await end(await run('command=/bin/echo+one+two'))).toMatchObject({ exitcode: 127 });
    const pid = await run('command=/bin/sh&command=-c&command=echo+hi%3B+exit+3');
    expect(await end(pid)).toEqual({ exited: 1, exitcode: 3, 'out-data': 'hi\n' });
    expect(await refusal('GET', `${base}/exec-status`, { pid })).toEqual([
      500,
      `Agent error: PID ${pid} does not exist`,
    ]);
    expect(await refusal('POST', `${base}/exec`)).toEqual([
      400,
      'Parameter verification failed.',
      { command: 'property is missing and it is not optional' },
    ]);
  });

  it('reads and writes files byte by byte: UTF-8 comes back encoded twice', async () => {
    const content = Buffer.from('grün').toString('base64');
    await test.root.data('POST', `${base}/file-write`, { file: '/tmp/a', content, encode: 0 });
    const read = (more = {}) => test.root.data('GET', `${base}/file-read`, { file: '/tmp/a', ...more });
    expect(await read()).toEqual({ content: Buffer.from('grün').toString('latin1'), 'bytes-read': 5 });
    expect(await read({ decode: 0 })).toMatchObject({ content });
    expect(await read({ count: 2, offset: 1 })).toMatchObject({
      content: Buffer.from('grün').subarray(1, 3).toString('latin1'),
      truncated: 1,
    });
    expect((await refusal('GET', `${base}/file-read`, { file: '/no' }))[1]).toMatch(
      /^Agent error: failed to open file '\/no'/,
    );
    expect((await refusal('POST', `${base}/file-write`, { file: '/tmp/a', content: '€' }))[1]).toMatch(
      /^Wide character/,
    );
  });

  it('shuts the guest down from within', async () => {
    await test.root.data('POST', `${base}/shutdown`);
    const deadline = Date.now() + 10_000;
    while ((await test.root.data('GET', `${QEMU}/160/status/current`)).status !== 'stopped') {
      if (Date.now() > deadline) throw new Error('not stopped within 10 s');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
});

describe('the monitor and the keyboard of a machine', () => {
  const base = `${QEMU}/165`;
  let clerk: ReturnType<TestLab['client']>;
  const says = async (command: string) => (await test.root.call('POST', `${base}/monitor`, { command })).body.data;
  beforeAll(async () => {
    await makeMachine(test, 165);
    await test.root.data('POST', '/access/users', { userid: 'clerk@pve' });
    await test.root.data('POST', '/access/roles', { roleid: 'Looker', privs: 'Sys.Audit' });
    const { value } = await test.root.data('POST', '/access/users/clerk@pve/token/t1', { privsep: 0 });
    await test.root.data('PUT', '/access/acl', { path: '/vms', roles: 'Looker', users: 'clerk@pve' });
    clerk = test.client(`clerk@pve!t1=${value}`);
  });
  afterAll(async () => {
    await test.root.run('POST', `${base}/status/stop`);
    await test.root.run('DELETE', base);
  });

  it('are for a machine that runs', async () => {
    expect(await says('info status')).toBe('ERROR: VM 165 not running\n');
    expect(await refusal('PUT', `${base}/sendkey`, { key: 'ret' })).toEqual([500, 'VM 165 not running']);
    expect(await refusal('POST', `${base}/dbus-vmstate`, { action: 'start' })).toEqual([
      400,
      'Parameter verification failed.',
      { node: "VM 165 not running locally on node 'lab1'" },
    ]);
    await test.root.run('POST', `${base}/status/start`);
    expect(await says('info status')).toBe('VM status: running\r\n');
    expect(await test.root.data('PUT', `${base}/sendkey`, { key: 'ctrl-alt-delete' })).toBeNull();
    expect(await refusal('PUT', `${base}/sendkey`, { key: 'ctrl-nokey' })).toEqual([500, 'invalid parameter: nokey']);
  });

  it('ask for the right each command takes', async () => {
    const asks = async (command: string) => {
      const { status, reason } = await clerk.call('POST', `${base}/monitor`, { command });
      return [status, reason];
    };
    expect(await asks('info name')).toEqual([200, 'OK']);
    expect(await asks('quit')).toEqual([403, 'Permission check failed (/, Sys.Modify)']);
    expect(await asks('device_add x')).toEqual([500, "root-only command 'device_add'"]);
    expect(await asks('sing')).toEqual([
      500,
      "command 'sing' non-existent or not assigned a required permission yet, limiting to root user",
    ]);
  });
});
