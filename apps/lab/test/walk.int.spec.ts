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
const PEM = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----';
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
    await root.run('POST', '/nodes/lab1/lxc/101/status/start');
    NEEDED.pid = String((await root.data('POST', '/nodes/lab1/qemu/100/agent/exec', { command: '/bin/true' })).pid);
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
    ['/access/domains', { realm: 'town', type: 'ldap', server1: '192.0.2.1', base_dn: 'dc=town', user_attr: 'uid' }],
    ['/cluster/jobs/realm-sync/town', { realm: 'town', schedule: 'daily', scope: 'both' }],
    ['/cluster/replication', { id: '102-0', type: 'local', target: 'lab2' }],
    ['/cluster/ha/resources', { sid: 'vm:100' }],
    ['/cluster/ha/rules', { rule: 'r1', type: 'node-affinity', resources: 'vm:100', nodes: 'lab1:2,lab2' }],
    ['/cluster/sdn/dns', { dns: 'd1', type: 'powerdns', url: 'http://192.0.2.1', key: 'x' }],
    ['/cluster/sdn/controllers', { controller: 'c1', type: 'bgp', asn: 65000, node: 'lab1', peers: '192.0.2.9' }],
    ['/cluster/mapping/pci', { id: 'm1', map: 'node=lab1,path=0000:00:02.0,id=8086:1234', description: 'x' }],
    ['/cluster/mapping/usb', { id: 'm1', map: 'node=lab1,id=8086:1234', description: 'x' }],
    ['/cluster/mapping/dir', { id: 'm1', map: 'node=lab1,path=/srv', description: 'x' }],
    ['/cluster/qemu/custom-cpu-models', { cputype: 'x1', 'reported-model': 'EPYC' }],
    ['/cluster/metrics/server/graphite1', { type: 'graphite', server: '192.0.2.1', port: 2003 }],
    ['/cluster/notifications/endpoints/gotify', { name: 'g1', server: 'https://x.test', token: 't' }],
    ['/cluster/notifications/endpoints/smtp', { name: 's1', server: 'x.test', 'from-address': 'a@x.test' }],
    ['/cluster/notifications/endpoints/webhook', { name: 'w1', url: 'https://x.test', method: 'post' }],
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
      node: 'lab1', plugin: 'standalone', ipam: 'pve', rule: 'r1', dns: 'd1', controller: 'c1', vmid: template.includes('/lxc/') ? '101' : '100', storage: 'local', upid, userid: 'eve@pve', realm: 'pve', tokenid: 't1',
      roleid: 'Mine', groupid: 'staff', poolid: 'office', snapname: 'before', zone: 'z1', vnet: 'v1', subnet: 'z1-192.0.2.0-24', iface: 'vmbr7',
      sid: 'vm:100', pos: '0', volume: IMAGE, service: 'pveproxy', name: template.includes('/ipset') ? 'friends' : 'home', cidr: '192.0.2.5', group: 'web',
      id: 'nightly', flag: 'noout', monid: 'a', osdid: '0', fabric_id: 'f1', node_id: 'n1', 'pci-id-or-mapping': '0000:00:02.0', cputype: 'custom-x1',
    }; // biome-ignore format: a table
    const special = Object.entries(SPECIAL).find(([path]) => template.startsWith(path))?.[1];
    return template.replace(/\{([^}]+)\}/g, (_, name: string) =>
      encodeURIComponent((name === 'id' || name === 'name' ? special : undefined) ?? places[name] ?? 'none'),
    );
  }

  /** `id` or `name` where the path says which. */
  const SPECIAL: Readonly<Record<string, string>> = {
    '/cluster/acme/plugins/': 'standalone',
    '/cluster/notifications/endpoints/gotify/': 'g1',
    '/cluster/notifications/endpoints/smtp/': 's1',
    '/cluster/notifications/endpoints/webhook/': 'w1',
    '/cluster/notifications/endpoints/sendmail/': 'mail-to-root',
    '/cluster/notifications/matchers/': 'default-matcher',
    '/cluster/mapping/': 'm1',
    '/cluster/metrics/server/': 'graphite1',
    '/cluster/jobs/realm-sync/': 'town',
    '/cluster/replication/': '102-0',
    '/nodes/{node}/replication/': '102-0',
  };
  const NEEDED: Record<string, string> = {
    feature: 'snapshot', timeframe: 'hour', file: '/etc/hostname', type: 'user', schedule: 'daily', action: 'stop', service: 'mon',
    'config-keys': 'global:x', source: 'local', port: '5900',
  }; // biome-ignore format: a table

  /** Where a fresh server refuses, and with what. */
  const ELSEWHERE: readonly (readonly [RegExp, RegExp])[] = [
    [/\/ceph\/(?!releases|cfg$)./, /binary not installed/],
    [/\/cluster\/ha\/groups/, /ha groups have been migrated to rules/],
    [/\/query-url-metadata$/, /does not match the regex pattern/],
    [/\/prunebackups$/, /no prune-backups options configured/],
    [/\/vncwebsocket$/, /invalid PVEVNC ticket/],
    [/\/file-restore\//, /Only PBS storages supported/],
    [/\/import-metadata$/, /unable to parse directory volume name/],
    [/^\/access\/tfa\/\{userid\}\/\{id\}$/, /No such tfa entry/],
    // Nobody but root by ticket: the description names no permission at all.
    [/^\/cluster\/backup-info$|acme\/account\/|vnets\/\{vnet\}\/firewall$/, /user != root@pam/],
  ];

  /** Fields the description promises and a genuine server does not send (recorded, or read from its source). */
  const NOT_TRUE = [
    'has-dbus-vmstate: missing',
    'local_disks[].is_unused: missing',
    '/mapping/usb data[].error: missing',
    '/jobs/realm-sync data[].enabled: missing',
    '/vzdump/defaults data.fleecing: {"enabled":0} is no string',
    '/vzdump/defaults data.performance: ',
  ];

  /** A value of a parameter that its own definition takes. */
  function sample(name: string, property: any): string {
    if (name === 'id' && property.pattern) return '100-0';
    if (name === 'reference' && property.pattern.includes('127}')) return 'docker.io/library/debian:12';
    if (NEEDED_TO_FILL[name] !== undefined) return NEEDED_TO_FILL[name];
    if (property.enum) return String(property.enum[0]);
    if (property.type === 'boolean') return '0';
    if (property.type === 'integer' || property.type === 'number') return String(property.minimum ?? 1);
    return 'a'.repeat(Math.max(2, Number(property.minLength ?? 2)));
  }
  const NEEDED_TO_FILL: Readonly<Record<string, string>> = {
    vmid: '100', target: 'lab2', node: 'lab1', storage: 'local', userid: 'eve@pve', url: 'https://x.test', hostname: '192.0.2.1', link0: '192.0.2.1',
    'target-endpoint': 'host=192.0.2.1,apitoken=x', 'redirect-url': 'https://x.test', fingerprint: Array(32).fill('AA').join(':'), schedule: 'daily',
    portal: '192.0.2.1', contact: 'a@x.test', key: 'pve2c-1234567890', disk: '/dev/sda', certificates: PEM, privs: 'VM.Audit', zone: 'z1', commands: '[]',
    volume: 'local:iso/x.iso', reference: 'docker.io/library/debian', ip: '192.0.2.9', id: 'a1', cputype: 'custom-x', dev: '/dev/sda', devices: '/dev/sda',
  }; // biome-ignore format: a table

  it('is implemented, or says that this lab does not have it', async () => {
    const login = await test.client().data('POST', '/access/ticket', test.lab.credentials);
    const headers = {
      Cookie: `PVEAuthCookie=${encodeURIComponent(login.ticket)}`,
      CSRFPreventionToken: login.CSRFPreventionToken,
    };
    const found: string[] = [];
    const anyone = test.client();
    for (const { method, path, parameters } of METHODS) {
      if (HANDLERS[`${method} ${path}`]) continue;
      const form = new URLSearchParams();
      for (const [name, property] of Object.entries(parameters.properties ?? {}))
        if (!Number(property.optional ?? 0) && !path.includes(`{${name}}`)) form.set(name, sample(name, property));
      const inQuery = method === 'GET' || method === 'DELETE';
      const target = path.replace(/\{([^}]+)\}/g, (_, name: string) =>
        encodeURIComponent(sample(name, parameters.properties?.[name] ?? {})),
      );
      const answer = await anyone.send(
        method,
        `/api2/json${target}${inQuery ? `?${form.toString()}` : ''}`,
        inQuery ? undefined : form.toString(),
        headers,
      );
      const wanted = `Method '${method} ${target}' not implemented by this lab (Bastide lab)`;
      if (answer.status !== 501 || decodeURIComponent(answer.reason) !== decodeURIComponent(wanted))
        found.push(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 300)}`);
    }
    expect(found).toEqual([]);
  }, 60_000);

  it.each([
    ['GET', '/nosuch'],
    ['GET', '/nodes/lab1/qemu/100/nosuch'],
    ['PATCH', '/nodes'],
    ['POST', '/version'],
    ['DELETE', '/nodes/lab1/qemu/100/status/start'],
    ['PUT', '/cluster/nextid'],
  ])('answers 501 to %s %s, in the words of the real server', async (method, path) => {
    const answer = await test.root.send(method, `/api2/json${path}`);
    expect([answer.status, answer.reason]).toEqual([
      501,
      method === 'PATCH' ? "method 'PATCH' not available" : `Method '${method} ${path}' not implemented`,
    ]);
  });

  it('answers a GET as described', async () => {
    const found: string[] = [];
    for (const { method, path, returns, parameters } of METHODS) {
      if (method !== 'GET' || !HANDLERS[`GET ${path}`]) continue;
      const query: Record<string, string> = {};
      for (const [name, property] of Object.entries(parameters.properties ?? {}))
        if (!Number(property.optional ?? 0) && !path.includes(`{${name}}`)) query[name] = NEEDED[name] ?? 'x';
      const answer = await test.root.call('GET', filled(path), query);
      const expected = ELSEWHERE.find(([pattern]) => pattern.test(path))?.[1];
      if (expected !== undefined) {
        if (answer.status === 200 || !expected.test(answer.text)) found.push(`${path}: ${answer.text}`);
      } else if (answer.status !== 200) found.push(`${path}: ${answer.status} ${answer.text.slice(0, 200)}`);
      else
        for (const line of differences(answer.body.data, returns))
          if (!NOT_TRUE.some((one) => `${path} ${line}`.includes(one))) found.push(`${path} ${line}`);
    }
    expect(found).toEqual([]);
  }, 60_000);
});
