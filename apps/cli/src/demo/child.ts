import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { EXIT, Failure } from '../failure.js';

/** So many ends within this time, and it is not started again: it would not get further. */
const TRIES = 5;
const WITHIN_MS = 60_000;
const PAUSE_MS = 1_000;

/**
 * A program that the demo started and ends again. Its output goes to a log file. Once it was up, it is started again when it
 * ends by itself, as a service manager would do.
 */
export class Child {
  #process!: ChildProcess;
  #ended!: Promise<unknown>;
  #status: { code: number | null; signal: NodeJS.Signals | null } | undefined;
  #stopping = false;
  #keeper: NodeJS.Timeout | undefined;

  constructor(
    readonly name: string,
    private readonly script: string,
    private readonly args: readonly string[],
    readonly logFile: string,
    private readonly env: NodeJS.ProcessEnv = {},
  ) {
    this.#start();
  }

  #start(): void {
    const log = openSync(this.logFile, 'a', 0o600);
    this.#status = undefined;
    // A session of its own: Ctrl-C reaches the demo alone, which then ends its children in the right order.
    this.#process = spawn(process.execPath, ['--enable-source-maps', this.script, ...this.args], {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...process.env, ...this.env },
    });
    closeSync(log);
    this.#ended = once(this.#process, 'exit').then(([code, signal]) => {
      this.#status = { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  get ended(): boolean {
    return this.#status !== undefined;
  }

  /** From now on it is started again when it ends. `tell` hears of it; a false one says that this was the last time. */
  keepUp(tell: (how: string, again: boolean) => void): void {
    const ends: number[] = [];
    const watch = (): void => {
      void this.#ended.then(() => {
        if (this.#stopping) return;
        ends.push(Date.now());
        const again = ends.filter((at) => at > Date.now() - WITHIN_MS).length < TRIES;
        tell(`${this.name} ended (${this.#how()})`, again);
        if (!again) return;
        this.#keeper = setTimeout(() => {
          this.#start();
          watch();
        }, PAUSE_MS);
      });
    };
    watch();
  }

  #how(): string {
    return String(this.#status?.code ?? this.#status?.signal);
  }

  /** Waits until `ready` answers with something; fails at once when the program ends, and says where its log is. */
  async until<T>(
    ready: () => Promise<T | undefined>,
    what: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<T> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      signal.throwIfAborted();
      if (this.#status)
        throw new Failure(EXIT.fault, `${this.name} ended (${this.#how()}) before ${what}; its log: ${this.logFile}`);
      const found = await ready();
      if (found !== undefined) return found;
      if (Date.now() > end)
        throw new Failure(
          EXIT.fault,
          `${this.name}: no ${what} within ${timeoutMs / 1000} s; its log: ${this.logFile}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** Asks politely, then after the grace ends hard. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#keeper);
    if (this.ended) return;
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }
}
