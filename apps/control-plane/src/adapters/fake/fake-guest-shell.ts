import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type {
  GuestShell,
  GuestTarget,
  HookJob,
  HookOutcome,
  ShellContext,
} from '../../application/guests/guest-shell.port.js';
import { WorldFailure } from '../../domain/problem.js';
import { HookLog } from '../ssh/hook-log.js';
import { Redactor } from '../ssh/redactor.js';
import { secretsIn } from '../ssh/secrets-in.js';
import { within } from '../ssh/waits.js';

/** What a fake hook may do: the same that a real one can by its files and streams. */
export interface FakeHookIo {
  readonly guest: string;
  readonly input: unknown;
  readonly moduleDirectory: string;
  /** Aborted when the unit is stopped. */
  readonly stopped: AbortSignal;
  readonly stdout: (line: string) => void;
  readonly stderr: (line: string) => void;
  readonly output: (value: unknown) => void;
}

/** Returns the exit code. */
export type FakeHook = (io: FakeHookIo) => number | Promise<number>;

interface FakeJob {
  readonly stop: AbortController;
  readonly said: { readonly stream: 'stdout' | 'stderr'; readonly text: string }[];
  readonly listeners: Set<() => void>;
  readonly end: Promise<{ exitCode: number } | { cancelled: true }>;
  output?: unknown;
  /** How much of `said` a follower has passed on. */
  passed: number;
}

/** Guests in memory. Hooks are functions, registered by the hook's name; units run on when their follower leaves. */
export class FakeGuestShell implements GuestShell {
  /** `<guest>:<path>` → content and mode. */
  readonly files = new Map<string, { content: Buffer; mode: number }>();
  readonly hooks = new Map<string, FakeHook>();
  /** `<guest> <hook> <unit>`, in the order of their starts. */
  readonly started: string[] = [];
  /** Host keys that the guests really have; a guest that is not here has the ones that the caller expects. */
  readonly hostKeys = new Map<string, string>();
  /** Answers commands; by default each succeeds and says nothing. */
  command: (
    guest: string,
    command: readonly string[],
    input?: Buffer,
  ) => { exitCode: number; stdout?: string; stderr?: string } = () => ({ exitCode: 0 });
  /** The next calls to a guest fail with these, first first. */
  readonly failures = new Map<string, WorldFailure[]>();
  readonly #delivered = new Set<string>();
  readonly #jobs = new Map<string, FakeJob>();

  async waitReady(target: GuestTarget, context: ShellContext): Promise<void> {
    this.#reach(target, context);
  }

  async run(
    target: GuestTarget,
    command: readonly string[],
    context: ShellContext & { input?: Buffer; maxBytes?: number },
  ): Promise<{ exitCode: number; stdout: Buffer; stderr: Buffer }> {
    this.#reach(target, context);
    const { exitCode, stdout = '', stderr = '' } = this.command(target.guest, command, context.input);
    return { exitCode, stdout: Buffer.from(stdout), stderr: Buffer.from(stderr) };
  }

  async upload(
    target: GuestTarget,
    file: { source: string | Buffer; path: string; mode: number; sha256: string },
    context: ShellContext,
  ): Promise<void> {
    this.#reach(target, context);
    const content = typeof file.source === 'string' ? await readFile(file.source) : file.source;
    const key = `${target.guest}:${file.path}`;
    const there = this.files.get(key);
    if (there && sha256(there.content) === file.sha256) {
      there.mode = file.mode;
      return;
    }
    await context.fence();
    if (sha256(content) !== file.sha256)
      throw failure('upload.digest_mismatch', 'now', `${target.guest}: upload of ${file.path}: another digest`);
    this.files.set(key, { content, mode: file.mode });
  }

  async deliver(
    target: GuestTarget,
    module: { name: string; digest: string; tar: () => Promise<Buffer> },
    context: ShellContext,
  ): Promise<string> {
    this.#reach(target, context);
    const directory = `/opt/bastide/modules/${module.name}/${module.digest.replaceAll(':', '-')}`;
    const key = `${target.guest}:${directory}`;
    if (!this.#delivered.has(key)) {
      await module.tar();
      await context.fence();
      this.#delivered.add(key);
    }
    return directory;
  }

  async runHook(target: GuestTarget, job: HookJob, context: ShellContext): Promise<HookOutcome> {
    this.#reach(target, context);
    await context.fence();
    const where = `${target.guest}: hook ${job.hook}`;
    const running = this.#jobs.get(`${target.guest}/${job.unit}`) ?? this.#start(target.guest, job, where);
    const log = new HookLog(new Redactor([...(context.redact ?? []), ...secretsIn(job.input)]));
    let read = 0;
    const tell = () => {
      for (; read < running.said.length; read++) {
        const { stream, text } = running.said[read]!;
        log.push(stream, Buffer.from(`${text}\n`), Date.now());
        const { lines, progress } = log.take();
        if (read < running.passed) continue; // another follower has passed it on
        running.passed = read + 1;
        if (progress) context.progress?.(progress.percent, progress.text);
        if (lines.length > 0) context.log?.(lines);
      }
    };
    running.listeners.add(tell);
    tell();
    try {
      const end = await within(running.end, context, () =>
        failure('hook.timeout', 'now', `${where}: it did not end in time and was stopped`),
      );
      tell();
      if ('cancelled' in end) throw failure('hook.cancelled', 'never', `${where}: it was cancelled`);
      return {
        exitCode: end.exitCode,
        ...(end.exitCode === 0 && running.output !== undefined ? { output: asJson(running.output, where) } : {}),
        ...(log.error === undefined ? {} : { error: log.error }),
        tail: log.tail,
      };
    } catch (error) {
      if (error instanceof WorldFailure && error.failure.code === 'hook.timeout') running.stop.abort();
      throw error;
    } finally {
      running.listeners.delete(tell);
    }
  }

  async cancelHook(target: GuestTarget, unit: string, context: ShellContext): Promise<void> {
    this.#reach(target, context);
    await context.fence();
    const running = this.#jobs.get(`${target.guest}/${unit}`);
    running?.stop.abort();
    await running?.end;
  }

  forget(guest: string): void {
    this.failures.delete(guest);
  }

  #reach(target: GuestTarget, context: ShellContext): void {
    context.signal.throwIfAborted();
    const planned = this.failures.get(target.guest)?.shift();
    if (planned) throw planned;
    const key = this.hostKeys.get(target.guest);
    if (target.hostKeys.length === 0 || (key !== undefined && !target.hostKeys.includes(key)))
      throw failure('ssh.host_key_mismatch', 'never', `${target.guest} shows a host key that is not its own`);
  }

  #start(guest: string, job: HookJob, where: string): FakeJob {
    const hook = this.hooks.get(job.hook);
    if (!hook) throw failure('hook.missing', 'never', `${where}: there is no such hook`);
    const stop = new AbortController();
    const said: FakeJob['said'] = [];
    const listeners = new Set<() => void>();
    const say = (stream: 'stdout' | 'stderr') => (text: string) => {
      said.push({ stream, text });
      for (const listener of listeners) listener();
    };
    const io: FakeHookIo = {
      guest,
      input: structuredClone(job.input),
      moduleDirectory: job.moduleDirectory,
      stopped: stop.signal,
      stdout: say('stdout'),
      stderr: say('stderr'),
      output: (value) => {
        running.output = value;
      },
    };
    const stopped = new Promise<{ cancelled: true }>((resolve) => {
      stop.signal.addEventListener('abort', () => resolve({ cancelled: true }), { once: true });
    });
    const work = Promise.resolve().then(async () => ({ exitCode: await hook(io) }));
    const running: FakeJob = { stop, said, listeners, passed: 0, end: Promise.race([work, stopped]) };
    running.end.catch(() => {});
    this.#jobs.set(`${guest}/${job.unit}`, running);
    this.started.push(`${guest} ${job.hook} ${job.unit}`);
    return running;
  }
}

/** A string is the text of the output file, anything else is written as JSON. */
function asJson(output: unknown, where: string): unknown {
  const text = typeof output === 'string' ? output : JSON.stringify(output);
  try {
    if (text.length > 262_144) throw new RangeError('more than 262144 bytes');
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw failure('hook.output_invalid', 'never', `${where}: its output is not JSON: ${(cause as Error).message}`);
  }
}

function failure(code: string, retryable: 'now' | 'never', message: string): WorldFailure {
  return new WorldFailure({ code, retryable, message });
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
