/** The firewall's sets, aliases, groups and rules in the words and shapes of the real one. */
import { makeContainer, openTestLab, type TestLab } from './test-lab.js';

describe('firewall', () => {
  let test: TestLab;
  beforeAll(async () => {
    test = await openTestLab();
    await makeContainer(test, 140);
  });
  afterAll(() => test.close());

  const errors = async (method: string, path: string, form: Record<string, string | number> = {}) =>
    (await test.root.call(method, path, form)).body.errors;
  const guest = '/nodes/lab1/lxc/140/firewall';
  const rule = { type: 'in', action: 'ACCEPT' };

  it.each([
    [{ source: '10.0.0.0.1' }, { source: 'invalid format - invalid IP address: Invalid IP address 10.0.0.0.1\n' }],
    [
      { source: '10.0.0.300' },
      { source: 'invalid format - invalid IP address: Invalid quad in IP address 10.0.0.300 - 300\n' },
    ],
    [
      { source: '10.0.0.1/24' },
      { source: 'invalid format - invalid IP address: Invalid prefix 00001010000000000000000000000001/24\n' },
    ],
    [
      { dest: '10.0.0.1,fd00::1' },
      { dest: "invalid format - detected mixed ipv4/ipv6 addresses in address list '10.0.0.1,fd00::1'\n" },
    ],
    [{ dest: '10.0.0.1-10.0.0.9,10.1.0.1' }, { dest: "invalid format - you can't use a range in a list\n" }],
    [{ proto: 'nosuch' }, { proto: "invalid format - unknown protocol 'nosuch'\n" }],
    [{ proto: 'tcp', dport: '70000' }, { dport: "invalid format - invalid port '70000'\n" }],
    [
      { proto: 'tcp', dport: '90:80' },
      { dport: "invalid format - backwards range '90:80' not allowed, did you mean '80:90'?\n" },
    ],
    [{ proto: 'tcp', dport: '80-90' }, { dport: "invalid format - invalid port '80-90'\n" }],
    [{ proto: 'tcp', sport: '80,' }, { sport: 'invalid format - extraneous commas in list\n' }],
    [{ proto: 'icmp', 'icmp-type': 'nosuch' }, { 'icmp-type': "invalid format - invalid icmp-type value 'nosuch'\n" }],
    [{ proto: 'icmp', 'icmp-type': 'no-route' }, { 'icmp-type': "invalid icmp-type 'no-route' for proto 'icmp'" }],
    [{ macro: 'SSH', dport: '22' }, { proto: "missing property - 'dport' requires this property" }],
    [{ proto: 'icmp', sport: '22' }, { sport: "protocol 'icmp' does not support ports" }],
  ])('refuses a rule with %j', async (form, expected) => {
    expect(await errors('POST', `${guest}/rules`, { ...rule, ...form })).toEqual(expected);
  });

  it.each([
    { source: '10.0.0.0/8,192.168.0.0/16' },
    { dest: 'fd00::1' },
    { source: '10.0.0.1-10.0.0.9' },
    { proto: 'tcp', dport: 'ssh,8000:8080' },
    { proto: 'icmp', 'icmp-type': 'echo-request' },
    { proto: '6', sport: '1024:65535' },
  ] as Record<string, string>[])('takes a rule with %j', async (form) => {
    await test.root.data('POST', `${guest}/rules`, { ...rule, ...form });
    expect(await test.root.data('GET', `${guest}/rules/0`)).toMatchObject({ ...form, enable: 0, pos: '0' });
  });

  it('takes nothing away from a rule that it needs or does not know', async () => {
    await test.root.data('POST', `${guest}/rules`, { ...rule, comment: 'x', enable: 1 });
    expect(await errors('PUT', `${guest}/rules/0`, { delete: 'nosuch' })).toEqual({
      delete: "no such property ('nosuch')",
    });
    expect(await errors('PUT', `${guest}/rules/0`, { delete: 'action' })).toEqual({
      delete: "unable to delete required property 'action'",
    });
    await test.root.data('PUT', `${guest}/rules/0`, { delete: 'comment' });
    expect(await test.root.data('GET', `${guest}/rules/0`)).not.toHaveProperty('comment');
  });

  it('lists aliases with their version, in order, single addresses without a prefix', async () => {
    await test.root.data('POST', `${guest}/aliases`, { name: 'web', cidr: '192.0.2.5/32' });
    await test.root.data('POST', `${guest}/aliases`, { name: 'Lan', cidr: 'fd00::/64', comment: 'c' });
    await test.root.data('POST', `${guest}/aliases`, { name: 'all', cidr: '0.0.0.0/0' });
    const list = await test.root.data('GET', `${guest}/aliases`);
    const { digest } = list[0];
    expect(list).toEqual([
      { name: 'all', cidr: '0.0.0.0/0', ipversion: 4, digest },
      { name: 'Lan', cidr: 'fd00::/64', ipversion: 6, comment: 'c', digest },
      { name: 'web', cidr: '192.0.2.5', ipversion: 4, digest },
    ]);
    await test.root.data('PUT', `${guest}/aliases/web`, { cidr: '192.0.2.6', digest });
    expect(await test.root.data('GET', `${guest}/aliases/web`)).toEqual({
      name: 'web',
      cidr: '192.0.2.6',
      ipversion: 4,
    });
  });

  it('keeps networks of a set without what stands behind the prefix, and of an entry only what was sent last', async () => {
    const set = `${guest}/ipset/friends`;
    await test.root.data('POST', `${guest}/ipset`, { name: 'Friends', comment: 'ours' });
    expect(await test.root.data('GET', `${guest}/ipset`)).toMatchObject([{ name: 'friends', comment: 'ours' }]);
    await test.root.data('POST', set, { cidr: '192.0.2.77/24', comment: 'c', nomatch: 1 });
    await test.root.data('POST', set, { cidr: '192.0.2.9/32', nomatch: 0 });
    await test.root.data('POST', set, { cidr: 'fd00:0:0:1::5/64' });
    expect(await errors('POST', set, { cidr: '192.0.2.1/24' })).toEqual({
      cidr: "address '192.0.2.0/24' already exists",
    });
    expect(await errors('POST', set, { cidr: '0.0.0.0/0' })).toEqual({
      cidr: 'a zero prefix is not allowed in ipset entries',
    });
    const missing = await test.root.call('POST', set, { cidr: 'dc/nosuch' });
    expect([missing.status, missing.reason]).toEqual([500, "no such alias 'nosuch'"]);
    const entries = await test.root.data('GET', set);
    const { digest } = entries[0];
    expect(entries).toEqual([
      { cidr: 'fd00:0:0:1::/64', digest },
      { cidr: '192.0.2.9', digest },
      { cidr: '192.0.2.0/24', comment: 'c', nomatch: 1, digest },
    ]);
    await test.root.data('PUT', `${set}/192.0.2.0%2F24`, { comment: 'd' });
    const entry = await test.root.data('GET', `${set}/192.0.2.0%2F24`);
    expect(entry).toEqual({ cidr: '192.0.2.0/24', comment: 'd', digest: expect.stringMatching(/^[0-9a-f]{40}$/) });
  });

  it('points at sets and aliases by their names, those of the datacenter first', async () => {
    await test.root.data('POST', '/cluster/firewall/aliases', { name: 'Office', cidr: '198.51.100.0/24' });
    const refs = (await test.root.data('GET', `${guest}/refs`)) as { ref: string; scope: string }[];
    expect(refs[0]).toEqual({ type: 'alias', name: 'office', ref: 'office', scope: 'dc' });
    expect(refs.slice(1).map(({ ref, scope }) => `${scope} ${ref}`)).toEqual(
      expect.arrayContaining(['guest +friends', 'guest web']),
    );
  });

  it('renames a group where rules point at it', async () => {
    await test.root.data('POST', '/cluster/firewall/groups', { group: 'Web', comment: 'c' });
    await test.root.data('POST', '/cluster/firewall/groups', { group: 'db' });
    await test.root.data('POST', `${guest}/rules`, { type: 'group', action: 'web', enable: 1 });
    const groups = await test.root.data('GET', '/cluster/firewall/groups');
    const { digest } = groups[0];
    expect(groups).toEqual([
      { group: 'db', digest },
      { group: 'web', comment: 'c', digest },
    ]);
    const stale = await test.root.call('POST', '/cluster/firewall/groups', {
      group: 'site',
      rename: 'web',
      digest: '0'.repeat(40),
    });
    expect(stale.reason).toBe('detected modified configuration - file changed by other user? Try again.');
    await test.root.data('POST', '/cluster/firewall/groups', { group: 'site', rename: 'web', digest });
    expect((await test.root.data('GET', '/cluster/firewall/groups')).map((one: any) => one.group)).toEqual([
      'db',
      'site',
    ]);
    expect(await test.root.data('GET', `${guest}/rules/0`)).toMatchObject({ type: 'group', action: 'site' });
  });
});
