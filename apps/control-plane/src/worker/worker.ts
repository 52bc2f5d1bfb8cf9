import { setMaxListeners } from 'node:events';
import type { EngineLog } from '../application/runs/engine-log.port.js';
import type { ExecuteStep } from '../application/runs/execute-step.js';
import type { Consumer, StepQueue } from '../application/runs/step-queue.port.js';
import type { Sweep } from '../application/runs/sweep.js';
import type { Watchdog } from './watchdog.js';

export interface WorkerSettings {
  /** Steps at a time. */
  readonly concurrency: number;
  readonly sweepMs: number;
}

/** How long running steps get to be handed over when the process is asked to end. */
const HAND_OVER_MS = 12_000;

/** Listens for rings and carries steps out; sweeps at its start and regularly. Any number of workers may run. */
export class Worker {
  readonly #shutdown = new AbortController();
  #consumer: Consumer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(
    private readonly queue: StepQueue,
    private readonly executeStep: ExecuteStep,
    private readonly sweep: Sweep,
    private readonly settings: WorkerSettings,
    private readonly log: EngineLog,
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
