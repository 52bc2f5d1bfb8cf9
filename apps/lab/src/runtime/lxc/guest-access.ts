/** Ways into a running guest from outside: commands, files, a shell. All run as the guest's root, inside its namespaces. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import type { ExecResult, GuestConsole } from '../guest-runtime.port.js';
import { RuntimeError } from '../guest-runtime.port.js';
import { runCommand } from './run-command.js';
import type { StoragePool } from './storage-pool.js';

const GUEST_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export class GuestAccess {
  constructor(
    private readonly pool: StoragePool,
    private readonly lxcPath: string,
    private readonly vmid: number,
  ) {}

  /** Answers with the command's own exit code; 124 when the time was over, 127 when there is no such program. */
  async exec(command: readonly string[], options: { input?: Buffer; timeoutMs: number }): Promise<ExecResult> {
    const result = await this.pool.try('lxc-attach', this.attach(command), {
      timeoutMs: options.timeoutMs,
      input: options.input ?? '',
    });
    return { exitCode: result.timedOut ? 124 : result.exitCode, stdout: result.stdout, stderr: result.stderr };
  }

  /** Whole or not at all: written beside, then renamed. */
  async writeFile(path: string, content: Buffer, mode: number): Promise<void> {
    const script =
      'set -e; umask 077; mkdir -p -m 755 "$(dirname "$1")"; cat >"$1.bastide-new"; chmod "$2" "$1.bastide-new"; mv -f "$1.bastide-new" "$1"';
    const result = await this.exec(['sh', '-c', script, 'write', path, mode.toString(8)], {
      input: content,
      timeoutMs: 60_000,
    });
    if (result.exitCode !== 0)
      throw new RuntimeError(`cannot write ${path} in guest ${this.vmid}: ${result.stderr.toString().trim()}`);
  }

  async readFile(path: string, limitBytes: number): Promise<Buffer> {
    const result = await this.exec(['head', '-c', String(limitBytes), '--', path], { timeoutMs: 60_000 });
    if (result.exitCode !== 0)
      throw new RuntimeError(`cannot read ${path} in guest ${this.vmid}: ${result.stderr.toString().trim()}`);
    return result.stdout;
  }

  /**
   * A login shell on a terminal of its own; `script` of bsdutils brings the terminal. The guest's own terminal already ends
   * lines with CR LF, so this one must not.
   */
  console(): GuestConsole {
    const [program, args] = this.pool.inside('lxc-attach', this.attach(['/bin/bash', '-l']));
    const line = [program, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    const child = spawn('script', ['-qefc', `stty cols 80 rows 24 -opost; exec ${line}`, '/dev/null'], {
      cwd: '/',
      detached: true,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', TERM: 'xterm-256color', SHELL: '/bin/sh' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let ended = false;
    const closed: (() => void)[] = [];
    const end = () => {
      if (ended) return;
      ended = true;
      for (const listener of closed) listener();
    };
    child.on('error', end);
    child.on('close', end);
    child.stdin.on('error', () => undefined);
    return {
      write: (data) => void (ended || child.stdin.write(data)),
      resize: (columns, rows) => void resizeTerminal(child, columns, rows).catch(() => undefined),
      onData: (listener) => {
        child.stdout.on('data', listener);
      },
      onClose: (listener) => void (ended ? listener() : closed.push(listener)),
      close: () => {
        // Losing its terminal ends the shell (SIGHUP) and all that it did not detach.
        if (!ended && child.pid) child.kill('SIGTERM');
      },
    };
  }

  private attach(command: readonly string[]): string[] {
    return [
      '-P', this.lxcPath, '-n', String(this.vmid), '--clear-env', '-v', `PATH=${GUEST_PATH}`, '-v', 'HOME=/root', '-v', 'USER=root',
      '-v', 'LANG=C.UTF-8', '-v', 'TERM=xterm-256color', '--', ...command,
    ]; // biome-ignore format: pairs
  }
}

/** The terminal belongs to `script`; its child has it as standard input, and the kernel tells whoever is in front. */
async function resizeTerminal(child: ChildProcess, columns: number, rows: number): Promise<void> {
  if (!child.pid || !Number.isInteger(columns) || !Number.isInteger(rows)) return;
  const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
  const shell = children.trim().split(' ')[0];
  if (!shell) return;
  const terminal = await readlink(`/proc/${shell}/fd/0`);
  if (terminal.startsWith('/dev/pts/'))
    await runCommand('stty', ['-F', terminal, 'cols', String(columns), 'rows', String(rows)]);
}

interface IpAddress {
  readonly ifname: string;
  readonly address?: string;
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
}

/** Interfaces and addresses as the guest's kernel has them, by the host's own `ip`. */
export async function guestAddresses(pid: number): Promise<{ name: string; mac: string; addresses: string[] }[]> {
  const text = await runCommand('nsenter', [`--net=/proc/${pid}/ns/net`, '--', 'ip', '-j', 'address']);
  return (JSON.parse(text) as IpAddress[]).map((link) => ({
    name: link.ifname,
    mac: link.address ?? '00:00:00:00:00:00',
    addresses: link.addr_info.map((info) => `${info.local}/${info.prefixlen}`),
  }));
}

/** Bytes in and out over all interfaces but loopback since the guest started. */
export async function guestTraffic(pid: number): Promise<{ inBytes: number; outBytes: number }> {
  const lines = (await readFile(`/proc/${pid}/net/dev`, 'utf8')).split('\n').slice(2);
  let [inBytes, outBytes] = [0, 0];
  for (const line of lines) {
    const [name, figures] = line.split(':');
    if (!figures || name!.trim() === 'lo') continue;
    const columns = figures.trim().split(/\s+/).map(Number);
    inBytes += columns[0]!;
    outBytes += columns[8]!;
  }
  return { inBytes, outBytes };
}
