import { createHash } from 'node:crypto';
import type { HookJob, HookOutcome, ShellContext } from '../../application/guests/guest-shell.port.js';
import { WorldFailure } from '../../domain/problem.js';
import { commandFailed, isFailure, timedOut } from './failures.js';
import type { CommandResult, GuestLink } from './guest-link.js';
import { HookLog } from './hook-log.js';
import { outcomeOf } from './hook-outcome.js';
import { HOOK_SCRIPT } from './hook-script.js';
import { Redactor } from './redactor.js';
import { secretsIn } from './secrets-in.js';
import { shellCommand } from './shell-words.js';
import { backOff, pause } from './waits.js';

const CHUNK = 256 * 1024;
/** One question to the guest waits there this long for news. */
const POLL_SECONDS = 8;
/** What a follower that comes late reads again, for the last lines and the last error. */
const LOOK_BACK = 64 * 1024;
export const MOST_OUTPUT = 256 * 1024;
const KEEP_JOBS = 20;
/** What the script exits with when it is asked for the result of a job that has none. */
const NO_RESULT = 3;

/** A unit name that systemd takes, one for one: what had to be changed is told apart by a digest. */
export function unitName(unit: string): string {
  const safe = `bastide-${unit.replace(/^bastide-/, '')}`.replaceAll(/[^A-Za-z0-9_.-]/g, '-').slice(0, 120);
  if (safe === unit || safe === `bastide-${unit}`) return safe;
  return `${safe}-${createHash('sha256').update(unit).digest('hex').slice(0, 10)}`;
}

type UnitState = 'done' | 'running' | 'interrupted' | 'absent';

/** One hook on one guest, from start (or from wherever an earlier worker left it) to its result. */
export class HookRun {
  readonly #unit: string;
  readonly #redactor: Redactor;
  readonly #what: string;
  #started = false;

  constructor(
    private readonly link: GuestLink,
    private readonly job: HookJob,
    private readonly context: ShellContext,
  ) {
    if (!/^[a-z0-9][a-z0-9._-]*$/.test(job.hook)) throw new TypeError(`not the name of a hook: ${job.hook}`);
    this.#unit = unitName(job.unit);
    this.#redactor = new Redactor([...(context.redact ?? []), ...secretsIn(job.input)]);
    this.#what = `hook ${job.hook}`;
  }

  async outcome(): Promise<HookOutcome> {
    try {
      const state = await this.#insist(() => this.#start());
      const log = state === 'interrupted' ? new HookLog(this.#redactor) : await this.#follow();
      return outcomeOf(
        await this.#insist(() => this.#collect()),
        log,
        this.#redactor,
        `${this.link.where}: ${this.#what}`,
      );
    } catch (error) {
      if (!isFailure(error, 'ssh.timeout') || !this.#started || this.context.signal.aborted) throw error;
      throw await this.#stopLate(error);
    }
  }

  async #start(): Promise<UnitState> {
    await this.context.fence();
    const input = Buffer.from(JSON.stringify(this.job.input ?? null));
    const digest = createHash('sha256').update(input).digest('hex');
    // The guest's own stop-gap, for the case that nobody comes back to stop it.
    const seconds = Math.max(60, Math.ceil((this.context.deadline - Date.now()) / 1000) + 60);
    const { stdout, stderr } = await this.#ask(
      'start',
      [digest, this.job.moduleDirectory, this.job.hook, `${seconds}`],
      input,
    );
    const answer = stdout.toString().trim();
    switch (answer) {
      case 'done':
      case 'running':
      case 'interrupted':
        this.#started = true;
        return answer;
      case 'missing':
        throw this.#failure(
          'hook.missing',
          'never',
          `there is no executable hooks/${this.job.hook} in ${this.job.moduleDirectory}`,
        );
      case 'torn':
      case 'busy':
        throw this.#failure(
          'hook.not_started',
          'now',
          answer === 'torn' ? 'its input arrived incomplete' : 'another start holds the lock',
        );
      default:
        throw this.#failure(
          'hook.not_started',
          'now',
          this.#redactor.text(stderr.toString()).trim().slice(-500) || answer || 'no answer',
        );
    }
  }

  /** Reads both streams to their ends; whoever follows after a cut or another worker goes on where the last one was. */
  async #follow(): Promise<HookLog> {
    const { stdout } = await this.#insist(() => this.#ask('passed', []));
    const [passedOut = 0, passedErr = 0, sizeOut = 0, sizeErr = 0] = stdout.toString().trim().split(/\s+/).map(Number);
    const base = {
      stdout: Math.max(0, Math.min(passedOut, sizeOut) - LOOK_BACK),
      stderr: Math.max(0, Math.min(passedErr, sizeErr) - LOOK_BACK),
    };
    const log = new HookLog(this.#redactor, { stdout: passedOut - base.stdout, stderr: passedErr - base.stderr });
    const at = { ...base };
    // A hook that has said too much is only listened to near the end, for its last words.
    const jump = (stream: 'stdout' | 'stderr', rest: number) => {
      const over = rest - LOOK_BACK;
      if (!log.full || over <= 4 * CHUNK) return;
      at[stream] += over;
      base[stream] += over;
    };
    for (;;) {
      const passed = [base.stdout + log.consumed('stdout'), base.stderr + log.consumed('stderr')];
      const seconds = Math.min(POLL_SECONDS, Math.floor((this.context.deadline - Date.now()) / 1000));
      const words = [at.stdout, at.stderr, ...passed, Math.max(seconds, 1), CHUNK].map(String);
      const reply = await this.#insist(() => this.#ask('follow', words));
      const newline = reply.stdout.indexOf(10);
      const [state, a = '0', b = '0', restOut = '0', restErr = '0'] = reply.stdout
        .subarray(0, newline)
        .toString()
        .split(' ');
      const body = reply.stdout.subarray(newline + 1);
      const cut = Number(a);
      log.push('stdout', body.subarray(0, cut), Date.now());
      log.push('stderr', body.subarray(cut, cut + Number(b)), Date.now());
      at.stdout += cut;
      at.stderr += Number(b);
      this.#tell(log);
      jump('stdout', Number(restOut));
      jump('stderr', Number(restErr));
      if (state === 'running' || Number(restOut) > 0 || Number(restErr) > 0) continue;
      log.end(Date.now());
      this.#tell(log);
      if (state === 'done') return log;
      throw this.#interrupted();
    }
  }

  async #collect(): Promise<Buffer> {
    const { stdout } = await this.#ask('collect', [`${MOST_OUTPUT}`, `${KEEP_JOBS}`]);
    return stdout;
  }

  /** The time is over: the hook must not go on beside the next attempt, which has another unit. */
  async #stopLate(timeout: WorldFailure): Promise<WorldFailure> {
    try {
      await cancelHook(this.link, this.job.unit, { ...this.context, deadline: Date.now() + 15_000 });
      return this.#failure('hook.timeout', 'now', 'it did not end in time and was stopped');
    } catch {
      return timeout; // out of reach; RuntimeMaxSec stops it
    }
  }

  #tell(log: HookLog): void {
    const { lines, progress } = log.take();
    if (progress) this.context.progress?.(progress.percent, progress.text);
    if (lines.length > 0) this.context.log?.(lines);
  }

  /** All questions are idempotent, so a lost connection only means asking again, until the deadline. */
  async #insist<T>(question: () => Promise<T>): Promise<T> {
    const wait = backOff(250, 5_000);
    for (;;) {
      try {
        return await question();
      } catch (error) {
        if (!isFailure(error, 'ssh.lost') || !(await pause(wait(), this.context))) throw error;
      }
    }
  }

  async #ask(verb: string, words: readonly string[], input?: Buffer) {
    const answer = await ask(this.link, this.#unit, verb, words, this.context, this.#what, input);
    if (answer.exitCode === NO_RESULT) throw this.#interrupted();
    if (answer.exitCode !== 0)
      throw commandFailed(this.link.where, this.#what, answer.exitCode, this.#redactor.text(answer.stderr.toString()));
    return answer;
  }

  #interrupted(): WorldFailure {
    return this.#failure('hook.interrupted', 'now', 'it was interrupted before its end; did the guest reboot?');
  }

  #failure(code: string, retryable: 'now' | 'never', text: string): WorldFailure {
    return new WorldFailure({ code, retryable, message: `${this.link.where}: ${this.#what}: ${text}` });
  }
}

/** Resolves when nothing of the unit runs any more. */
export async function cancelHook(link: GuestLink, unit: string, context: ShellContext): Promise<void> {
  await context.fence();
  const what = `stop of ${unit}`;
  const wait = backOff(250, 5_000);
  for (;;) {
    try {
      const { stdout } = await ask(link, unitName(unit), 'cancel', [], context, what);
      if (stdout.toString().trim() !== 'running') return;
    } catch (error) {
      if (!isFailure(error, 'ssh.lost')) throw error;
    }
    if (!(await pause(wait(), context))) throw timedOut(link.where, what);
  }
}

function ask(
  link: GuestLink,
  unit: string,
  verb: string,
  words: readonly string[],
  context: ShellContext,
  what: string,
  input?: Buffer,
): Promise<CommandResult> {
  const line = shellCommand(['sh', '-c', HOOK_SCRIPT, 'bastide', verb, unit, ...words]);
  return link.exec({ line, what, maxBytes: 4 * CHUNK, ...(input ? { input } : {}) }, context);
}
