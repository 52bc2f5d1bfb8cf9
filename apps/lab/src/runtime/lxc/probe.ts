/** What this machine lacks for real guests, each with its remedy. Changes nothing: trials happen in a namespace that vanishes. */
import { existsSync } from 'node:fs';
import { access, constants, mkdir, readFile, statfs } from 'node:fs/promises';
import { freemem } from 'node:os';
import { delimiter, join } from 'node:path';
import { cgroupLayout } from './cgroups.js';
import { FIREWALL_BASE } from './guest-firewall.js';
import { tryCommand } from './run-command.js';

export interface ProbeFinding {
  readonly what: string;
  readonly remedy: string;
}

export interface ProbeReport {
  /** Whether real guests are possible at all. */
  readonly possible: boolean;
  readonly missing: readonly ProbeFinding[];
  /** Works, but not as well as it could. */
  readonly warnings: readonly ProbeFinding[];
}

/** Program → Debian package. */
const PROGRAMS = {
  'lxc-start': 'lxc', mmdebstrap: 'mmdebstrap', 'mkfs.btrfs': 'btrfs-progs', ip: 'iproute2', nft: 'nftables', zstd: 'zstd',
  nsenter: 'util-linux', script: 'bsdutils', tar: 'tar', sysctl: 'procps',
} as const; // biome-ignore format: pairs

const NETWORK_TRIAL = `set -e
ip link add b0 type bridge nf_call_iptables 1
ip link add v0 type veth peer name v1
ip link set v0 master b0
nft -f - <<END
${FIREWALL_BASE}
add chain inet bastide trial
add rule inet bastide trial ct state established,related accept
add rule inet bastide trial reject
END
`;

export async function probeRealGuests(stateDir: string): Promise<ProbeReport> {
  const missing: ProbeFinding[] = [];
  const warnings: ProbeFinding[] = [];
  const lacks = (what: string, remedy: string) => missing.push({ what, remedy });
  if (process.platform !== 'linux') lacks('Linux', 'use a Debian machine, or the API-only mode (--guests none)');
  else if (process.getuid?.() !== 0) lacks('root', 'start the lab as root, or use the API-only mode (--guests none)');
  if (missing.length > 0) return { possible: false, missing, warnings };

  for (const [program, debianPackage] of Object.entries(PROGRAMS))
    if (!(await isInstalled(program)))
      lacks(`the program ${program}`, `apt-get install --no-install-recommends ${debianPackage}`);
  if (!(await knowsFilesystem('btrfs')))
    lacks('btrfs in the kernel', 'modprobe btrfs, or a kernel with CONFIG_BTRFS_FS');
  if (!existsSync('/dev/loop-control')) lacks('loop devices', 'modprobe loop, or a kernel with CONFIG_BLK_DEV_LOOP');
  if (!existsSync('/proc/self/ns/user') || (await sysctl('user.max_user_namespaces')) === 0)
    lacks('user namespaces', 'sysctl -w user.max_user_namespaces=10000');
  if (cgroupLayout() === 'legacy' && !existsSync('/sys/fs/cgroup/systemd'))
    lacks(
      'the control group hierarchy of systemd',
      'mkdir /sys/fs/cgroup/systemd && mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd',
    );
  if (missing.length === 0) {
    const trial = await tryCommand('unshare', ['--net', 'sh', '-c', NETWORK_TRIAL], { timeoutMs: 15_000 });
    if (trial.exitCode !== 0)
      lacks(
        `bridges, veth pairs or nftables with connection tracking (${firstLine(trial.stderr)})`,
        'modprobe bridge br_netfilter veth nf_tables nf_conntrack nft_reject_inet',
      );
  }
  await mkdir(stateDir, { recursive: true });
  const disk = await statfs(stateDir);
  const freeDisk = disk.bavail * disk.bsize;
  if (freeDisk < 4 * 1024 ** 3)
    lacks(`disk: ${gib(freeDisk)} free in ${stateDir}`, 'free 4 GiB, or use another folder');
  if (freemem() < 1024 ** 3)
    warnings.push({ what: `memory: ${gib(freemem())} free`, remedy: 'guests need 25 MiB each before any application' });
  const instances = await sysctl('fs.inotify.max_user_instances');
  if (instances !== undefined && instances < 1024)
    warnings.push({
      what: `fs.inotify.max_user_instances is ${instances}`,
      remedy: 'the lab raises it while it is up, and puts it back at reset',
    });
  return { possible: missing.length === 0, missing, warnings };
}

/** The report as lines for people. */
export function describeProbe(report: ProbeReport): string {
  const line = (kind: string) => (finding: ProbeFinding) => `${kind}: ${finding.what} — ${finding.remedy}`;
  return [...report.missing.map(line('missing')), ...report.warnings.map(line('note'))].join('\n');
}

async function isInstalled(program: string): Promise<boolean> {
  for (const folder of ['/usr/sbin', '/usr/bin', '/sbin', '/bin', ...(process.env.PATH ?? '').split(delimiter)])
    if (
      folder &&
      (await access(join(folder, program), constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      return true;
  return false;
}

async function knowsFilesystem(name: string): Promise<boolean> {
  const known = async () => (await readFile('/proc/filesystems', 'utf8')).split(/\s+/).includes(name);
  if (await known()) return true;
  await tryCommand('modprobe', [name]).catch(() => undefined);
  return known();
}

async function sysctl(name: string): Promise<number | undefined> {
  const text = await readFile(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Number(text);
}

const gib = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
const firstLine = (text: Buffer) => text.toString().trim().split('\n')[0] ?? '';
