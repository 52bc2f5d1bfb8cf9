/** HA with real guests: needs root on a machine where the probe says they are possible. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LxcRuntime } from '../src/runtime/lxc/lxc-runtime.js';
import { describeProbe, probeRealGuests } from '../src/runtime/lxc/probe.js';
import { resetLxcRuntime } from '../src/runtime/lxc/reset.js';
import { waitUntil } from '../src/runtime/lxc/wait-until.js';
import { guestTools, type Values } from './guest-tools.js';
import { openTestLab, TEMPLATE, type TestLab } from './test-lab.js';

const report = await probeRealGuests(tmpdir());
if (!report.possible) console.warn(`SKIPPED, no real guests on this machine:\n${describeProbe(report)}`);

/** Fenced after a second and a half, recovered after two and a half. */
const SCALE = 0.02;
const NAME = `ha${process.pid}`;
const NET = `10.${100 + (process.pid % 50)}.7`;

(report.possible ? describe : describe.skip)('HA with containers that really run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bastide-ha-'));
  const runtime = new LxcRuntime({ name: NAME, stateDir: folder, diskBytes: 8 * 2 ** 30 });
  let test: TestLab;
  const { logOf } = guestTools(() => test);

  /** Monitors of a container's processes on this machine: one as long as it runs. */
  const monitors = (vmid: number): number =>
    readdirSync('/proc').filter((entry) => {
      if (!/^\d+$/.test(entry)) return false;
      try {
        const line = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return line.startsWith('[lxc monitor]') && line.includes(`/bastide-${NAME}/`) && line.endsWith(` ${vmid}`);
      } catch {
        return false;
      }
    }).length;
  const row = async (vmid: number): Promise<Values> =>
    ((await test.root.data('GET', '/cluster/resources', { type: 'vm' })) as Values[]).find(
      (one) => one.vmid === vmid,
    ) ?? {};
  const until = (what: string, look: () => Promise<boolean>) =>
    waitUntil(look, { what, timeoutMs: 60_000, everyMs: 50 });
  const answers = (vmid: number) =>
    new Promise<boolean>((resolve) => {
      const socket = connect({ host: `${NET}.${vmid}`, port: 22, timeout: 1000 });
      const end = (open: boolean) => {
        socket.destroy();
        resolve(open);
      };
      socket.on('connect', () => end(true)).on('error', () => end(false)).on('timeout', () => end(false));
    }); // biome-ignore format: one socket
  const pidOf = async (vmid: number): Promise<number> => (await runtime.usage(vmid)).pid ?? 0;
  const inside = async (vmid: number, script: string) =>
    (await runtime.exec(vmid, ['sh', '-c', script], { timeoutMs: 20_000 })).stdout.toString().trim();

  async function make(vmid: number, storage: string): Promise<void> {
    const made = await test.root.run('POST', '/nodes/lab2/lxc', {
      vmid,
      ostemplate: TEMPLATE,
      hostname: `ct${vmid}`,
      rootfs: `${storage}:2`,
      features: 'nesting=1',
      net0: `name=eth0,bridge=vmbr0,ip=${NET}.${vmid}/24,gw=${NET}.1`,
    });
    expect(made).toBe('OK');
  }

  beforeAll(async () => {
    test = await openTestLab({
      name: NAME,
      stateDir: folder,
      guests: 'lxc',
      runtime,
      nodes: ['lab1', 'lab2', 'lab3'],
      networks: [{ bridge: 'vmbr0', cidr: `${NET}.0/24`, gateway: `${NET}.1` }],
      haTimeScale: SCALE,
      storages: [
        { id: 'local', type: 'dir', content: ['vztmpl'] },
        { id: 'local-zfs', type: 'zfspool', content: ['rootdir'] },
        { id: 'shared', type: 'nfs', content: ['rootdir'], shared: true },
      ],
    });
    // One that can be recovered, one that cannot, and one that HA knows nothing of.
    await make(101, 'shared');
    await make(102, 'local-zfs');
    await make(103, 'shared');
    for (const vmid of [101, 102])
      await test.root.data('POST', '/cluster/ha/resources', { sid: `ct:${vmid}`, max_restart: 0, max_relocate: 0 });
    expect(await test.root.run('POST', '/nodes/lab2/lxc/103/status/start')).toBe('OK');
    for (const vmid of [101, 102, 103]) await until(`sshd of ${vmid}`, () => answers(vmid));
  }, 300_000);
  afterAll(async () => {
    await test?.close();
    await resetLxcRuntime(NAME, folder);
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  it('a container on shared storage comes up elsewhere with its disk and address; never are there two of it', async () => {
    await inside(101, 'echo kept >/root/file; sync');
    const [before, unmanaged] = [await pidOf(101), await pidOf(103)];
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, monitors(101));
    }, 100);
    try {
      await test.fault({ effect: 'node-down', node: 'lab2' });
      await until('recovered', async () => {
        const { node, status, hastate } = await row(101);
        return node !== 'lab2' && status === 'running' && hastate === 'started';
      });
      const { node } = await row(101);
      await until('its address', () => answers(101));
      expect(existsSync(`/proc/${before}`)).toBe(false);
      const now = await pidOf(101);
      expect((await test.root.data('GET', `/nodes/${node}/lxc/101/status/current`)).pid).toBe(now);
      expect(now).not.toBe(before);
      expect(await inside(101, 'cat /root/file; hostname')).toBe('kept\nct101');

      // What HA does not manage was not fenced: the node only cannot be reached.
      expect(await pidOf(103)).toBe(unmanaged);
      expect((await test.root.call('GET', '/nodes/lab2/lxc/103/status/current')).status).toBe(595);

      await test.clearFaults();
      await until('back', async () => {
        const { manager_status } = await test.root.data('GET', '/cluster/ha/status/manager_status');
        return manager_status.node_status.lab2 === 'online';
      });
      // Some more looks of the manager, in which it could bring it home.
      await new Promise((resolve) => setTimeout(resolve, 20 * 1000 * SCALE));
      const left = (await test.root.data('GET', '/nodes/lab2/lxc')) as Values[];
      expect(left.map(({ vmid }) => vmid)).toEqual([103]);
      expect([(await row(101)).node, await pidOf(101), monitors(101)]).toEqual([node, now, 1]);
      expect(await test.root.data('GET', '/nodes/lab2/storage/shared/content', { vmid: 101 })).toHaveLength(1);
    } finally {
      clearInterval(watch);
    }
    expect(most).toBe(1);
  }, 180_000);

  it('a container on a disk of the dead node is fenced and cannot start elsewhere, as on a real cluster', async () => {
    await until('error', async () => (await row(102)).hastate === 'error');
    const { node } = await row(102);
    expect(node).not.toBe('lab2');
    expect([await pidOf(102), monitors(102), await answers(102)]).toEqual([0, 0, false]);
    const [start] = (await test.root.data('GET', `/nodes/${node}/tasks`, { vmid: 102 })) as { upid: string }[];
    expect(await logOf(String(start?.upid))).toEqual([
      "TASK ERROR: zfs error: cannot open 'rpool/data/subvol-102-disk-0': dataset does not exist",
    ]);
    // Its admin disables it, and finds its disk where it was.
    await test.root.data('PUT', '/cluster/ha/resources/ct:102', { state: 'disabled' });
    await until('disabled', async () => (await row(102)).hastate === 'stopped');
    const rows = (await test.root.data('GET', '/nodes/lab2/storage/local-zfs/content')) as Values[];
    expect(rows.map(({ volid }) => volid)).toEqual(['local-zfs:subvol-102-disk-0']);
  }, 120_000);
});
