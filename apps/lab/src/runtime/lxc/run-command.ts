/** Runs the system's own tools (ip, nft, btrfs, lxc-*): the one place of the runtime that starts processes. */
import { spawn } from 'node:child_process';
import { RuntimeError } from '../guest-runtime.port.js';

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** It was killed because its time was over. */
  readonly timedOut: boolean;
}

export interface CommandOptions {
  readonly input?: Buffer | string;
  /** Default one minute. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly env?: NodeJS.ProcessEnv;
  /** File descriptors in place of pipes. */
  readonly stdinFd?: number;
  readonly stdoutFd?: number;
  /** Bytes kept of each stream; what comes after is read and dropped. Default 16 MiB. */
  readonly keepBytes?: number;
}

/** LXC looks for newuidmap in PATH and then insists on /etc/subuid; root needs neither, so /usr/bin stays out for it. */
export const LXC_ENV: NodeJS.ProcessEnv = { PATH: '/usr/sbin', LANG: 'C.UTF-8' };
const ENV: NodeJS.ProcessEnv = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', HOME: '/root' };

/**
 * Runs a command to its end and says how it ended; never rejects because of an exit code. Rejects with RuntimeError when
 * the program is missing or the signal fires. The command and all it started share a process group, which is killed
 * when the time is over.
 */
export function tryCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const keep = options.keepBytes ?? 16 * 1024 * 1024;
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted) return reject(new RuntimeError(`${command}: interrupted`));
    const child = spawn(command, args, {
      cwd: '/',
      env: options.env ?? ENV,
      detached: true,
      stdio: [options.stdinFd ?? (options.input === undefined ? 'ignore' : 'pipe'), options.stdoutFd ?? 'pipe', 'pipe'],
    });
    const streams = { out: [] as Buffer[], err: [] as Buffer[] };
    const collect = (into: Buffer[]) => {
      let bytes = 0;
      return (chunk: Buffer) => {
        if (bytes < keep) into.push(chunk.subarray(0, keep - bytes));
        bytes += chunk.length;
      };
    };
    child.stdout?.on('data', collect(streams.out));
    child.stderr?.on('data', collect(streams.err));
    let timedOut = false;
    const kill = () => {
      try {
        if (child.pid) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // it has just ended
      }
      // A daemon that inherited the pipes must not keep us waiting.
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, options.timeoutMs ?? 60_000);
    options.signal?.addEventListener('abort', kill, { once: true });
    const done = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', kill);
    };
    child.on('error', (cause) => {
      done();
      reject(new RuntimeError(`${command}: ${cause.message}`, { cause }));
    });
    child.on('close', (code) => {
      done();
      if (options.signal?.aborted) return reject(new RuntimeError(`${command}: interrupted`));
      const [stdout, stderr] = [Buffer.concat(streams.out), Buffer.concat(streams.err)];
      resolve({ exitCode: code ?? 137, stdout, stderr, timedOut });
    });
    // The reader may leave early; that shows in the exit code.
    child.stdin?.on('error', () => undefined);
    if (options.input !== undefined) child.stdin?.end(options.input);
  });
}

/** As tryCommand, but a failure is a RuntimeError that carries the command's own last words; answers with its output. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await tryCommand(command, args, options);
  if (result.exitCode !== 0) {
    const said = result.stderr.toString('utf8').trim().split('\n').slice(-6).join('\n');
    const why = result.timedOut
      ? `not done after ${(options.timeoutMs ?? 60_000) / 1000} s`
      : `exit code ${result.exitCode}`;
    throw new RuntimeError(`${[command, ...args.slice(0, 6)].join(' ')}: ${why}${said ? `: ${said}` : ''}`);
  }
  return result.stdout.toString('utf8');
}
