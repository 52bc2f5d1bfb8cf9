/** Several nodes of a lab, and what the datacenter configures: networks, SDN, firewall, options. */
import { makeContainer, makeMachine, openTestLab, type TestLab } from './test-lab.js';

describe('a lab of several nodes', () => {
  let test: TestLab;
  beforeAll(async () => {
    test = await openTestLab({ nodes: ['lab1', 'lab2', 'lab3'], figuresLagSeconds: 1 });
    await makeMachine(test, 100);
    await makeContainer(test, 101);
    await test.root.run('POST', '/nodes/lab1/qemu/100/migrate', { target: 'lab2' });
  });
  afterEach(() => test.clearFaults());
  afterAll(() => test.close());

  const reason = async (method: string, path: string, form: Record<string, string | number> = {}) =>
    (await test.root.call(method, path, form)).reason;
  const errors = async (method: string, path: string, form: Record<string, string | number> = {}) =>
    (await test.root.call(method, path, form)).body.errors;

  it('answers for every node, and a guest belongs to one of them', async () => {
    expect((await test.root.call('GET', '/nodes/lab2/qemu/100/config')).status).toBe(200);
    expect(await reason('GET', '/nodes/lab1/qemu/100/config')).toBe(
      "Configuration file 'nodes/lab1/qemu-server/100.conf' does not exist",
    );
    expect(await reason('GET', '/nodes/nope/status')).toMatch(/^hostname lookup 'nope' failed/);
    // What is kept in the cluster's file system is read by whichever node is asked.
    expect((await test.root.call('GET', '/nodes/nope/firewall')).status).toBe(200);
  });

  it('shows a new guest without a name until figures are published, and old figures after a change', async () => {
    await makeMachine(test, 130, { name: 'fresh' });
    const row = async () =>
      ((await test.root.data('GET', '/cluster/resources', { type: 'vm' })) as any[]).find((one) => one.vmid === 130);
    const first = await row();
    expect([first.status, first.name]).toEqual(['unknown', undefined]);
    const deadline = Date.now() + 10_000;
    while ((await row()).name !== 'fresh' && Date.now() < deadline) await new Promise((next) => setTimeout(next, 100));
    await test.root.run('POST', '/nodes/lab1/qemu/130/status/start');
    expect((await test.root.data('GET', '/nodes/lab1/qemu/130/status/current')).status).toBe('running');
    while ((await row()).status !== 'running' && Date.now() < deadline)
      await new Promise((next) => setTimeout(next, 100));
    expect((await row()).status).toBe('running');
    await test.root.run('POST', '/nodes/lab1/qemu/130/status/stop');
  });

  it('answers 595 without a body after three seconds for a node that is down, whose guests keep their last state', async () => {
    await test.root.run('POST', '/nodes/lab2/qemu/100/status/start');
    await new Promise((next) => setTimeout(next, 1500));
    await test.fault({ effect: 'node-down', node: 'lab2' });
    const started = Date.now();
    const answer = await test.root.call('GET', '/nodes/lab2/qemu');
    expect([answer.status, answer.reason, answer.text]).toEqual([595, 'No route to host', '']);
    expect(Date.now() - started).toBeGreaterThan(2500);
    const rows = (await test.root.data('GET', '/cluster/resources')) as any[];
    expect(rows.find((row) => row.id === 'qemu/100')).toMatchObject({ status: 'running', node: 'lab2' });
    expect(rows.find((row) => row.id === 'node/lab2')).toMatchObject({ status: 'offline' });
    expect(rows.find((row) => row.id === 'node/lab2').uptime).toBeUndefined();
    expect(rows.find((row) => row.id === 'storage/lab2/local')).toMatchObject({ status: 'unknown' });
    const status = (await test.root.data('GET', '/cluster/status')) as any[];
    expect(status.filter((row) => row.type === 'node').map((row) => [row.name, row.online])).toEqual([
      ['lab1', 1],
      ['lab2', 0],
      ['lab3', 1],
    ]);
    // Only the task finds out that nobody answers there.
    const upid = await test.root.data('POST', '/nodes/lab1/lxc/101/migrate', { target: 'lab2' });
    expect(await test.root.exitOf(upid)).toBe('migration aborted');
    const log = (await test.root.data('GET', `/nodes/lab1/tasks/${encodeURIComponent(upid)}/log`)) as { t: string }[];
    expect(log[0]?.t).toMatch(/ERROR: migration aborted .*: Can't connect to destination address using public key$/);
    expect((await test.root.data('GET', '/nodes/lab1/lxc/101/config')).lock).toBeUndefined();
  });

  it('without quorum reads, logs in and stops guests, and writes nothing of the cluster', async () => {
    await test.root.run('POST', '/nodes/lab1/lxc/101/status/start');
    await test.fault({ effect: 'quorum-lost' });
    expect((await test.root.call('GET', '/cluster/resources')).status).toBe(200);
    expect((await test.client().call('POST', '/access/ticket', test.lab.credentials)).status).toBe(200);
    expect(await reason('POST', '/nodes/lab1/qemu', { vmid: 150 })).toBe('cluster not ready - no quorum?');
    expect(await reason('POST', '/access/users', { userid: 'a@pve' })).toBe(
      "create user failed: cfs-lock 'file-user_cfg' error: no quorum!",
    );
    expect(await reason('PUT', '/access/acl', { path: '/', roles: 'PVEAdmin', users: 'a@pve' })).toBe(
      "ACL update failed: cfs-lock 'file-user_cfg' error: no quorum!",
    );
    expect(await reason('POST', '/pools', { poolid: 'pp' })).toBe(
      "create pool failed: cfs-lock 'file-user_cfg' error: no quorum!",
    );
    expect(await reason('PUT', '/cluster/firewall/options', { enable: 1 })).toMatch(
      /^unable to open file '\/etc\/pve\/firewall\/cluster\.fw\.tmp\.\d+' - Permission denied$/,
    );
    expect(await test.root.run('POST', '/nodes/lab1/lxc/101/status/stop')).toBe('OK');
  });

  it('changes a network in a new file that is applied or dropped, and guests see it from then on', async () => {
    const network = '/nodes/lab1/network';
    const list = () => test.root.call('GET', network);
    const names = async () => ((await list()).body.data as { iface: string }[]).map((one) => one.iface);
    expect((await list()).body.changes).toBeUndefined();
    await test.root.data('POST', network, { iface: 'vmbr5', type: 'bridge', cidr: '192.0.2.1/24', autostart: 1 });
    expect(await errors('POST', network, { iface: 'vmbr5', type: 'bridge' })).toEqual({
      iface: 'interface already exists',
    });
    const pending = await list();
    expect(pending.body.changes).toContain('+iface vmbr5 inet static');
    expect(pending.body.data.find((one: any) => one.iface === 'vmbr5')).toMatchObject({
      type: 'bridge',
      method: 'static',
      address: '192.0.2.1',
      netmask: '24',
      cidr: '192.0.2.1/24',
      families: ['inet'],
    });
    expect(pending.body.data.find((one: any) => one.iface === 'vmbr5').active).toBeUndefined();
    await test.root.data('PUT', '/nodes/lab1/qemu/130/config', { net1: 'virtio,bridge=vmbr5' });
    expect(await test.root.run('POST', '/nodes/lab1/qemu/130/status/start')).toBe("bridge 'vmbr5' does not exist");
    await test.root.data('DELETE', network);
    expect(await names()).toEqual(['vmbr0']);
    await test.root.data('POST', network, { iface: 'vmbr5', type: 'bridge' });
    expect(await test.root.run('PUT', network)).toBe('OK');
    expect((await list()).body.changes).toBeUndefined();
    expect(await test.root.run('POST', '/nodes/lab1/qemu/130/status/start')).toBe('OK');
    await test.root.run('POST', '/nodes/lab1/qemu/130/status/stop');
    expect(await errors('GET', `${network}/vmbr9`)).toEqual({ iface: 'interface does not exist' });
    // Of one node only.
    expect(await errors('GET', '/nodes/lab3/network/vmbr5')).toEqual({ iface: 'interface does not exist' });
  });

  it('brings SDN into force when it is applied, and shows until then what will become of it', async () => {
    await test.root.data('POST', '/cluster/sdn/zones', { zone: 'z1', type: 'simple' });
    expect(await reason('POST', '/cluster/sdn/zones', { zone: 'z1', type: 'simple' })).toBe(
      "create sdn zone object failed: sdn zone object ID 'z1' already defined",
    );
    expect(await reason('POST', '/cluster/sdn/vnets', { vnet: 'v1', zone: 'nosuch' })).toBe(
      'create sdn vnet object failed: zone nosuch does not exist',
    );
    await test.root.data('POST', '/cluster/sdn/vnets', { vnet: 'v1', zone: 'z1' });
    await test.root.data('POST', '/cluster/sdn/vnets/v1/subnets', {
      subnet: '192.0.2.0/24',
      type: 'subnet',
      gateway: '192.0.2.1',
    });
    expect((await test.root.data('GET', '/cluster/sdn/vnets/v1/subnets'))[0]).toMatchObject({
      subnet: 'z1-192.0.2.0-24',
      cidr: '192.0.2.0/24',
      vnet: 'v1',
      zone: 'z1',
    });
    expect(await test.root.data('GET', '/cluster/sdn/zones', { running: 1 })).toEqual([]);
    expect((await test.root.data('GET', '/cluster/sdn/zones', { pending: 1 }))[0]).toMatchObject({
      zone: 'z1',
      state: 'new',
    });
    const bridges = async () =>
      ((await test.root.data('GET', '/nodes/lab1/network', { type: 'any_bridge' })) as { iface: string }[]).map(
        (one) => one.iface,
      );
    expect(await bridges()).not.toContain('v1');
    expect(await test.root.run('PUT', '/cluster/sdn')).toBe('OK');
    expect(await bridges()).toContain('v1');
    expect((await test.root.data('GET', '/cluster/resources')).map((row: any) => row.id)).toContain(
      'network/lab2/zone/z1',
    );
    await test.root.data('PUT', '/cluster/sdn/vnets/v1', { alias: 'first' });
    expect((await test.root.data('GET', '/cluster/sdn/vnets', { pending: 1 }))[0]).toMatchObject({
      state: 'changed',
      pending: { alias: 'first' },
    });
    await test.root.data('POST', '/cluster/sdn/rollback');
    expect((await test.root.data('GET', '/cluster/sdn/vnets/v1')).alias).toBeUndefined();
    const token = await test.root.data('POST', '/cluster/sdn/lock');
    expect(await reason('PUT', '/cluster/sdn/vnets/v1', { alias: 'x' })).toBe(
      'update sdn vnet object failed: invalid lock token provided!',
    );
    await test.root.data('DELETE', '/cluster/sdn/lock', { 'lock-token': token });
    expect(await reason('DELETE', '/cluster/sdn/zones/z1')).toBe(
      'delete sdn zone object failed: zone z1 is used by vnet v1',
    );
    expect(await reason('DELETE', '/cluster/sdn/vnets/v1')).toBe(
      'delete sdn vnet object failed: 400 Parameter verification failed.',
    );
    expect(await reason('GET', '/cluster/sdn/zones/nosuch')).toBe("sdn 'nosuch' does not exist");
  });

  it('asks of an SDN zone what its kind needs, and of the vnets in it', async () => {
    const message = async (path: string, form: Record<string, string | number>) =>
      (await test.root.call('POST', `/cluster/sdn/${path}`, form)).body.message;
    const refused = (kind: string, line: string) =>
      `create sdn ${kind} object failed: 400 Parameter verification failed.\n${line}\n`;
    expect(await message('zones', { zone: 'tagged', type: 'vlan' })).toBe(
      "missing value for required option 'bridge'\n",
    );
    expect(await message('zones', { zone: 'over', type: 'vxlan' })).toContain(
      'must have exactly one of peers / fabric',
    );
    expect(await message('zones', { zone: 'evpn', type: 'evpn', controller: 'none', 'vrf-vxlan': 1 })).toContain(
      "create sdn zone object failed: controller none don't exist",
    );
    await test.root.data('POST', '/cluster/sdn/zones', { zone: 'tagged', type: 'vlan', bridge: 'vmbr0' });
    await test.root.data('POST', '/cluster/sdn/zones', { zone: 'plain', type: 'simple' });
    expect(await message('vnets', { vnet: 't1', zone: 'tagged' })).toBe(refused('vnet', 'tag: missing vlan tag'));
    await test.root.data('POST', '/cluster/sdn/vnets', { vnet: 't1', zone: 'tagged', tag: 5 });
    expect(await message('vnets', { vnet: 't2', zone: 'tagged', tag: 5 })).toBe(
      refused('vnet', 'tag: tag 5 already exist in vnet t1'),
    );
    expect(await message('vnets', { vnet: 't2', zone: 'plain', tag: 5 })).toBe(
      refused('vnet', 'tag: vlan tag is not allowed on simple zone'),
    );
    expect(await message('vnets/t1/subnets', { subnet: '192.0.2.0/25', type: 'subnet', gateway: '192.0.2.129' })).toBe(
      refused('subnet', 'gateway: 192.0.2.129 is not in subnet 192.0.2.0/25'),
    );
  });

  it('checks firewall rules as the real one does, and puts a new one on top', async () => {
    const rules = '/nodes/lab1/qemu/130/firewall/rules';
    expect(await errors('POST', rules, { type: 'in', action: 'MAYBE' })).toEqual({ action: "unknown action 'MAYBE'" });
    expect(await errors('POST', rules, { type: 'in', action: 'ACCEPT', dport: '22' })).toEqual({
      proto: "missing property - 'dport' requires this property",
    });
    expect(await errors('POST', rules, { type: 'in', action: 'ACCEPT', source: '+nosuch' })).toEqual({
      source: "no such ipset 'nosuch'",
    });
    expect(await errors('POST', rules, { type: 'in', action: 'ACCEPT', iface: 'vmbr0' })).toEqual({
      iface: "value does not match the regex pattern 'net\\d+'",
    });
    expect(await errors('POST', rules, { type: 'in', action: 'ACCEPT', macro: 'nosuch' })).toEqual({
      macro: "unknown macro 'nosuch'",
    });
    await test.root.data('POST', rules, { type: 'in', action: 'ACCEPT', macro: 'ssh', comment: 'one' });
    await test.root.data('POST', rules, {
      type: 'in',
      action: 'DROP',
      proto: 'tcp',
      dport: '80,443',
      comment: 'two',
      pos: 5,
    });
    const comments = async () => ((await test.root.data('GET', rules)) as any[]).map((rule) => rule.comment);
    expect(await comments()).toEqual(['two', 'one']);
    expect((await test.root.data('GET', `${rules}/1`)).macro).toBe('SSH');
    await test.root.data('PUT', `${rules}/1`, { moveto: 0 });
    expect(await comments()).toEqual(['one', 'two']);
    expect(await reason('PUT', `${rules}/0`, { enable: 1, digest: '0'.repeat(40) })).toBe(
      'detected modified configuration - file changed by other user? Try again.',
    );
    expect(await reason('GET', `${rules}/7`)).toBe('no rule at position 7');
    await test.root.data('POST', '/cluster/firewall/ipset', { name: 'friends' });
    expect(await errors('POST', '/cluster/firewall/ipset', { name: 'friends' })).toEqual({
      name: "IPSet 'friends' already exists",
    });
    await test.root.data('POST', '/cluster/firewall/ipset/friends', { cidr: '192.0.2.0/24', nomatch: 1 });
    expect(await test.root.data('GET', '/cluster/firewall/ipset/friends/192.0.2.0%2F24')).toMatchObject({ nomatch: 1 });
    expect(await reason('DELETE', '/cluster/firewall/ipset/friends')).toBe("IPSet 'friends' is not empty");
    expect(await reason('DELETE', '/cluster/firewall/groups/nosuch')).toBe("no such security group 'nosuch'");
  });

  it('tells who joins which node to go to, and alone that there is nothing to join', async () => {
    const join = '/cluster/config/join';
    expect(await test.root.data('GET', join, { node: 'lab2' })).toMatchObject({ preferred_node: 'lab2' });
    expect(await reason('GET', join, { node: 'lab9' })).toBe("unknown node 'lab9'");
    const alone = await openTestLab({ nodes: ['lab1'] });
    const { status, body } = await alone.root.call('GET', join);
    expect([status, body.message]).toEqual([424, 'node is not in a cluster, no join info available!']);
    expect(await alone.root.data('GET', '/cluster/config/totem')).toBeNull();
    expect(await alone.root.data('GET', '/cluster/config/nodes')).toEqual([]);
    await alone.close();
  });

  it('keeps the options of the datacenter, property strings taken apart, and lists tags in use', async () => {
    await test.root.data('PUT', '/cluster/options', {
      migration: 'type=insecure,network=192.0.2.0/24',
      'next-id': 'lower=500,upper=600',
      'registered-tags': 'web;prod',
      max_workers: 4,
      description: 'all of it',
    });
    expect(await test.root.data('GET', '/cluster/options')).toEqual({
      mac_prefix: 'BC:24:11',
      migration: { type: 'insecure', network: '192.0.2.0/24' },
      'next-id': { lower: '500', upper: '600' },
      'registered-tags': ['web', 'prod'],
      max_workers: '4',
      description: 'all of it\n',
      'allowed-tags': ['prod', 'web'],
    });
    expect(await test.root.data('GET', '/cluster/nextid')).toBe('500');
    await test.root.data('PUT', '/cluster/options', { delete: 'next-id,registered-tags' });
    expect(await test.root.data('GET', '/cluster/nextid')).toBe('102');
    expect(await errors('GET', '/cluster/nextid', { vmid: 101 })).toEqual({ vmid: 'VM 101 already exists' });
  });
});

describe('tasks of a lab', () => {
  let test: TestLab;
  beforeAll(async () => {
    test = await openTestLab();
    await makeMachine(test, 100);
  });
  afterEach(() => test.clearFaults());
  afterAll(() => test.close());

  it('answer 200 and a UPID, and tell in the end how it went', async () => {
    const upid = await test.root.data('POST', '/nodes/lab1/qemu/999/status/start');
    expect(await test.root.exitOf(upid)).toBe("Configuration file 'nodes/lab1/qemu-server/999.conf' does not exist");
    const path = `/nodes/lab1/tasks/${encodeURIComponent(upid)}`;
    const status = await test.root.data('GET', `${path}/status`);
    expect(status).toMatchObject({
      status: 'stopped',
      user: 'root@pam',
      tokenid: 'bastide',
      type: 'qmstart',
      id: '999',
    });
    const log = await test.root.call('GET', `${path}/log`);
    expect([log.body.total, log.body.data.at(-1).t]).toEqual([1, `TASK ERROR: ${status.exitstatus}`]);
    const listed = (await test.root.data('GET', '/nodes/lab1/tasks', { vmid: 999 }))[0];
    expect(listed).toMatchObject({ upid, status: status.exitstatus, user: 'root@pam', tokenid: 'bastide' });
    expect(listed.exitstatus).toBeUndefined();
    expect(await test.root.data('GET', path)).toEqual([{ name: 'log' }, { name: 'status' }]);
  });

  it('show RUNNING with the whole token while they run, and end interrupted when aborted', async () => {
    await test.fault({ effect: 'task-hang', task: 'qmstart' });
    const upid = await test.root.data('POST', '/nodes/lab1/qemu/100/status/start');
    const list = (query: Record<string, string | number>) => test.root.data('GET', '/nodes/lab1/tasks', query);
    const [running] = await list({ source: 'active' });
    expect(running).toMatchObject({ upid, status: 'RUNNING', user: 'root@pam!bastide' });
    expect((await list({})).map((task: { upid: string }) => task.upid)).not.toContain(upid);
    expect((await list({ source: 'all', errors: 1 })).map((task: { upid: string }) => task.upid)).toContain(upid);
    expect(await test.root.data('DELETE', `/nodes/lab1/tasks/${encodeURIComponent(upid)}`)).toBeNull();
    expect(await test.root.exitOf(upid)).toBe('received interrupt');
    expect((await list({ statusfilter: 'ok' })).every((task: { status: string }) => task.status === 'OK')).toBe(true);
    expect(await list({ limit: 0 })).toEqual([]);
  });

  it('are found under their own node only, and a malformed UPID is refused', async () => {
    const upid = (await test.root.data('GET', '/nodes/lab1/tasks', { limit: 1 }))[0].upid as string;
    const other = `/nodes/lab2/tasks/${encodeURIComponent(upid)}`;
    expect((await test.root.call('GET', `${other}/status`)).body.errors).toEqual({ upid: 'no such task' });
    expect(await test.root.data('GET', `${other}/log`)).toEqual([
      { n: 1, t: 'unable to open file - No such file or directory' },
    ]);
    for (const bad of ['UPID:x', 'x', 'UPID:lab1:1:2:3:a:b:c:'])
      expect((await test.root.call('GET', `/nodes/lab1/tasks/${encodeURIComponent(bad)}/status`)).body.errors).toEqual({
        upid: 'unable to parse worker upid',
      });
  });

  it('are shown to who started them, a token those of its own', async () => {
    await test.root.data('POST', '/access/users', { userid: 'op@pve' });
    await test.root.data('PUT', '/access/acl', { path: '/vms', roles: 'PVEVMUser', users: 'op@pve' });
    const token = async (name: string) =>
      test.client(
        `op@pve!${name}=${(await test.root.data('POST', `/access/users/op@pve/token/${name}`, { privsep: 0 })).value}`,
      );
    const [one, two] = [await token('one'), await token('two')];
    const upid = await one.data('POST', '/nodes/lab1/qemu/100/status/stop');
    await test.root.exitOf(upid);
    expect((await one.data('GET', '/nodes/lab1/tasks')).map((task: { upid: string }) => task.upid)).toEqual([upid]);
    expect(await two.data('GET', '/nodes/lab1/tasks')).toEqual([]);
    expect((await two.call('GET', `/nodes/lab1/tasks/${encodeURIComponent(upid)}/status`)).reason).toBe(
      'Permission check failed (/nodes/lab1, Sys.Audit)',
    );
    // The list of the whole cluster is for users and auditors.
    expect(await one.data('GET', '/cluster/tasks')).toEqual([]);
    expect(await test.root.data('GET', '/cluster/tasks')).toContainEqual(
      expect.objectContaining({ upid, user: 'op@pve', tokenid: 'one', status: 'OK', saved: '1' }),
    );
  });
});
