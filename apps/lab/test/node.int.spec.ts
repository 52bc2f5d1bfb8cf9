import { openTestLab, type TestLab } from './test-lab.js';

const N = '/nodes/lab1';

describe('a node', () => {
  let test: TestLab;
  beforeEach(async () => {
    test = await openTestLab();
  });
  afterEach(() => test.close());

  it('tells the time of its zone to the second', async () => {
    const wrong = await test.root.call('PUT', `${N}/time`, { timezone: 'Europe/Nowhere' });
    expect(wrong.body.errors).toEqual({ timezone: 'No such timezone' });
    for (let round = 0; round < 20; round += 1) {
      const { time, localtime } = await test.root.data('GET', `${N}/time`);
      expect(localtime).toBe(time);
    }
    await test.root.data('PUT', `${N}/time`, { timezone: 'Asia/Tokyo' });
    const { time, localtime } = await test.root.data('GET', `${N}/time`);
    expect(localtime - time).toBe(9 * 3600);
  });

  it('stops and starts its services, but for those it cannot be without and those it does not have', async () => {
    const control = (service: string, verb: string) => test.root.run('POST', `${N}/services/${service}/${verb}`);
    const state = async (service: string) => (await test.root.data('GET', `${N}/services/${service}/state`)).state;
    expect(await control('pveproxy', 'stop')).toBe(
      "invalid service cmd 'pveproxy stop': refusing to stop essential service!",
    );
    expect(await control('syslog', 'start')).toBe("command 'systemctl start syslog' failed: exit code 5");
    expect(await control('cron', 'stop')).toBe('OK');
    expect(await state('cron')).toBe('dead');
    expect(await control('cron', 'restart')).toBe('OK');
    expect(await state('cron')).toBe('running');
  });

  it('writes its name servers anew each time, each once', async () => {
    const dns = `${N}/dns`;
    await test.root.data('PUT', dns, { search: 'x.test', dns1: '192.0.2.1', dns2: '192.0.2.1', dns3: '192.0.2.3' });
    expect(await test.root.data('GET', dns)).toEqual({ search: 'x.test', dns1: '192.0.2.1', dns2: '192.0.2.3' });
    await test.root.data('PUT', dns, { search: 'y.test' });
    expect(await test.root.data('GET', dns)).toEqual({ search: 'y.test' });
  });

  it('keeps an address however it was written, and says what is wrong with an interface', async () => {
    const network = `${N}/network`;
    const errors = async (more: Record<string, string | number>) =>
      (await test.root.call('POST', network, { iface: 'vmbr8', type: 'bridge', ...more })).body.errors;
    expect(await errors({ cidr: '192.0.2.1/24', address: '192.0.2.1', netmask: '255.255.255.0' })).toEqual({
      address: 'address conflicts with cidr',
    });
    await test.root.data('POST', network, {
      iface: 'vmbr7', type: 'bridge', address: '192.0.2.1', netmask: '255.255.255.192', gateway: '192.0.2.2', gateway6: 'fd00::1', bridge_ports: 'eno1',
    }); // biome-ignore format: a form
    expect(await test.root.data('GET', `${network}/vmbr7`)).toMatchObject({ cidr: '192.0.2.1/26', netmask: '26' });
    expect(await errors({ gateway: '192.0.2.3' })).toEqual({
      gateway: "Default gateway already exists on interface 'vmbr7'.",
    });
    expect(await errors({ gateway6: 'fd00::2' })).toEqual({
      gateway6: "Default ipv6 gateway already exists on interface 'vmbr7'.",
    });
    expect(await errors({ type: 'bond', iface: 'bond0', slaves: 'eno2 eno1' })).toEqual({
      slaves: "eno1 is already used on interface 'vmbr7'.",
    });
  });

  it('logs what its tasks said: as numbered lines, and between two cursors', async () => {
    const empty = await test.root.call('GET', `${N}/syslog`);
    expect(empty.body).toEqual({ data: [{ n: 1, t: 'no content' }], total: 1 });
    expect((await test.root.call('GET', `${N}/journal`)).body).toEqual({ data: [], success: 1 });
    await test.root.run('POST', `${N}/qemu`, { vmid: 100 });
    const lines = await test.root.call('GET', `${N}/syslog`, { limit: 1, start: 1 });
    expect(lines.body.total).toBe(2);
    expect(lines.body.data).toEqual([
      {
        n: 2,
        t: expect.stringMatching(/^[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d lab1 pvedaemon\[\d+\]: .* end task .* OK$/),
      },
    ]);
    const of = (service: string) => test.root.data('GET', `${N}/syslog`, { service });
    expect(await of('cron')).toEqual([{ n: 1, t: 'no content' }]);
    expect(await test.root.data('GET', `${N}/syslog`, { since: '2030-01-01', until: '2030-01-02' })).toEqual([
      { n: 1, t: 'no content' },
    ]);
    const [first, ...rest] = (await test.root.data('GET', `${N}/journal`)) as string[];
    expect(first).toMatch(/^s=[0-9a-f]{32};/);
    expect(rest).toHaveLength(3);
    expect(await test.root.data('GET', `${N}/journal`, { startcursor: rest.at(-1) ?? '' })).toEqual([]);
    expect(await test.root.data('GET', `${N}/journal`, { lastentries: 1 })).toHaveLength(3);
  });

  it('lists its package repositories, and adds and switches them', async () => {
    const path = `${N}/apt/repositories`;
    const handles = async () =>
      Object.fromEntries(
        ((await test.root.data('GET', path))['standard-repos'] as { handle: string; status?: number }[]).map((one) => [
          one.handle,
          one.status,
        ]),
      );
    expect(await handles()).toMatchObject({ enterprise: 1, 'ceph-squid-enterprise': 1 });
    expect((await handles())['no-subscription']).toBeUndefined();
    const { digest } = await test.root.data('GET', path);
    await test.root.data('PUT', path, { handle: 'no-subscription', digest });
    expect((await test.root.call('PUT', path, { handle: 'test', digest })).reason).toBe(
      'detected modified configuration - file changed by other user? Try again.',
    );
    const file = '/etc/apt/sources.list.d/pve-enterprise.sources';
    await test.root.data('POST', path, { path: file, index: 0, enabled: 0 });
    expect(await handles()).toMatchObject({ enterprise: 0, 'no-subscription': 1 });
    const reason = async (method: string, more: Record<string, string | number>) =>
      (await test.root.call(method, path, more)).reason;
    expect(await reason('POST', { path: file, index: 3 })).toBe('invalid index - 3');
    expect(await reason('POST', { path: '/etc/passwd', index: 0 })).toBe('invalid path - /etc/passwd');
    expect(await reason('PUT', { handle: 'mine' })).toMatch(/^no standard repository for handle 'mine'/);
  });

  it('keeps a subscription key that nobody could check', async () => {
    const path = `${N}/subscription`;
    expect((await test.root.call('PUT', path, { key: 'x' })).status).toBe(400);
    await test.root.data('PUT', path, { key: 'pve2c-1234567890' });
    expect(await test.root.data('GET', path)).toMatchObject({ status: 'invalid', key: 'pve2c-1234567890', level: 'c' });
    await test.root.data('DELETE', path);
    expect(await test.root.data('GET', path)).toMatchObject({ status: 'notfound' });
  });

  it('gives its figures to monitoring, a line per metric', async () => {
    await test.root.run('POST', `${N}/qemu`, { vmid: 100, memory: 64 });
    await test.root.run('POST', `${N}/qemu/100/status/start`);
    const metrics = async (more: Record<string, string | number> = {}) =>
      (await test.root.data('GET', '/cluster/metrics/export', more)).data as Record<string, unknown>[];
    const all = await metrics();
    expect(all).toContainEqual({
      id: 'qemu/100', metric: 'mem_total', type: 'gauge', value: 64 * 2 ** 20, timestamp: expect.any(Number),
    }); // biome-ignore format: one line
    expect(all.find((one) => one.id === 'qemu/100' && one.metric === 'net_in')?.type).toBe('derive');
    expect(new Set(all.map(({ id }) => id))).toEqual(
      new Set(['node/lab1', 'node/lab2', 'qemu/100', 'storage/lab1/local', 'storage/lab1/local-zfs', 'storage/lab2/local', 'storage/lab2/local-zfs']),
    ); // biome-ignore format: one line
    expect((await metrics({ 'node-list': 'lab2' })).every(({ id }) => String(id).includes('lab2'))).toBe(true);
    expect((await test.root.call('GET', '/cluster/metrics/export', { 'node-list': 'lab9' })).reason).toBe(
      'Requested node-list contains unknown nodes - lab9',
    );
  });
});
