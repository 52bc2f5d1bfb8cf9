/**
 * Replays a scenario recorded on a genuine two-node cluster against a lab of its own, and compares status, reason phrase, error
 * texts and the shape of bodies. What still differs is listed in KNOWN with its reason, and in docs/reference/lab-differences.md;
 * a difference that is not listed fails, and so does a listed one that is gone.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunningLab } from '../src/lab-options.js';
import { startLab } from '../src/start-lab.js';
import { LabClient } from './lab-client.js';

const FILE = join(dirname(fileURLToPath(import.meta.url)), '../../../../shared/pve/recorded.jsonl');
const present = existsSync(FILE);
if (!present) process.stderr.write(`SKIPPED: no recording of a genuine cluster at ${FILE}\n`);

interface Recorded {
  readonly note: string | null;
  readonly method: string;
  readonly path: string;
  readonly form: string | null;
  readonly req_headers: Readonly<Record<string, string>>;
  readonly status: number;
  readonly reason: string;
  readonly body: unknown;
}

/** By the number of the pair: why it differs. */
const KNOWN: Readonly<Record<number, string>> = {
  5: 'GET /version has one more field, `lab`, that says what answers',
};

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKBsjN3qvI7pX7Ict9s9Z0VfpScPG4SiDLPaATg3za/b lab@x';
const IMAGE = 'local:import/debian-12-bastide_12.0-1_amd64.qcow2';
const TEMPLATE = 'local:vztmpl/debian-12-bastide_12.0-1_amd64.tar.zst';

/** Kinds of JSON values and the keys of objects; lists show the union of their elements. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) {
    const shapes = value.map(shapeOf);
    if (shapes.some((shape) => typeof shape === 'string'))
      return [...new Set(shapes.map((shape) => JSON.stringify(shape)))].sort();
    return [Object.assign({}, ...(shapes as object[]))];
  }
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value)
        .sort(([left], [right]) => left.localeCompare(right))
        .map(([key, inner]) => [key, shapeOf(inner)]),
    );
  return value === null ? 'null' : typeof value;
}

/** Figures that come and go on a real machine, and keys that name hardware. */
const VOLATILE = /^(blockstat|ballooninfo|balloon|proxmox-support|nics|disk(read|write)|pressure\w+)$/;
const prune = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(prune)
    : value !== null && typeof value === 'object'
      ? Object.fromEntries(
          Object.entries(value)
            .filter(([key]) => !VOLATILE.test(key))
            .map(([key, inner]) => [key, prune(inner)]),
        )
      : value;

(present ? describe : describe.skip)('a lab beside a recording of a genuine cluster', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bastide-lab-'));
  const records = present
    ? readFileSync(FILE, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Recorded)
    : [];
  const secret = '6f1e1a52-1111-4222-8333-444455556666';
  let lab: RunningLab;
  let root: LabClient;
  let op: LabClient;
  const upids = new Map<string, string>();
  /** The last one read: a recorded digest stands for it. */
  let digest = '';

  beforeAll(async () => {
    lab = await startLab({
      name: 'labc',
      stateDir: folder,
      listen: { host: '127.0.0.1', port: 0 },
      nodes: ['pve1', 'pve2'],
      guests: 'none',
      figuresLagSeconds: 0,
      rootPassword: 'labsecret1',
      storages: [{ id: 'local', type: 'dir', content: ['iso', 'vztmpl', 'backup', 'images', 'rootdir', 'import'] }],
      tokens: [{ tokenid: 'root@pam!lab', secret }],
    });
    root = new LabClient(lab, `root@pam!lab=${secret}`);
  });
  afterAll(async () => {
    root?.close();
    op?.close();
    await lab?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const machine = (vmid: number) =>
    root.data('POST', '/nodes/pve1/qemu', {
      vmid, name: 'guest1', memory: 256, cores: 1, cpu: 'qemu64', kvm: 0, ostype: 'l26', scsihw: 'virtio-scsi-single',
      scsi0: `local:0,import-from=${IMAGE},format=qcow2`, ide2: 'local:cloudinit', serial0: 'socket', agent: 1, net0: 'virtio,bridge=vmbr0',
      boot: 'order=scsi0', ciuser: 'lab', cipassword: 'secret', sshkeys: encodeURIComponent(KEY), tags: 'Web;prod',
      ipconfig0: 'ip=192.0.2.60/24,gw=192.0.2.11', description: 'line1\nline2',
    }); // biome-ignore format: one guest

  /** Requests the recording leaves out, before the pair of that number. */
  const before: Readonly<Record<number, () => Promise<unknown>>> = {
    14: () => machine(100),
    37: () => root.data('POST', '/nodes/pve1/qemu/100/status/start'),
    43: () => root.data('POST', '/nodes/pve1/qemu/100/snapshot', { snapname: 's1', vmstate: 1 }),
    56: async () => await root.run('POST', '/nodes/pve2/qemu/100/status/stop'),
    59: () => root.data('POST', '/nodes/pve2/qemu/101/clone', { newid: 102 }),
    64: async () => {
      const [backup] = await root.data('GET', '/nodes/pve1/storage/local/content', { content: 'backup' });
      return await root.data('POST', '/nodes/pve1/qemu', { vmid: 103, archive: backup.volid, unique: 1 });
    },
    65: async () => {
      const [backup] = await root.data('GET', '/nodes/pve1/storage/local/content', { content: 'backup' });
      return await root.data('DELETE', `/nodes/pve1/storage/local/content/${encodeURIComponent(backup.volid)}`);
    },
    66: async () => await root.run('POST', '/nodes/pve1/qemu', { vmid: 110, memory: 64 }),
    70: () =>
      root.data('POST', '/nodes/pve1/lxc', {
        vmid: 200, ostemplate: TEMPLATE, hostname: 'ct1', memory: 256, rootfs: 'local:1', net0: 'name=eth0,bridge=vmbr0,ip=192.0.2.50/24',
      }), // biome-ignore format: one guest
    73: () => root.data('POST', '/nodes/pve1/lxc/200/status/start'),
    76: () => root.data('POST', '/nodes/pve1/lxc/200/snapshot', { snapname: 's1' }),
    83: () => root.data('PUT', '/access/acl', { path: '/vms/103', roles: 'PVEVMUser', tokens: 'op@pve!t1' }),
    93: async () => await root.run('POST', '/nodes/pve1/qemu', { vmid: 700, memory: 64 }),
    95: () => root.data('POST', '/nodes/pve1/qemu/700/status/shutdown', { timeout: 60 }),
  };
  const byOperator = new Set([80, 81, 82, 83, 85, 86, 87]);

  /** The recorded UPID in a path becomes ours: the newest task of the same type and id. */
  async function translate(path: string): Promise<string> {
    const found = /UPID[^/?]+/.exec(path)?.[0];
    if (!found) return path;
    const recorded = decodeURIComponent(found);
    const [, node, , , , type, id] = recorded.split(':');
    let ours = upids.get(recorded);
    if (!ours && type !== undefined && !recorded.includes('6B03AA5C')) {
      const list = await root.data('GET', `/nodes/${node}/tasks`, { source: 'all', typefilter: type });
      ours = (list as { upid: string; id: string }[]).find((task) => task.id === id)?.upid;
      if (ours) upids.set(recorded, ours);
    }
    return ours ? path.replace(found, path.includes('%3A') ? encodeURIComponent(ours) : ours) : path;
  }

  async function replay(record: Recorded, index: number): Promise<string[]> {
    await before[index]?.();
    const path = await translate(record.path);
    const upid = /UPID[^/?]+/.exec(path)?.[0];
    if (upid && /\/(status|log)$/.test(path) && !/running task$/.test(record.note ?? '') && record.status === 200)
      await root.exitOf(decodeURIComponent(upid));
    if (index === 97) await root.exitOf(decodeURIComponent(upid ?? ''));
    const headers: Record<string, string> = {};
    const { Authorization: auth, Cookie: cookie, CSRFPreventionToken: csrf } = record.req_headers;
    let client = byOperator.has(index) ? op : root;
    if (!auth) client = new LabClient(lab);
    if (index === 6) client = new LabClient(lab, 'root@pam!lab=00000000-0000-4000-8000-000000000000');
    if (cookie) {
      const login = await root.data('POST', '/access/ticket', { username: 'root@pam', password: 'labsecret1' });
      headers.Cookie = `PVEAuthCookie=${encodeURIComponent(login.ticket)}`;
    }
    if (csrf) headers.CSRFPreventionToken = '6B000000:x';
    const form = record.form?.replace(/digest=(?!0{40})[0-9a-f]{40}/, `digest=${digest}`);
    const answer = await client.send(record.method, path, record.method === 'DELETE' ? undefined : form, headers);
    digest = (answer.body as { data?: { digest?: string } | null }).data?.digest ?? digest;
    if (client !== root && client !== op) client.close();
    const data = (answer.body as { data?: unknown }).data;
    if (typeof data === 'string' && data.startsWith('UPID:')) {
      await root.exitOf(data);
      const theirs = (record.body as { data: string }).data;
      if (typeof theirs === 'string' && theirs.startsWith('UPID:')) upids.set(theirs, data);
    }
    if (record.note === 'create token: secret shown once')
      op = new LabClient(lab, `op@pve!t1=${(data as { value: string }).value}`);
    const differences: string[] = [];
    if (answer.status !== record.status)
      differences.push(`status ${answer.status}, not ${record.status}: ${answer.text.slice(0, 200)}`);
    if (answer.reason !== record.reason) differences.push(`reason '${answer.reason}', not '${record.reason}'`);
    const expected = record.body as { message?: string; errors?: unknown };
    const actual = answer.body as { message?: string; errors?: unknown };
    if (expected.message !== undefined && actual.message !== expected.message)
      differences.push(`message '${actual.message}', not '${expected.message}'`);
    if (
      expected.errors !== undefined &&
      JSON.stringify(shapeSorted(actual.errors)) !== JSON.stringify(shapeSorted(expected.errors))
    )
      differences.push(`errors ${JSON.stringify(actual.errors)}, not ${JSON.stringify(expected.errors)}`);
    const shapes = [shapeOf(prune(answer.body)), shapeOf(prune(record.body))].map((shape) => JSON.stringify(shape));
    if (shapes[0] !== shapes[1]) differences.push(`shape\n   ${shapes[0]}, not\n   ${shapes[1]}`);
    const status = expected as { data?: { exitstatus?: string } };
    if (status.data?.exitstatus !== undefined && (actual as typeof status).data?.exitstatus !== status.data.exitstatus)
      differences.push(`exitstatus '${(actual as typeof status).data?.exitstatus}', not '${status.data.exitstatus}'`);
    return differences;
  }
  const shapeSorted = (errors: unknown) =>
    Object.entries((errors ?? {}) as Record<string, string>).sort(([left], [right]) => left.localeCompare(right));

  it('answers every recorded request alike, but for the listed differences', async () => {
    const found: Record<number, string[]> = {};
    for (const [index, record] of records.entries()) {
      const differences = await replay(record, index);
      if (differences.length > 0) found[index] = [`${record.note ?? record.path}`, ...differences];
    }
    const unexpected = Object.entries(found).filter(([index]) => KNOWN[Number(index)] === undefined);
    if (unexpected.length > 0)
      throw new Error(unexpected.map(([index, lines]) => `${index} ${lines.join('\n  ')}`).join('\n'));
    const gone = Object.keys(KNOWN).filter((index) => found[Number(index)] === undefined);
    expect(gone).toEqual([]);
  }, 120_000);
});
