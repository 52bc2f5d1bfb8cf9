import { SystemClock } from '../../src/adapters/clock/system-clock.js';
import { BullmqStepQueue } from '../../src/adapters/queue/bullmq-step-queue.js';
import { AdvanceRun } from '../../src/application/runs/advance-run.js';
import type { EngineLog } from '../../src/application/runs/engine-log.port.js';
import { ExecuteStep } from '../../src/application/runs/execute-step.js';
import type { AbortOutsideTask, Executors } from '../../src/application/runs/executor.js';
import { DEFAULT_JOURNAL } from '../../src/application/runs/step-journal.js';
import { DEFAULT_LIMIT_SIZES } from '../../src/application/runs/step-limits.js';
import type { StepQueue } from '../../src/application/runs/step-queue.port.js';
import { Sweep } from '../../src/application/runs/sweep.js';
import type { RetryPolicy } from '../../src/domain/run/retry-policy.js';
import { Worker } from '../../src/worker/worker.js';
import { EngineDatabase } from './engine-database.js';

export interface EngineSettings {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly prefix: string;
  readonly leaseMs: number;
  readonly sweepMs: number;
  readonly graceMs: number;
  readonly concurrency: number;
  readonly maxStarts: number;
}

const RETRY: RetryPolicy = {
  now: { firstMs: 50, maxMs: 200, retries: 3 },
  later: { firstMs: 50, maxMs: 100 },
};

/** A whole engine in this process: the product's own parts, short times, other executors. */
export class EngineWorker {
  private constructor(
    readonly engine: EngineDatabase,
    readonly queue: BullmqStepQueue,
    readonly advance: AdvanceRun,
    readonly worker: Worker,
  ) {}

  static async open(
    settings: EngineSettings,
    world: { executors: Executors; abortOutsideTask?: AbortOutsideTask },
    log: EngineLog,
    beforeRing: StepQueue['ring'] = async () => {},
  ): Promise<EngineWorker> {
    const engine = new EngineDatabase({ url: settings.databaseUrl, idleInTransactionMs: 2_000 });
    const queue = await BullmqStepQueue.open({ address: settings.redisUrl, prefix: settings.prefix, log });
    const ring: StepQueue['ring'] = async (one, delayMs) => {
      await beforeRing(one, delayMs);
      await queue.ring(one, delayMs);
    };
    const advance = new AdvanceRun(engine.runs, { ring }, log);
    const execute = new ExecuteStep(
      {
        store: engine.runs,
        stacks: engine.stacks,
        limits: engine.limits,
        advance,
        clock: new SystemClock(),
        log,
        random: Math.random,
        executors: world.executors,
        ...(world.abortOutsideTask === undefined ? {} : { abortOutsideTask: world.abortOutsideTask }),
      },
      {
        holder: `test:${process.pid}:${performance.timeOrigin}`,
        leaseMs: settings.leaseMs,
        maxStarts: settings.maxStarts,
        graceMs: settings.graceMs,
        retryPolicy: RETRY,
        limitSizes: DEFAULT_LIMIT_SIZES,
        journal: { ...DEFAULT_JOURNAL, flushMs: 50 },
      },
    );
    const { concurrency, sweepMs } = settings;
    const worker = new Worker(
      queue,
      execute,
      new Sweep(engine.runs, advance),
      { concurrency, sweepMs, checkMs: 0 },
      log,
    );
    return new EngineWorker(engine, queue, advance, worker);
  }

  async close(): Promise<void> {
    await this.worker.stop();
    await this.queue.close();
    await this.engine.close();
  }
}
