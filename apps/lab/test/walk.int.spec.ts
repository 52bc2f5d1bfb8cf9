/**
 * Walks every method of the API: it is either implemented or says that this lab does not have it, and what an implemented GET
 * answers is what the API's own description promises.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HANDLERS } from '../src/endpoints.js';
import { differences, type ReturnSchema } from './returned.js';
import { IMAGE, makeContainer, makeMachine, openTestLab, type TestLab } from './test-lab.js';

interface Documented {
  readonly method: string;
  readonly path: string;
  readonly parameters: { readonly properties?: Readonly<Record<string, any>> };
  readonly returns?: ReturnSchema;
}
const FILE = join(dirname(fileURLToPath(import.meta.url)), '../../../../shared/pve/apidoc.json');
const present = existsSync(FILE);
if (!present) process.stderr.write(`SKIPPED: no API description of a genuine server at ${FILE}\n`);
const METHODS = present ? (JSON.parse(readFileSync(FILE, 'utf8')) as Documented[]) : [];

(present ? describe : describe.skip)('every method of the API', () => {
  let test: TestLab;
  let upid = '';
  beforeAll(async () => {
    test = await openTestLab();
    const { root } = test;
    await makeMachine(test, 100);
    await makeContainer(test, 101);
    await makeMachine(test, 102);
    upid = await root.data('POST', '/nodes/lab1/qemu/100/status/start');
    await root.exitOf(upid);
    await root.run('POST', '/nodes/lab1/lxc/101/snapshot', { snapname: 'before' });
    await root.run('POST', '/nodes/lab1/qemu/100/snapshot', { snapname: 'before' });
    await root.run('POST', '/nodes/lab1/vzdump', { vmid: 102, storage: 'local' });
    const [backup] = await root.data('GET', '/nodes/lab1/storage/local/content', { content: 'backup' });
    NEEDED.volume = backup.volid;
    for (const [path, form] of SETUP) await root.data('POST', path, form);
  }, 60_000);
  afterAll(() => test.close());

  const SETUP: readonly (readonly [string, Readonly<Record<string, string | number>>])[] = [
    ['/pools', { poolid: 'office', comment: 'all of it' }],
    ['/access/groups', { groupid: 'staff' }],
    ['/access/users', { userid: 'eve@pve', groups: 'staff', password: 'secret123' }],
    ['/access/users/eve@pve/token/t1', { comment: 'x' }],
    ['/access/roles', { roleid: 'Mine', privs: 'VM.Audit' }],
    ['/cluster/backup', { id: 'nightly', schedule: 'sat 02:30', all: 1, storage: 'local' }],
    ['/cluster/ha/resources', { sid: 'vm:100' }],
    ['/cluster/sdn/zones', { zone: 'z1', type: 'simple' }],
    ['/cluster/sdn/vnets', { vnet: 'v1', zone: 'z1' }],
    ['/cluster/sdn/vnets/v1/subnets', { subnet: '192.0.2.0/24', type: 'subnet', gateway: '192.0.2.1' }],
    ['/nodes/lab1/network', { iface: 'vmbr7', type: 'bridge', cidr: '192.0.2.1/24' }],
    ...['/cluster', '/nodes/lab1/qemu/100', '/nodes/lab1/lxc/101'].flatMap(
      (base) =>
        [
          [`${base}/firewall/aliases`, { name: 'home', cidr: '192.0.2.0/24' }],
          [`${base}/firewall/ipset`, { name: 'friends' }],
          [`${base}/firewall/ipset/friends`, { cidr: '192.0.2.5' }],
          [`${base}/firewall/rules`, { type: 'in', action: 'ACCEPT' }],
        ] as const,
    ),
    ['/nodes/lab1/firewall/rules', { type: 'in', action: 'ACCEPT' }],
    ['/cluster/sdn/vnets/v1/firewall/rules', { type: 'forward', action: 'ACCEPT' }],
    ['/cluster/firewall/groups', { group: 'web' }],
    ['/cluster/firewall/groups/web', { type: 'in', action: 'ACCEPT' }],
  ];

  /** What stands for a path's parameters; by the path's beginning where it differs. */
  function filled(template: string): string {
    const places: Readonly<Record<string, string>> = {
      node: 'lab1', vmid: template.includes('/lxc/') ? '101' : '100', storage: 'local', upid, userid: 'eve@pve', realm: 'pve', tokenid: 't1',
      roleid: 'Mine', groupid: 'staff', poolid: 'office', snapname: 'before', zone: 'z1', vnet: 'v1', subnet: 'z1-192.0.2.0-24', iface: 'vmbr7',
      sid: 'vm:100', pos: '0', volume: IMAGE, service: 'pveproxy', name: template.includes('/ipset') ? 'friends' : 'home', cidr: '192.0.2.5', group: 'web',
      id: 'nightly', flag: 'noout', monid: 'a', osdid: '0', fabric_id: 'f1', node_id: 'n1', 'pci-id-or-mapping': '0000:00:02.0', cputype: 'custom-x',
    }; // biome-ignore format: a table
    return template.replace(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(places[name] ?? 'none'));
  }

  it('answers a GET as described', async () => {
    const found: string[] = [];
    for (const { method, path, returns, parameters } of METHODS) {
      if (method !== 'GET' || !HANDLERS[`GET ${path}`]) continue;
      const query: Record<string, string> = {};
      for (const [name, property] of Object.entries(parameters.properties ?? {}))
        if (!Number(property.optional ?? 0) && !path.includes(`{${name}}`)) query[name] = NEEDED[name] ?? 'x';
      const answer = await test.root.call('GET', filled(path), query);
      if (answer.status !== 200) found.push(`${path}: ${answer.status} ${answer.text.slice(0, 200)}`);
      else for (const line of differences(answer.body.data, returns)) found.push(`${path} ${line}`);
    }
    expect(found).toEqual([]);
  }, 60_000);
  const NEEDED: Record<string, string> = {};
});
