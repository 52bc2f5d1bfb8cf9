import { makeContainer, openTestLab, type TestLab } from './test-lab.js';

describe('faults on demand', () => {
  let test: TestLab;
  beforeAll(async () => {
    test = await openTestLab();
    await makeContainer(test, 100);
  });
  afterEach(() => test.clearFaults());
  afterAll(() => test.close());

  it('fails the next matching request, once', async () => {
    await test.fault({ effect: 'fail', method: 'GET', path: '/nodes/*/lxc/100/config', message: 'storage hung' });
    expect((await test.root.call('GET', '/nodes/lab1/lxc/100/config')).reason).toBe('storage hung');
    expect((await test.root.call('GET', '/nodes/lab1/lxc/100/config')).status).toBe(200);
  });

  it('answers 596 without a body, as often as asked', async () => {
    await test.fault({ effect: 'status', status: 596, path: '/nodes', times: 2 });
    for (const _ of [1, 2]) {
      const answer = await test.root.call('GET', '/nodes');
      expect([answer.status, answer.text]).toEqual([596, '']);
    }
    expect((await test.root.call('GET', '/nodes')).status).toBe(200);
  });

  it('cuts the connection before, or after the work was done', async () => {
    await test.fault({ effect: 'drop', path: '/pools', method: 'POST' });
    await expect(test.root.call('POST', '/pools', { poolid: 'p1' })).rejects.toThrow();
    expect(await test.root.data('GET', '/pools')).toEqual([]);
    await test.fault({ effect: 'drop-after', path: '/pools', method: 'POST' });
    await expect(test.root.call('POST', '/pools', { poolid: 'p1' })).rejects.toThrow();
    expect(await test.root.data('GET', '/pools')).toEqual([{ poolid: 'p1' }]);
  });

  it('fails or warns a task of a type', async () => {
    await test.fault({ effect: 'task-fail', task: 'vzstart', message: 'no more memory' });
    expect(await test.root.run('POST', '/nodes/lab1/lxc/100/status/start')).toBe('no more memory');
    await test.fault({ effect: 'task-warn', task: 'vzstart', vmid: 100 });
    expect(await test.root.run('POST', '/nodes/lab1/lxc/100/status/start')).toBe('WARNINGS: 1');
    await test.root.run('POST', '/nodes/lab1/lxc/100/status/stop');
  });

  it('locks a guest with the text clients know', async () => {
    await test.fault({ effect: 'lock', vmid: 100, lock: 'backup' });
    expect((await test.root.call('PUT', '/nodes/lab1/lxc/100/config', { memory: 64 })).reason).toBe(
      'CT is locked (backup)',
    );
    expect(await test.root.run('POST', '/nodes/lab1/lxc/100/status/start')).toBe('CT is locked (backup)');
    await test.fault({ effect: 'unlock', vmid: 100 });
    expect((await test.root.call('PUT', '/nodes/lab1/lxc/100/config', { memory: 64 })).status).toBe(200);
  });

  it('fills a storage: the create fails, what was there is unharmed', async () => {
    await test.fault({ effect: 'storage-full', storage: 'local-zfs' });
    expect(await makeContainer(test, 101)).toBe(
      "unable to create CT 101 - zfs error: cannot create 'rpool/data/subvol-101-disk-0': out of space",
    );
    expect((await test.root.call('GET', '/nodes/lab1/lxc/101/config')).status).toBe(500);
    expect((await test.root.data('GET', '/nodes/lab1/storage/local-zfs/status')).avail).toBe(0);
    expect(await test.root.run('POST', '/nodes/lab1/lxc/100/status/start')).toBe('OK');
    await test.root.run('POST', '/nodes/lab1/lxc/100/status/stop');
  });

  it('takes a node down: 595 for it, the others answer', async () => {
    await test.fault({ effect: 'node-down', node: 'lab2' });
    const answer = await test.root.call('GET', '/nodes/lab2/status');
    expect([answer.status, answer.reason, answer.text]).toEqual([595, 'No route to host', '']);
    const nodes = (await test.root.data('GET', '/nodes')) as { node: string; status: string; maxcpu?: number }[];
    expect(nodes.map((node) => [node.node, node.status, node.maxcpu !== undefined])).toEqual([
      ['lab1', 'online', true],
      ['lab2', 'offline', false],
    ]);
  });

  it('loses quorum: reads and logins go on, writes fail', async () => {
    await test.fault({ effect: 'quorum-lost' });
    expect((await test.root.data('GET', '/cluster/status'))[0].quorate).toBe(0);
    expect((await test.root.call('GET', '/nodes/lab1/lxc/100/config')).status).toBe(200);
    expect((await test.root.call('POST', '/nodes/lab1/lxc/100/status/start')).reason).toBe(
      'cluster not ready - no quorum?',
    );
    expect((await test.root.call('PUT', '/nodes/lab1/lxc/100/config', { memory: 64 })).reason).toMatch(
      /^unable to open file '\/etc\/pve\/nodes\/lab1\/lxc\/100\.conf\.tmp\.\d+' - Permission denied$/,
    );
    const login = await test.client().call('POST', '/access/ticket', test.lab.credentials);
    expect(login.status).toBe(200);
  });

  it('changes the certificate under the same authority', async () => {
    const before = test.lab.fingerprint;
    await test.fault({ effect: 'certificate' });
    expect(test.lab.fingerprint).not.toBe(before);
    const fresh = test.client(test.lab.rootToken);
    expect((await fresh.data('GET', '/nodes'))[0].ssl_fingerprint).toBe(test.lab.fingerprint);
  });

  it('refuses a fault it does not know, naming the field', async () => {
    const answer = await test.root.send('POST', '/lab/faults', JSON.stringify({ effect: 'fail', pth: '/x' }), {
      'Content-Type': 'application/json',
    });
    expect([answer.status, answer.body]).toEqual([400, { error: 'pth: unknown field' }]);
  });
});

describe('a lab started without faults', () => {
  it('has no place to ask for them', async () => {
    const test = await openTestLab({ faults: false });
    try {
      expect((await test.root.send('POST', '/lab/faults', '{}')).status).toBe(404);
    } finally {
      await test.close();
    }
  });
});
