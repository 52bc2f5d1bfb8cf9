import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { FaultyWire, PrivateSshd, SSHD } from '../../../test/conformance/private-sshd.js';
import type { GuestTarget, ShellContext } from '../../application/guests/guest-shell.port.js';
import { CONNECTION_DEFAULTS } from './ssh-connection.js';
import { SshGuestShell } from './ssh-guest-shell.js';

// Needs root (log-in as root with a key of the test's own) and Debian's sshd; listens on loopback only.
const here = existsSync(SSHD) && process.getuid?.() === 0;
if (!here) console.warn('SKIPPED: SSH adapter against a real sshd (needs /usr/sbin/sshd and root)');
jest.setTimeout(60_000);
const suite = here ? describe : describe.skip;

suite('SshGuestShell on a real OpenSSH server', () => {
  let sshd: PrivateSshd;
  let shell: SshGuestShell;
  let target: GuestTarget;
  const wires: FaultyWire[] = [];

  beforeAll(async () => {
    sshd = await PrivateSshd.start();
  });
  afterAll(() => sshd?.close());
  beforeEach(async () => {
    shell = new SshGuestShell({ privateKey: sshd.privateKey });
    target = { guest: 'wiki', address: sshd.address, port: sshd.port, user: 'root', hostKeys: [await sshd.hostKey()] };
  });
  afterEach(async () => {
    shell.close();
    for (const wire of wires.splice(0)) await wire.close();
  });

  const context = (more: Partial<ShellContext> = {}): ShellContext => ({
    signal: new AbortController().signal,
    deadline: Date.now() + 60_000,
    fence: async () => {},
    ...more,
  });
  const through = async () => {
    const wire = await FaultyWire.to(sshd.port);
    wires.push(wire);
    return { wire, target: { ...target, port: wire.port } };
  };
  const code = (promise: Promise<unknown>) =>
    promise.then(
      () => 'no failure',
      (error: unknown) => (error as { failure?: { code: string } }).failure?.code ?? String(error),
    );

  it('hands every word to the command as it is', async () => {
    const words = ['a b', "it's", '$HOME', '`id`', 'x\ny', '"', '', '*', '\\', '-n', 'ü'];
    const result = await shell.run(target, ['printf', '%s\\0', ...words], context());
    expect(result.stdout.toString().split('\0').slice(0, -1)).toEqual(words);
  });

  it('gives exit code, standard error and a killing signal apart', async () => {
    expect(await shell.run(target, ['sh', '-c', 'echo out; echo err >&2; exit 7'], context())).toEqual({
      exitCode: 7,
      stdout: Buffer.from('out\n'),
      stderr: Buffer.from('err\n'),
    });
    expect((await shell.run(target, ['sh', '-c', 'kill -9 $$'], context())).exitCode).toBe(137);
  });

  it('passes input to the command byte for byte', async () => {
    const input = randomBytes(3_000_000);
    expect((await shell.run(target, ['cat'], { ...context(), input })).stdout.equals(input)).toBe(true);
  });

  it('S1: serves 200 commands in a row and 30 at once over one connection with at most 8 channels', async () => {
    const { wire, target } = await through();
    for (let i = 0; i < 200; i++) expect((await shell.run(target, ['true'], context())).exitCode).toBe(0);
    // Each says how many of them run beside it: every process has a file while it lives.
    const mark = join(sshd.directory, 'marks');
    await mkdir(mark);
    const script = `f=$(mktemp ${mark}/XXXXXX); sleep 0.3; ls ${mark} | wc -l; rm $f`;
    const results = await Promise.all(
      Array.from({ length: 30 }, () => shell.run(target, ['sh', '-c', script], context())),
    );
    expect(results.map((one) => one.exitCode)).toEqual(Array(30).fill(0));
    expect(Math.max(...results.map((one) => Number(one.stdout.toString())))).toBeLessThanOrEqual(8);
    expect(wire.connections).toBe(1);
  });

  it('S1: a server that refuses another channel gets a new connection, and the command runs once', async () => {
    await sshd.run('host', 'MaxSessions 1');
    try {
      const { wire, target } = await through();
      const slow = shell.run(target, ['sleep', '1'], context());
      await shell.run(target, ['sh', '-c', `echo x >> ${sshd.directory}/once`], context());
      expect((await slow).exitCode).toBe(0);
      expect(await readFile(join(sshd.directory, 'once'), 'utf8')).toBe('x\n');
      expect(wire.connections).toBe(2);
    } finally {
      await sshd.run('host');
    }
  });

  it('S2: a wire that goes silent in the middle of a command is noticed, and the next command gets through', async () => {
    const { wire, target } = await through();
    shell = new SshGuestShell({ privateKey: sshd.privateKey, keepAliveMs: 300, keepAliveCount: 2 });
    const running = shell.run(target, ['sleep', '600'], context());
    setTimeout(() => wire.stall(), 500);
    expect(await code(running)).toBe('ssh.lost');
    wire.heal();
    expect((await shell.run(target, ['true'], context())).exitCode).toBe(0);
    expect(CONNECTION_DEFAULTS.keepAliveMs * (CONNECTION_DEFAULTS.keepAliveCount + 1)).toBeLessThanOrEqual(45_000);
  });

  it('S2: the deadline ends every wait, also on a silent wire without keep-alive', async () => {
    const { wire, target } = await through();
    shell = new SshGuestShell({ privateKey: sshd.privateKey, keepAliveMs: 600_000 });
    await shell.run(target, ['true'], context());
    wire.stall();
    expect(await code(shell.run(target, ['true'], context({ deadline: Date.now() + 400 })))).toBe('ssh.timeout');
  });

  it('an abort ends the wait with its reason; the command does not outlive its deadline on the guest', async () => {
    const abort = new AbortController();
    const pidFile = join(sshd.directory, 'pid-of-aborted');
    const script = `echo $$ > ${pidFile}; exec sleep 600`;
    const running = shell.run(
      target,
      ['sh', '-c', script],
      context({ signal: abort.signal, deadline: Date.now() + 2_000 }),
    );
    const written = () => existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n');
    while (!written()) await new Promise((resolve) => setTimeout(resolve, 20));
    const pid = Number(readFileSync(pidFile, 'utf8'));
    abort.abort(new Error('cancelled by the admin'));
    await expect(running).rejects.toThrow('cancelled by the admin');
    const alive = () => existsSync(`/proc/${pid}`);
    for (let i = 0; i < 1_000 && alive(); i++) await new Promise((r) => setTimeout(r, 20));
    expect(alive()).toBe(false);
  });

  it('S3: another host key is a hard stop, without a second try', async () => {
    await shell.run(target, ['true'], context());
    await sshd.run('other_host');
    try {
      shell.forget('wiki');
      const failure = await shell.run(target, ['true'], context()).catch((error: unknown) => error);
      expect(failure).toMatchObject({ failure: { code: 'ssh.host_key_mismatch', retryable: 'never' } });
      // A server without any key of the known type is as strange.
      await sshd.run('host_ecdsa');
      shell.forget('wiki');
      expect(await code(shell.run(target, ['true'], context()))).toBe('ssh.host_key_mismatch');
      expect(await code(shell.run({ ...target, hostKeys: [] }, ['true'], context()))).toBe('ssh.host_key_mismatch');
    } finally {
      await sshd.run('host');
    }
  });

  it('S4: 5 MB on both streams arrive exactly, with the exit code', async () => {
    const script = `head -c 5000000 /dev/zero | tr '\\0' 'a' & head -c 5000000 /dev/zero | tr '\\0' 'b' >&2; wait; exit 3`;
    const result = await shell.run(target, ['sh', '-c', script], context());
    expect(result.exitCode).toBe(3);
    expect(result.stdout.equals(Buffer.alloc(5_000_000, 'a'))).toBe(true);
    expect(result.stderr.equals(Buffer.alloc(5_000_000, 'b'))).toBe(true);
  });

  it('S4: output without end is stopped at the limit', async () => {
    expect(await code(shell.run(target, ['yes'], { ...context(), maxBytes: 100_000 }))).toBe('ssh.output_too_large');
    expect((await shell.run(target, ['true'], context())).exitCode).toBe(0);
  });

  it('says that the key is not accepted', async () => {
    const stranger = await PrivateSshd.start();
    try {
      const other = new SshGuestShell({ privateKey: stranger.privateKey });
      expect(await code(other.run(target, ['true'], context()))).toBe('ssh.auth');
      other.close();
    } finally {
      await stranger.close();
    }
  });

  it('calls a guest that is not there yet again until it answers, or until the deadline', async () => {
    const late = await PrivateSshd.start();
    try {
      const there = { ...target, guest: 'late', port: late.port, hostKeys: [await late.hostKey()] };
      await late.authorize(await sshd.hostKey('client'));
      const nobody = { ...there, port: 1 };
      expect(await code(shell.run(nobody, ['true'], context({ deadline: Date.now() + 700 })))).toBe('ssh.unreachable');
      await late.stop();
      const patient = shell.run(there, ['true'], context());
      setTimeout(() => void late.run('host'), 600);
      expect((await patient).exitCode).toBe(0);
    } finally {
      await late.close();
    }
  });

  describe('upload', () => {
    const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

    it('puts a file in place with its mode, and does nothing when it is there', async () => {
      const source = randomBytes(100_000);
      const path = join(sshd.directory, 'deep', "an odd 'name'");
      const file = { source, path, mode: 0o640, sha256: sha256(source) };
      let effects = 0;
      const counting = context({ fence: async () => void effects++ });
      await shell.upload(target, file, counting);
      expect((await readFile(path)).equals(source)).toBe(true);
      expect((await stat(path)).mode & 0o777).toBe(0o640);
      await chmod(path, 0o600);
      await shell.upload(target, file, counting);
      expect((await stat(path)).mode & 0o777).toBe(0o640);
      expect(effects).toBe(1);
    });

    it('S8: a large file arrives whole over a wire that breaks on the way; no half file has the name, none is left', async () => {
      const { wire, target } = await through();
      const source = join(sshd.directory, 'large');
      const data = randomBytes(48 * 1024 * 1024);
      await writeFile(source, data);
      wire.breakAfter = 20 * 1024 * 1024;
      const path = join(sshd.directory, 'received', 'large');
      let halfSeen = false;
      const watch = setInterval(() => {
        if (existsSync(path)) void stat(path).then((is) => (halfSeen ||= is.size !== data.length));
      }, 5);
      try {
        await shell.upload(target, { source, path, mode: 0o644, sha256: sha256(data) }, context());
      } finally {
        clearInterval(watch);
      }
      expect(wire.connections).toBeGreaterThan(1);
      expect(halfSeen).toBe(false);
      expect(sha256(await readFile(path))).toBe(sha256(data));
      expect(await readdir(join(sshd.directory, 'received'))).toEqual(['large']);
    });

    it('refuses what does not have its digest, and keeps what was there', async () => {
      const path = join(sshd.directory, 'kept');
      await writeFile(path, 'old');
      const file = { source: Buffer.from('new'), path, mode: 0o644, sha256: sha256(Buffer.from('other')) };
      expect(await code(shell.upload(target, file, context()))).toBe('upload.digest_mismatch');
      expect(await readFile(path, 'utf8')).toBe('old');
      expect((await readdir(sshd.directory)).filter((name) => name.endsWith('.part'))).toEqual([]);
    });
  });

  describe('waitReady', () => {
    // The commands that are asked are replaced by ones that say what the test wants; the boot is real on the lab's guests.
    const booting = async (system: string, cloud: string) => {
      const bin = join(sshd.directory, 'bin');
      await mkdir(bin, { recursive: true });
      const tool = (name: string, text: string) => writeFile(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
      await tool(
        'systemctl',
        `case $1 in is-system-running) ${system} ;; *) echo "broken.service loaded failed" ;; esac`,
      );
      await tool('cloud-init', cloud);
      await sshd.run('host', '', `PATH=${bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`);
    };
    afterAll(() => sshd.run('host'));

    it('S9: sshd answers, but cloud-init still runs: not ready; ready when it has finished', async () => {
      const count = join(sshd.directory, 'asked');
      await booting(
        'echo running',
        `echo x >> ${count}; [ $(wc -l < ${count}) -ge 3 ] && echo "status: done" || echo "status: running"`,
      );
      const notes: string[] = [];
      await shell.waitReady(target, context({ log: (lines) => notes.push(...lines.map((line) => line.text)) }));
      expect(notes).toEqual(['waiting: cloud-init (running)']);
      expect(await readFile(count, 'utf8')).toBe('x\nx\nx\n');
    });

    it('accepts a degraded boot and says which unit failed', async () => {
      await booting('echo degraded', 'echo "status: disabled"');
      const notes: string[] = [];
      await shell.waitReady(target, context({ log: (lines) => notes.push(...lines.map((line) => line.text)) }));
      expect(notes).toEqual(['booted, but some units failed: broken.service']);
    });

    it('stops waiting at the deadline and says what it has waited for', async () => {
      await booting('echo starting', 'echo "status: done"');
      await expect(shell.waitReady(target, context({ deadline: Date.now() + 1_500 }))).rejects.toThrow(
        /booting \(last seen: the boot of the system \(starting\)\)/,
      );
    });

    it('a failed cloud-init is a failure, not a wait', async () => {
      await booting('echo running', 'echo "status: error"');
      expect(await code(shell.waitReady(target, context()))).toBe('guest.boot_failed');
    });
  });
});
