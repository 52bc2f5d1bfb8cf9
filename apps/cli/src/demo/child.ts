import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { EXIT, Failure } from '../failure.js';

/** A program that the demo started and ends again. Its output goes to a log file. */
export class Child {
  #process: ChildProcess;
  #ended: Promise<unknown>;
  #status: { code: number | null; signal: NodeJS.Signals | null } | undefined;

  constructor(
    readonly name: string,
    script: string,
    args: readonly string[],
    readonly logFile: string,
    env: NodeJS.ProcessEnv = {},
  ) {
    const log = openSync(logFile, 'a', 0o600);
    // A session of its own: Ctrl-C reaches the demo alone, which then ends its children in the right order.
    this.#process = spawn(process.execPath, ['--enable-source-maps', script, ...args], {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...process.env, ...env },
    });
    this.#ended = once(this.#process, 'exit').then(([code, signal]) => {
      this.#status = { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  get ended(): boolean {
    return this.#status !== undefined;
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
        throw new Failure(
          EXIT.fault,
          `${this.name} ended (${this.#status.code ?? this.#status.signal}) before ${what}; its log: ${this.logFile}`,
        );
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
    if (this.ended) return;
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }
}
