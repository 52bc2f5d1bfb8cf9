import { setMaxListeners } from 'node:events';
import type { EngineLog } from '../application/runs/engine-log.port.js';
import type { ExecuteStep } from '../application/runs/execute-step.js';
import type { Consumer, StepQueue } from '../application/runs/step-queue.port.js';
import type { Sweep } from '../application/runs/sweep.js';
import type { KeepChecks } from '../application/stacks/keep-checks.js';
import type { Watchdog } from './watchdog.js';

export interface WorkerSettings {
  /** Steps at a time. */
  readonly concurrency: number;
  readonly sweepMs: number;
  /** How often each stack is checked; 0: never by itself. */
  readonly checkMs: number;
}

/** How long running steps get to be handed over when the process is asked to end. */
const HAND_OVER_MS = 12_000;

/** Listens for rings and carries steps out; sweeps at its start and regularly. Any number of workers may run. */
export class Worker {
  readonly #shutdown = new AbortController();
  #consumer: Consumer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #checking: Promise<void> | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(
    private readonly queue: StepQueue,
    private readonly executeStep: ExecuteStep,
    private readonly sweep: Sweep,
    private readonly settings: WorkerSettings,
    private readonly log: EngineLog,
    private readonly checks?: Pick<KeepChecks, 'regularly'>,
    private readonly watchdog?: Watchdog,
  ) {}

  async start(): Promise<void> {
    // One listener per running step; more than ten of them are no leak.
    setMaxListeners(0, this.#shutdown.signal);
    this.#consumer = await this.queue.consume(
      (ring) => this.executeStep.execute(ring, this.#shutdown.signal),
      this.settings.concurrency,
    );
    await this.#sweepOnce();
    this.#timer = setInterval(() => {
      this.#sweeping = this.#sweepOnce();
      this.#checkOnce();
    }, this.settings.sweepMs);
    this.watchdog?.start();
  }

  /** Stops claiming, hands running steps over, returns within the hand-over time. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.watchdog?.stop();
    this.#shutdown.abort();
    await this.#consumer?.close(HAND_OVER_MS);
    await this.#sweeping;
    // A check that hangs is the guest's, and nothing of it is lost: the next worker asks again.
    await Promise.race([this.#checking, new Promise((resolve) => setTimeout(resolve, HAND_OVER_MS).unref())]);
  }

  /** Whether it is a stack's turn is decided by the database; looking costs one question. */
  #checkOnce(): void {
    if (this.settings.checkMs === 0 || this.#checking) return;
    this.#checking = (this.checks?.regularly(this.settings.checkMs, this.#shutdown.signal) ?? Promise.resolve())
      .catch((err: unknown) => this.log.warn({ err }, 'regular checks failed, the next ones make up for it'))
      .finally(() => {
        this.#checking = undefined;
      });
  }

  async #sweepOnce(): Promise<void> {
    try {
      const swept = await this.sweep.execute();
      if (swept && swept.expired + swept.rung > 0) this.log.info(swept, 'sweep');
    } catch (err) {
      this.log.warn({ err }, 'sweep failed, the next one makes up for it');
    }
  }
}
