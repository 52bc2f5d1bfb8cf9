/** The runtime on the real thing: needs root on a machine where the probe says real guests are possible. */
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { GuestDefinition, GuestNic, RuntimeVolume } from '../guest-runtime.port.js';
import { RuntimeError } from '../guest-runtime.port.js';
import { IMAGE_NAME } from './image-recipe.js';
import { LxcRuntime } from './lxc-runtime.js';
import { describeProbe, probeRealGuests } from './probe.js';
import { resetLxcRuntime } from './reset.js';
import { waitUntil } from './wait-until.js';

const report = await probeRealGuests(tmpdir());
if (!report.possible) console.warn(`SKIPPED, no real guests on this machine:\n${describeProbe(report)}`);
const suite = report.possible ? describe : describe.skip;

/** What leaks, leaks in each; races show with many. */
const CYCLES = 100;
const signal = new AbortController().signal;
const lab = `test${process.pid}`;
const folderOf = (name: string) => join(tmpdir(), `bastide-runtime-${name}`);
const stateDir = folderOf(lab);
/** So that two runs at once do not meet. */
const NET = `10.${200 + (process.pid % 50)}`;
const NETWORKS = [
  { bridge: 'vmbr1', cidr: `${NET}.1.0/24`, gateway: `${NET}.1.1` },
  { bridge: 'vmbr1', vlan: 20, cidr: `${NET}.2.0/24`, gateway: `${NET}.2.1` },
];
const key = join(stateDir, 'key');

const disk = (vmid: number, index = 0): RuntimeVolume => ({
  storage: 'local',
  name: `subvol-${vmid}-disk-${index}`,
  sizeBytes: 2 * 1024 ** 3,
});
const nic = (host: number, vlan?: number, firewall = false): GuestNic => ({
  name: 'eth0',
  bridge: 'vmbr1',
  ...(vlan ? { vlan } : {}),
  mac: `bc:24:11:00:0${vlan ? 2 : 1}:${host.toString(16).padStart(2, '0')}`,
  address: `${NET}.${vlan ? 2 : 1}.${host}/24`,
  gateway: `${NET}.${vlan ? 2 : 1}.1`,
  firewall,
});
const guest = (vmid: number, more: Partial<GuestDefinition> = {}): GuestDefinition => ({
  vmid,
  node: 'lab1',
  hostname: `guest${vmid}`,
  cpus: 1,
  memoryBytes: 512 * 1024 ** 2,
  root: disk(vmid),
  mounts: [],
  nics: [nic(vmid)],
  nameservers: [`${NET}.1.53`],
  searchDomain: 'lab.test',
  sshKeys: [readFileSync(`${key}.pub`, 'utf8').trim()],
  nesting: false,
  ...more,
});

/** What labs could leave on a machine; other labs' things do not count. */
function traces(name: string): string[] {
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' }).split('\n');
  return [
    ...readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(stateDir)),
    ...run('losetup', '-a').filter((line) => line.includes(stateDir)),
    ...run('ip', 'netns').filter((line) => line.startsWith(`bastide-${name}`)),
    ...run('ip', '-br', 'address').filter((line) => line.startsWith('bl-') && line.includes(hostAddress)),
    ...run('ip', 'route').filter((line) => line.startsWith(`${NET}.`)),
    ...run('ps', '-eo', 'pid,args').filter((line) => line.includes(stateDir) && !line.includes('ps -eo')),
    ...execFileSync('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-name', `bastide-${name}`], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean),
  ];
}
let hostAddress = 'unset';

const sh = async (runtime: LxcRuntime, vmid: number, script: string) => {
  const result = await runtime.exec(vmid, ['sh', '-c', script], { timeoutMs: 30_000 });
  return { ...result, text: result.stdout.toString().trim() };
};
const ssh = (address: string, command: string) =>
  execFileSync(
    'ssh',
    [
      '-i',
      key,
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'BatchMode=yes',
      '-o',
      'LogLevel=ERROR',
      '-o',
      'ConnectTimeout=5',
      `root@${address}`,
      command,
    ],
    { encoding: 'utf8', timeout: 20_000 },
  );
const answers = (host: string, port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect({ host, port, timeout: 1500 });
    const end = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket
      .on('connect', () => end(true))
      .on('error', () => end(false))
      .on('timeout', () => end(false));
  });
const reachable = (host: string) => waitUntil(() => answers(host, 22), { what: `sshd of ${host}`, timeoutMs: 20_000 });

/** A test that was killed could not tidy up; the next one does it. */
async function clearAfterKilledRuns(): Promise<void> {
  for (const folder of readdirSync(tmpdir())) {
    const pid = /^bastide-runtime-test(\d+)$/.exec(folder)?.[1];
    if (!pid || existsSync(`/proc/${pid}`)) continue;
    await resetLxcRuntime(`test${pid}`, folderOf(`test${pid}`));
    rmSync(folderOf(`test${pid}`), { recursive: true, force: true });
  }
}

suite('real guests', () => {
  let runtime: LxcRuntime;
  const newRuntime = () => new LxcRuntime({ name: lab, stateDir, diskBytes: 8 * 1024 ** 3 });

  beforeAll(async () => {
    await clearAfterKilledRuns();
    mkdirSync(stateDir);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    runtime = newRuntime();
    await runtime.open(NETWORKS, signal);
    const links = JSON.parse(
      execFileSync('ip', ['-j', 'route', 'show', 'exact', `${NET}.1.0/24`], { encoding: 'utf8' }),
    ) as { gateway: string }[];
    hostAddress = links[0]!.gateway.split('.').slice(0, 3).join('.');
  }, 300_000);

  afterAll(async () => {
    await runtime.close({ keepGuests: true });
    await resetLxcRuntime(lab, stateDir);
    rmSync(stateDir, { recursive: true, force: true });
  }, 120_000);

  const clear = async () => {
    await Promise.all(
      [11, 12, 13].map(async (vmid) => {
        await runtime.stop(vmid);
        for (const index of [0, 1, 2]) await runtime.removeVolume(disk(vmid, index));
      }),
    );
  };

  const create = async (vmid: number, more: Partial<GuestDefinition> = {}) => {
    await runtime.createVolume(disk(vmid), { image: IMAGE_NAME }, signal);
    await runtime.start(guest(vmid, more), signal);
    const address = (more.nics ?? guest(vmid).nics)[0]!.address.split('/')[0]!;
    if (!more.nics?.[0]?.firewall) await reachable(address);
    return address;
  };

  describe('once booted', () => {
    let address = '';
    beforeAll(async () => {
      address = await create(11);
    }, 60_000);
    afterAll(clear);

    it('are reached by SSH at their address, with name, resolver and keys as told, and nothing failed', async () => {
      expect(ssh(address, 'hostname -f; cat /etc/resolv.conf').split('\n')).toEqual([
        'guest11.lab.test',
        'search lab.test',
        `nameserver ${NET}.1.53`,
        'options timeout:1 attempts:2',
        '',
      ]);
      await waitUntil(async () => (await sh(runtime, 11, 'systemctl is-system-running')).text === 'running', {
        what: 'end of boot',
        timeoutMs: 20_000,
      });
      const [eth0] = (await runtime.addresses(11)).filter((link) => link.name === 'eth0');
      expect(eth0).toMatchObject({ mac: 'bc:24:11:00:01:0b', addresses: expect.arrayContaining([`${NET}.1.11/24`]) });
      const usage = await runtime.usage(11);
      const write = 'dd if=/dev/urandom of=/root/figures bs=1M count=8 conv=fsync status=none';
      await runtime.exec(11, ['systemd-run', '--wait', '--quiet', 'sh', '-c', write], { timeoutMs: 20_000 });
      expect((await runtime.usage(11)).diskWriteBytes - usage.diskWriteBytes).toBeGreaterThanOrEqual(8 * 2 ** 20);
      expect(usage).toMatchObject({ running: true, pid: expect.any(Number) });
      expect(usage.memoryBytes).toBeGreaterThan(5e6);
      expect(usage.netInBytes).toBeGreaterThan(1000);
      expect((await sh(runtime, 11, 'cat /proc/self/uid_map')).text).toMatch(/^0 +\d{9,} +65536$/);
    }, 60_000);

    it('run commands with input, output, exit code and a time limit', async () => {
      const cat = await runtime.exec(11, ['sh', '-c', 'cat; echo err >&2; exit 7'], {
        input: Buffer.from('in'),
        timeoutMs: 10_000,
      });
      expect([cat.exitCode, cat.stdout.toString(), cat.stderr.toString()]).toEqual([7, 'in', 'err\n']);
      expect((await runtime.exec(11, ['sleep', '987'], { timeoutMs: 500 })).exitCode).toBe(124);
      await waitUntil(async () => (await sh(runtime, 11, 'pgrep -cx sleep')).text === '0', {
        what: 'end of the command that ran too long',
        timeoutMs: 5_000,
      });
      await runtime.writeFile(11, '/opt/new/file', Buffer.from([0, 255, 10]), 0o640);
      expect([...(await runtime.readFile(11, '/opt/new/file', 100))]).toEqual([0, 255, 10]);
      expect((await sh(runtime, 11, 'stat -c "%a %U" /opt/new/file')).text).toBe('640 root');
      await expect(runtime.readFile(11, '/missing', 10)).rejects.toThrow('/missing');
      await expect(runtime.exec(99, ['true'], { timeoutMs: 1000 })).rejects.toThrow(RuntimeError);
    }, 60_000);

    it('offer a shell on a terminal that can be resized', async () => {
      const shell = await runtime.console(11);
      let seen = '';
      let closed = false;
      shell.onData((data) => {
        seen += data.toString();
      });
      shell.onClose(() => {
        closed = true;
      });
      await waitUntil(async () => seen.includes('# '), { what: 'prompt', timeoutMs: 10_000 });
      shell.write('tty\r');
      await waitUntil(async () => /\/dev\/(pts\/\d|console)/.test(seen), { what: 'terminal', timeoutMs: 10_000 });
      shell.resize(123, 45);
      await waitUntil(
        async () => {
          shell.write('stty size\r');
          return /45 123/.test(seen);
        },
        { what: 'new size', timeoutMs: 10_000, everyMs: 300 },
      );
      shell.close();
      await waitUntil(async () => closed, { what: 'end of the shell', timeoutMs: 10_000 });
    }, 60_000);

    it('install packages through the lab, and reach nothing else outside', async () => {
      const install = await runtime.exec(11, ['apt-get', '-qy', 'install', 'tree'], { timeoutMs: 60_000 });
      expect([install.exitCode, (await sh(runtime, 11, 'tree --version')).exitCode]).toEqual([0, 0]);
      const other = await sh(
        runtime,
        11,
        '. /etc/os-release; p=$(sed -n \'s/.*"\\(.*\\)".*/\\1/p\' /etc/apt/apt.conf.d/91bastide-proxy); curl -s -o /dev/null -w "%{http_code}" -x "$p" http://example.org/',
      );
      expect(other.text).toBe('403');
    }, 120_000);
  });

  describe('made anew', () => {
    afterEach(clear, 60_000);

    it('go back to a snapshot of all their volumes, and keep their address and identity', async () => {
      await runtime.createVolume(disk(11, 1), { empty: true }, signal);
      const mounts = [{ volume: disk(11, 1), path: '/srv/data' }];
      const address = await create(11, { mounts });
      const identity = (
        await sh(
          runtime,
          11,
          'cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub; echo one >/srv/data/f; echo one >/root/f; chown nobody /srv/data/f',
        )
      ).text;
      await runtime.snapshotVolumes([disk(11), disk(11, 1)], 'before');
      await sh(runtime, 11, 'echo two >/srv/data/f; rm /root/f; sync');
      await runtime.stop(11);
      await runtime.rollbackVolumes([disk(11), disk(11, 1)], 'before');
      await runtime.start(guest(11, { mounts }), signal);
      await reachable(address);
      expect((await sh(runtime, 11, 'cat /srv/data/f /root/f; stat -c %U /srv/data/f')).text).toBe('one\none\nnobody');
      expect((await sh(runtime, 11, 'cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub')).text).toBe(identity);
      await runtime.removeSnapshot([disk(11), disk(11, 1)], 'before');
      await expect(runtime.rollbackVolumes([disk(11)], 'before')).rejects.toThrow("snapshot 'before'");
    }, 90_000);

    it('are cloned as the same or as somebody new', async () => {
      await create(11);
      const identity = async (vmid: number) =>
        (await sh(runtime, vmid, 'cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub; cat /root/f')).text;
      await sh(runtime, 11, 'echo mine >/root/f; sync');
      await runtime.createVolume(disk(12), { clone: disk(11), fresh: true }, signal);
      await runtime.createVolume(disk(13), { clone: disk(11), fresh: false }, signal);
      await Promise.all([12, 13].map((vmid) => runtime.start(guest(vmid), signal)));
      const [original, fresh, same] = [await identity(11), await identity(12), await identity(13)];
      expect(same).toBe(original);
      expect(fresh.split('\n')[0]).not.toBe(original.split('\n')[0]);
      expect(fresh.split('\n')[1]).not.toBe(original.split('\n')[1]);
      expect(fresh).toMatch(/\nmine$/);
    }, 90_000);

    it('cannot fill more than their volume, until it grows', async () => {
      const small = { ...disk(11), sizeBytes: 300 * 1024 ** 2 };
      await runtime.createVolume(small, { image: IMAGE_NAME }, signal);
      await runtime.start(guest(11, { root: small }), signal);
      const fill = 'head -c 200000000 /dev/urandom >/root/fill && sync && echo stored';
      expect((await sh(runtime, 11, fill)).text).toBe('');
      await runtime.resizeVolume({ ...small, sizeBytes: 1024 ** 3 });
      expect((await sh(runtime, 11, fill)).text).toBe('stored');
    }, 90_000);

    it('come back from a backup file, whole or not at all', async () => {
      await create(11);
      const wanted = (
        await sh(
          runtime,
          11,
          'echo kept >/root/f; cat /etc/machine-id; /sbin/getcap /usr/bin/ping; stat -c %a /usr/bin/sudo; sync',
        )
      ).text;
      const file = join(stateDir, 'backup.tar.zst');
      await runtime.backupVolumes([disk(11)], file, signal);
      expect(statSync(file).size).toBeGreaterThan(10e6);
      await runtime.stop(11);
      await runtime.removeVolume(disk(11));
      await runtime.restoreVolumes([disk(12)], file, signal);
      await runtime.start(guest(12), signal);
      expect((await sh(runtime, 12, 'cat /root/f')).text).toBe('kept');
      expect(
        (await sh(runtime, 12, 'cat /etc/machine-id; /sbin/getcap /usr/bin/ping; stat -c %a /usr/bin/sudo')).text,
      ).toBe(wanted);
      writeFileSync(file, readFileSync(file).subarray(0, 1e6));
      await runtime.stop(12);
      await expect(runtime.restoreVolumes([disk(12)], file, signal)).rejects.toThrow(RuntimeError);
      await runtime.start(guest(12), signal);
      expect((await sh(runtime, 12, 'cat /root/f')).text).toBe('kept');
    }, 120_000);

    it('obey firewall rules on the same bridge and across networks, and answers still come back', async () => {
      const [inside] = await Promise.all([
        create(11, { nics: [nic(11, undefined, true)] }),
        create(12),
        create(13, { nics: [nic(13, 20)] }),
      ]);
      await reachable(inside);
      const from = async (vmid: number) =>
        (
          await sh(
            runtime,
            vmid,
            `timeout 2 bash -c 'exec 3<>/dev/tcp/${inside}/22' 2>/dev/null && echo open || echo shut`,
          )
        ).text;
      // Side by side: each silence lasts as long as it is waited for.
      const all = (...asked: Promise<unknown>[]) => Promise.all(asked);
      expect(await all(from(12), from(13))).toEqual(['open', 'open']);
      const rules = [
        { direction: 'in', action: 'ACCEPT', source: `${NET}.2.0/24`, protocol: 'tcp', ports: '22' } as const,
      ];
      const walls = { enabled: true, policyIn: 'DROP', policyOut: 'ACCEPT', rules } as const;
      await runtime.firewall({ vmid: 11, nics: [nic(11, undefined, true)] }, walls);
      expect(await all(from(12), from(13), answers(inside, 22))).toEqual(['shut', 'open', false]);
      expect((await sh(runtime, 11, `timeout 2 bash -c 'exec 3<>/dev/tcp/${NET}.1.12/22' && echo out`)).text).toBe(
        'out',
      );
      await runtime.firewall(
        { vmid: 11, nics: [nic(11, undefined, true)] },
        { ...walls, policyIn: 'REJECT', policyOut: 'REJECT', rules: [] },
      );
      expect(await all(from(13), answers(inside, 22))).toEqual(['shut', false]);
      expect((await sh(runtime, 11, `timeout 2 bash -c 'exec 3<>/dev/tcp/${NET}.1.12/22' && echo out`)).text).toBe('');
      await runtime.firewall({ vmid: 11, nics: [nic(11, undefined, true)] }, { ...walls, enabled: false });
      expect(await all(from(12), answers(inside, 22))).toEqual(['open', true]);
    }, 120_000);

    it('power off, reboot and freeze when asked, and say when they end by themselves', async () => {
      const address = await create(11);
      await runtime.suspend(11);
      expect(
        await answers(address, 22).then(
          async (open) => open && (await runtime.exec(11, ['true'], { timeoutMs: 700 })).exitCode === 0,
        ),
      ).toBe(false);
      await runtime.resume(11);
      expect((await sh(runtime, 11, 'echo awake')).text).toBe('awake');
      const ended: number[] = [];
      runtime.onExit((vmid) => ended.push(vmid));
      const first = (await runtime.usage(11)).pid;
      await sh(runtime, 11, 'systemctl reboot');
      await waitUntil(async () => ((await runtime.usage(11)).pid ?? first) !== first, {
        what: 'reboot from inside',
        timeoutMs: 20_000,
      });
      await reachable(address);
      expect(ended).toEqual([]);
      await runtime.reboot(guest(11), 20, signal);
      await reachable(address);
      await runtime.limit(11, { cpus: 0.5, memoryBytes: 256 * 1024 ** 2 });
      await runtime.shutdown(11, 20, signal);
      expect((await runtime.usage(11)).running).toBe(false);
      expect(ended).toEqual([]);
      await runtime.start(guest(11), signal);
      await reachable(address);
      await sh(runtime, 11, 'systemctl poweroff');
      await waitUntil(async () => ended.includes(11), { what: 'notice of the end', timeoutMs: 20_000 });
    }, 120_000);

    it('take user, password hash and user-data of a cloud-init machine', async () => {
      const userData =
        '#cloud-config\nwrite_files:\n  - path: /etc/told\n    content: hello\nruncmd:\n  - [touch, /etc/ran]\n';
      await create(11, { user: 'admin', passwordHash: '$6$salt$notarealhash', userData });
      await waitUntil(async () => (await sh(runtime, 11, 'cat /etc/told; ls /etc/ran')).text === 'hello/etc/ran', {
        what: 'first boot',
        timeoutMs: 20_000,
      });
      expect(
        (
          await sh(
            runtime,
            11,
            'grep -c ssh-ed25519 ~admin/.ssh/authorized_keys; sudo -u admin sudo -n id -u; getent shadow admin | cut -d: -f2',
          )
        ).text,
      ).toBe('1\n0\n$6$salt$notarealhash');
    }, 60_000);

    it('survive a lab that is killed: its successor finds them running and looks after them', async () => {
      await runtime.close({ keepGuests: true });
      const built = join(stateDir, 'built');
      execFileSync('node_modules/.bin/swc', ['apps/lab/src/runtime', '-d', built, '--quiet']);
      writeFileSync(join(built, 'package.json'), '{"type":"module"}');
      symlinkSync(resolve('node_modules'), join(built, 'node_modules'));
      await runtime.open(NETWORKS, signal);
      await runtime.createVolume(disk(11), { image: IMAGE_NAME }, signal);
      await runtime.close({ keepGuests: true });
      const program = `
      import { LxcRuntime } from '${built}/apps/lab/src/runtime/lxc/lxc-runtime.js';
      const runtime = new LxcRuntime(${JSON.stringify({ name: lab, stateDir })});
      const signal = new AbortController().signal;
      await runtime.open(${JSON.stringify(NETWORKS)}, signal);
      await runtime.start(${JSON.stringify(guest(11))}, signal);
      console.log((await runtime.usage(11)).pid);
      setInterval(() => {}, 1000);`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.on('data', (data: Buffer) => {
        said += data.toString();
      });
      try {
        await waitUntil(async () => said.includes('\n') || child.exitCode !== null, {
          what: 'guest of the other process',
          timeoutMs: 30_000,
        });
      } finally {
        child.kill('SIGKILL');
      }
      runtime = newRuntime();
      const ended: number[] = [];
      runtime.onExit((vmid) => ended.push(vmid));
      await runtime.open(NETWORKS, signal);
      expect((await runtime.usage(11)).pid).toBe(Number(said));
      await reachable(`${NET}.1.11`);
      expect(ssh(`${NET}.1.11`, 'echo still').trim()).toBe('still');
      await sh(runtime, 11, 'systemctl poweroff');
      await waitUntil(async () => ended.includes(11), { what: 'notice of the end', timeoutMs: 20_000 });
    }, 90_000);

    it(`${CYCLES} cycles of clone, start, snapshot, stop, rollback and destroy, four at a time, leave nothing behind`, async () => {
      const inSwitch = () =>
        execFileSync('ip', ['-n', `bastide-${lab}`, '-br', 'link'], { encoding: 'utf8' })
          .split('\n')
          .map((line) => line.split(/[ @]/)[0] ?? '')
          .sort();
      await runtime.createVolume(disk(11), { image: IMAGE_NAME }, signal);
      const before = inSwitch();
      const mounts = () =>
        readFileSync('/proc/self/mountinfo', 'utf8')
          .split('\n')
          .filter((line) => line.includes(lab));
      const mountsBefore = mounts().length;
      const cycle = async (vmid: number): Promise<void> => {
        await runtime.createVolume(disk(vmid), { clone: disk(11), fresh: true }, signal);
        await runtime.start(guest(vmid), signal);
        await runtime.snapshotVolumes([disk(vmid)], 's');
        await runtime.stop(vmid);
        await runtime.rollbackVolumes([disk(vmid)], 's');
        await runtime.removeSnapshot([disk(vmid)], 's');
        await runtime.removeVolume(disk(vmid));
      };
      let begun = 0;
      const work = async (vmid: number): Promise<void> => {
        while (begun < CYCLES) {
          begun += 1;
          await cycle(vmid);
        }
      };
      await Promise.all([12, 13, 14, 15].map(work));
      expect(inSwitch()).toEqual(before);
      expect(mounts()).toHaveLength(mountsBefore);
      expect(readdirSync(join(stateDir, 'runtime', 'guests'))).toEqual([]);
      expect(execFileSync('find', ['/sys/fs/cgroup', '-path', `*bastide-${lab}/1[2-5]*`], { encoding: 'utf8' })).toBe(
        '',
      );
      const processes = execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' }).split('\n');
      expect(processes.filter((line) => /lxc-start|\[lxc monitor\]/.test(line) && line.includes(stateDir))).toEqual([]);
    }, 300_000);

    it('of two labs side by side live in worlds of their own: one goes, the other does not notice', async () => {
      const name = `${lab}b`;
      const folder = folderOf(name);
      const net = `10.${150 + (process.pid % 50)}`;
      mkdirSync(folder);
      const other = new LxcRuntime({ name, stateDir: folder, diskBytes: 8 * 1024 ** 3 });
      try {
        await other.open([{ bridge: 'vmbr1', cidr: `${net}.1.0/24`, gateway: `${net}.1.1` }], signal);
        // The same id, name and MAC address as in the first lab.
        const theirs = {
          ...guest(11),
          nics: [{ ...nic(11), address: `${net}.1.11/24`, gateway: `${net}.1.1` }],
          nameservers: [],
        };
        const makeTheirs = async () => {
          await other.createVolume(disk(11), { image: IMAGE_NAME }, signal);
          await other.start(theirs, signal);
          await reachable(`${net}.1.11`);
        };
        const [ours] = await Promise.all([create(11), makeTheirs()]);
        const tries = async (from: LxcRuntime, to: string) =>
          (await sh(from, 11, `timeout 2 bash -c '</dev/tcp/${to}/22' && echo reached || echo apart`)).text;
        expect(await Promise.all([tries(runtime, `${net}.1.11`), tries(other, ours)])).toEqual(['apart', 'apart']);
        await other.stop(11);
        await other.removeVolume(disk(11));
        await other.close({ keepGuests: false });
        await resetLxcRuntime(name, folder);
        expect(traces(name).filter((line) => line.includes(name))).toEqual([]);
        expect(await answers(ours, 22)).toBe(true);
      } finally {
        await resetLxcRuntime(name, folder);
        rmSync(folder, { recursive: true, force: true });
      }
    }, 120_000);

    it('are all gone with everything the lab made, after close and after reset', async () => {
      await create(11);
      await runtime.suspend(11);
      await runtime.close({ keepGuests: false });
      expect(traces(lab)).toEqual([]);
      await runtime.open(NETWORKS, signal);
      await runtime.start(guest(11), signal);
      expect(traces(lab).length).toBeGreaterThan(3);
      await runtime.close({ keepGuests: true });
      await resetLxcRuntime(lab, stateDir);
      expect(traces(lab)).toEqual([]);
      expect(readdirSync(stateDir)).not.toContain('runtime');
      await runtime.open(NETWORKS, signal);
    }, 120_000);
  });
});
