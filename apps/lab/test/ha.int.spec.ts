import { makeContainer, makeMachine, openTestLab, type TestLab } from './test-lab.js';

/** Seventy seconds of a real cluster take as many hundredths here. */
const SCALE = 0.01;

describe('HA of a lab', () => {
  let test: TestLab;
  beforeAll(async () => {
    test = await openTestLab({
      nodes: ['lab1', 'lab2', 'lab3'],
      haTimeScale: SCALE,
      storages: [
        { id: 'local', type: 'dir', content: ['iso', 'vztmpl', 'backup', 'images', 'rootdir', 'import'] },
        { id: 'local-zfs', type: 'zfspool', content: ['images', 'rootdir'] },
        { id: 'shared', type: 'nfs', content: ['images', 'rootdir'], shared: true },
      ],
    });
  });
  afterEach(async () => {
    await test.clearFaults();
    for (const { sid } of await test.root.data('GET', '/cluster/ha/resources'))
      await test.root.data('DELETE', `/cluster/ha/resources/${sid}`);
  });
  afterAll(() => test.close());

  const onShared = (vmid: number) =>
    makeMachine(test, vmid, {
      scsi0: 'shared:0,import-from=local:import/debian-12-bastide_12.0-1_amd64.qcow2',
    });
  const row = async (vmid: number) => {
    const rows = await test.root.data('GET', '/cluster/resources', { type: 'vm' });
    return rows.find((one: { vmid: number }) => one.vmid === vmid);
  };
  async function until<T>(what: string, look: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const value = await look();
      if (good(value)) return value;
      if (Date.now() > deadline) throw new Error(`${what}: still ${JSON.stringify(value)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const service = async (sid: string) =>
    (
      (await test.root.data('GET', '/cluster/ha/status/current')) as { sid?: string; state: string; node: string }[]
    ).find((one) => one.sid === sid);

  it('tells nothing of a manager as long as there is nothing to manage', async () => {
    expect(await test.root.data('GET', '/cluster/ha/status/current')).toEqual([
      { id: 'quorum', type: 'quorum', node: 'lab1', status: 'OK', quorate: 1 },
      {
        id: 'fencing',
        type: 'fencing',
        node: 'lab1',
        status: 'standby (CRM watchdog standby)',
        'armed-state': 'standby',
      },
    ]);
    expect((await test.root.call('GET', '/cluster/ha/groups')).reason).toBe(
      'cannot index groups: ha groups have been migrated to rules',
    );
  });

  it('starts what shall be started; power verbs end at once and the state follows', async () => {
    await onShared(100);
    await test.root.data('POST', '/cluster/ha/resources', { sid: '100', max_restart: 2 });
    expect((await test.root.call('POST', '/cluster/ha/resources', { sid: 'vm:100' })).reason).toBe(
      "create resource failed: resource ID 'vm:100' already defined",
    );
    expect((await service('vm:100'))?.state).toMatch(/^(queued|request_start|starting|started)$/);
    await until(
      'started',
      () => row(100),
      (one) => one.status === 'running' && one.hastate === 'started',
    );
    const upid = await test.root.data('POST', '/nodes/lab1/qemu/100/status/stop');
    expect(upid).toMatch(/:hastop:100:/);
    expect(await test.root.exitOf(upid)).toBe('OK');
    await until(
      'stopped',
      () => row(100),
      (one) => one.status === 'stopped' && one.hastate === 'stopped',
    );
    expect((await test.root.data('GET', '/nodes/lab1/qemu/100/status/current')).ha).toEqual({
      managed: 1,
      state: 'stopped',
    });
    expect(await test.root.data('GET', '/cluster/ha/resources/vm:100')).toMatchObject({
      state: 'stopped',
      max_restart: 2,
      type: 'vm',
    });
    expect(await test.root.run('POST', '/nodes/lab1/qemu/100/status/start')).toBe('OK');
    await until(
      'started',
      () => row(100),
      (one) => one.status === 'running',
    );
  });

  it('leaves a resource that is to be ignored to whoever acts on it', async () => {
    await makeContainer(test, 110);
    await test.root.data('POST', '/cluster/ha/resources', { sid: 'ct:110', state: 'ignored' });
    expect(await test.root.data('POST', '/nodes/lab1/lxc/110/status/start')).toMatch(/:vzstart:110:/);
    expect((await test.root.data('GET', '/nodes/lab1/lxc/110/status/current')).ha).toEqual({ managed: 0 });
    expect((await service('ct:110'))?.state).toBe('ignored');
  });

  it('brings the guests of a dead node up elsewhere: unchanged at first, fenced after a minute, then recovered', async () => {
    await onShared(120);
    await test.root.data('POST', '/cluster/ha/resources', { sid: 'vm:120' });
    await until(
      'started',
      () => row(120),
      (one) => one.hastate === 'started' && one.status === 'running',
    );
    await test.root.data('POST', '/nodes/lab1/qemu/120/migrate', { target: 'lab2', online: 1 });
    await until(
      'on lab2',
      () => row(120),
      (one) => one.node === 'lab2',
    );
    await test.fault({ effect: 'node-down', node: 'lab2' });
    expect(await row(120)).toMatchObject({ node: 'lab2', status: 'running', hastate: 'started' });
    await until(
      'fenced',
      () => row(120),
      (one) => one.hastate === 'fence' && one.node === 'lab2',
    );
    // What the dead node was doing with it would keep it from starting elsewhere.
    await test.fault({ effect: 'lock', vmid: 120, lock: 'backup' });
    const saved = await until(
      'recovered',
      () => row(120),
      (one) => one.node !== 'lab2' && one.status === 'running',
    );
    expect(saved.hastate).toBe('started');
    const nodes = (await test.root.data('GET', '/nodes')) as { node: string; status: string; cpu?: number }[];
    expect(nodes.find((node) => node.node === 'lab2')).toMatchObject({ status: 'offline' });
    await test.clearFaults();
    await until(
      'back',
      async () => (await test.root.data('GET', '/cluster/ha/status/manager_status')).manager_status.node_status,
      (states) => states.lab2 === 'online',
    );
    expect((await row(120)).node).toBe(saved.node);
  });

  it('cannot recover what lay on the dead node alone: the resource ends in error and must be disabled first', async () => {
    await makeMachine(test, 130);
    await test.root.data('POST', '/cluster/ha/resources', { sid: 'vm:130', max_relocate: 0 });
    await until(
      'started',
      () => row(130),
      (one) => one.status === 'running',
    );
    const before = (await row(130)).node;
    await test.root.data('POST', `/nodes/${before}/qemu/130/migrate`, {
      target: 'lab3',
      online: 1,
      'with-local-disks': 1,
    });
    await until(
      'on lab3',
      () => row(130),
      (one) => one.node === 'lab3',
    );
    await test.fault({ effect: 'node-down', node: 'lab3' });
    await until(
      'error',
      () => row(130),
      (one) => one.hastate === 'error',
    );
    const started = await test.root.call('PUT', '/cluster/ha/resources/vm:130', { state: 'started' });
    expect(started.reason).toBe("service 'vm:130' in error state, must be disabled and fixed first");
    await test.root.data('PUT', '/cluster/ha/resources/vm:130', { state: 'disabled' });
    await until(
      'disabled',
      () => row(130),
      (one) => one.hastate === 'stopped',
    );
  });

  it('keeps a resource on the nodes of its rule, and two apart that shall not meet', async () => {
    await onShared(140);
    await onShared(141);
    await test.root.data('POST', '/cluster/ha/resources', { sid: 'vm:140' });
    await test.root.data('POST', '/cluster/ha/resources', { sid: 'vm:141' });
    expect(
      (
        await test.root.call('POST', '/cluster/ha/rules', {
          rule: 'a1',
          type: 'node-affinity',
          resources: 'vm:999',
          nodes: 'lab2',
        })
      ).reason,
    ).toBe('create ha rule failed: cannot use unmanaged resource(s) vm:999.');
    await test.root.data('POST', '/cluster/ha/rules', {
      rule: 'a1',
      type: 'node-affinity',
      resources: 'vm:140',
      nodes: 'lab2:2,lab3:1',
    });
    await test.root.data('POST', '/cluster/ha/rules', {
      rule: 'a2',
      type: 'resource-affinity',
      resources: 'vm:140,vm:141',
      affinity: 'negative',
    });
    await until(
      'on lab2',
      () => row(140),
      (one) => one.node === 'lab2' && one.status === 'running',
    );
    await until(
      'apart',
      () => row(141),
      (one) => one.node !== 'lab2' && one.status === 'running',
    );
    expect((await test.root.data('GET', '/cluster/ha/rules')).map((rule: { rule: string }) => rule.rule)).toEqual([
      'a1',
      'a2',
    ]);
    const moved = await test.root.data('POST', '/cluster/ha/resources/vm:141/migrate', { node: 'lab3' });
    expect(moved).toEqual({ sid: 'vm:141', 'requested-node': 'lab3' });
    await until(
      'moved',
      () => row(141),
      (one) => one.node === 'lab3',
    );
  });

  it('is asked to move what it manages: by hand it only says so, and the manager does it', async () => {
    await onShared(150);
    await onShared(151);
    for (const sid of ['vm:150', 'vm:151']) await test.root.data('POST', '/cluster/ha/resources', { sid });
    for (const vmid of [150, 151])
      await until(
        'started',
        () => row(vmid),
        (one) => one.status === 'running' && one.hastate === 'started',
      );
    const at = `/nodes/${(await row(150)).node}/qemu/150/migrate`;
    expect((await test.root.data('GET', at))['dependent-ha-resources']).toEqual([]);
    const target = ['lab1', 'lab2', 'lab3'].find((node) => !at.includes(node)) ?? '';
    const upid = await test.root.data('POST', at, { target, online: 1 });
    expect(upid).toMatch(/:hamigrate:150:/);
    expect(await test.root.exitOf(upid)).toBe('OK');
    const moved = await until(
      'moved',
      () => row(150),
      (one) => one.node === target && one.hastate === 'started',
    );
    expect(moved.status).toBe('running');
    await test.root.data('POST', '/cluster/ha/rules', {
      rule: 'apart',
      type: 'resource-affinity',
      resources: 'vm:150,vm:151',
      affinity: 'negative',
    });
    await until(
      'apart',
      async () => [(await row(150)).node, (await row(151)).node],
      ([left, right]) => left !== right,
    );
    const other = (await row(151)).node;
    const found = await test.root.data('GET', `/nodes/${(await row(150)).node}/qemu/150/migrate`);
    expect(found.not_allowed_nodes[other]).toEqual({
      'blocking-ha-resources': [{ sid: 'vm:151', cause: 'resource-affinity' }],
    });
    expect(found.allowed_nodes).not.toContain(other);
  });

  it('moves a container by shutting it down and starting it there', async () => {
    await makeContainer(test, 160, { rootfs: 'shared:1' });
    await test.root.data('POST', '/cluster/ha/resources', { sid: 'ct:160' });
    await until(
      'started',
      () => row(160),
      (one) => one.status === 'running' && one.hastate === 'started',
    );
    const { node } = await row(160);
    const target = ['lab1', 'lab2', 'lab3'].find((other) => other !== node) ?? '';
    await test.root.data('POST', '/cluster/ha/resources/ct:160/migrate', { node: target });
    await until(
      'moved',
      () => row(160),
      (one) => one.node === target && one.status === 'running' && one.hastate === 'started',
    );
    const tasks = async (on: string) =>
      ((await test.root.data('GET', `/nodes/${on}/tasks`, { vmid: 160 })) as { type: string }[]).map(
        ({ type }) => type,
      );
    expect((await tasks(node)).slice(0, 2)).toEqual(['vzmigrate', 'vzshutdown']);
    expect((await tasks(target))[0]).toBe('vzstart');
  });

  it('gives up a resource that no node may have once it is disabled', async () => {
    await onShared(170);
    await test.root.data('POST', '/cluster/ha/resources', { sid: 'vm:170' });
    await test.root.data('POST', '/cluster/ha/rules', {
      rule: 'only',
      type: 'node-affinity',
      resources: 'vm:170',
      nodes: 'lab3',
      strict: 1,
    });
    await until(
      'on lab3',
      () => row(170),
      (one) => one.node === 'lab3' && one.hastate === 'started' && one.status === 'running',
    );
    await test.fault({ effect: 'node-down', node: 'lab3' });
    await until(
      'waiting',
      () => service('vm:170'),
      (one) => one?.state === 'recovery',
    );
    await test.root.data('PUT', '/cluster/ha/resources/vm:170', { state: 'disabled' });
    await until(
      'given up',
      () => service('vm:170'),
      (one) => one?.state === 'stopped' || one?.state === 'disabled',
    );
  });
});
