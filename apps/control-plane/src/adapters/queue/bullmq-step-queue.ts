import { randomUUID } from 'node:crypto';
import { Queue, QueueEvents, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { EngineLog } from '../../application/runs/engine-log.port.js';
import type { Ring } from '../../application/runs/run-store.port.js';
import type { Consumer, StepQueue } from '../../application/runs/step-queue.port.js';
import type { RunId, StepId } from '../../domain/ids.js';
import { WorldFailure } from '../../domain/problem.js';
import { connectChecked, impatient, noWorker, patient, type RedisAddress, unavailable } from './redis-connection.js';

export interface BullmqOptions {
  readonly address: RedisAddress;
  readonly log: EngineLog;
  /** Two products on one Redis keep out of each other's way. Default `bastide`. */
  readonly prefix?: string;
}

const STEPS = 'steps';
const CANARY = 'canary';
const MAX_PAYLOAD = 1_024;
/** Job history is nobody's truth here: gone when handled, and a short event stream. */
const KEEP_NOTHING = { removeOnComplete: true, removeOnFail: true } as const;
const STREAMS = { events: { maxLen: 200 } };

/**
 * What a killed worker had taken but not claimed stays under its lock, and a ring with the same id is dropped meanwhile:
 * the lock is short, and a job may come back as often as it takes. Who gets a step is decided by the claim, not here.
 */
const SOON_AGAIN = { lockDuration: 2_000, stalledInterval: 1_000, maxStalledCount: 1_000 } as const;

/** The doorbell on BullMQ. */
export class BullmqStepQueue implements StepQueue {
  private constructor(
    private readonly options: BullmqOptions & { readonly prefix: string },
    private readonly asking: Redis,
    private readonly steps: Queue<Ring>,
    private readonly canaries: Queue,
  ) {}

  private events: { readonly queue: QueueEvents; readonly connection: Redis } | undefined;
  private consumer: Consumer | undefined;

  /** Connects; throws `Refusal` or `WorldFailure` `queue.unavailable` (see `connectChecked`). */
  static async open(options: BullmqOptions): Promise<BullmqStepQueue> {
    const asking = impatient(options.address);
    await connectChecked(asking);
    const prefix = options.prefix ?? 'bastide';
    const settings = { connection: asking, prefix, streams: STREAMS, defaultJobOptions: KEEP_NOTHING };
    const steps = new Queue<Ring>(STEPS, settings);
    const canaries = new Queue(CANARY, settings);
    for (const queue of [steps, canaries]) queue.on('error', () => {});
    return new BullmqStepQueue({ ...options, prefix }, asking, steps, canaries);
  }

  async ring(ring: Ring, delayMs?: number): Promise<void> {
    const { run, step, epoch } = ring;
    const data: Ring = { run, step, epoch };
    if (Buffer.byteLength(JSON.stringify(data)) > MAX_PAYLOAD) {
      throw new Error(`a ring for ${run} is larger than ${MAX_PAYLOAD} bytes: its step id is too long`);
    }
    // While such a job waits, adding it again changes nothing. BullMQ forbids colons in ids.
    const jobId = encodeURIComponent(`${run} ${step} ${epoch}`);
    await this.ask(() => this.steps.add('step', data, { jobId, ...(delayMs === undefined ? {} : { delay: delayMs }) }));
  }

  async consume(handler: (ring: Ring) => Promise<void>, concurrency: number): Promise<Consumer> {
    if (this.consumer !== undefined) throw new Error('this queue is being consumed already');
    const { address, log, prefix } = this.options;
    const connection = patient(address);
    const settings = { connection, prefix, ...{ removeOnComplete: { count: 0 }, removeOnFail: { count: 0 } } };
    const steps = new Worker<Ring>(
      STEPS,
      async ({ data }) => {
        // What lies in Redis is untrusted input.
        if (!isRing(data)) return log.warn({}, 'a ring that is none was ignored');
        try {
          await handler({ run: data.run, step: data.step, epoch: data.epoch });
        } catch (err) {
          log.error({ run: data.run, step: data.step, err }, 'handler of a ring failed');
        }
      },
      { ...settings, ...SOON_AGAIN, concurrency },
    );
    const canaries = new Worker(CANARY, async () => {}, { ...settings, concurrency: 1 });
    for (const worker of [steps, canaries]) worker.on('error', (err) => log.warn({ err }, 'queue connection trouble'));
    await Promise.all([steps.waitUntilReady(), canaries.waitUntilReady()]).catch((error: unknown) => {
      connection.disconnect();
      throw unavailable(error);
    });
    this.consumer = {
      close: async (graceMs) => {
        const closed = Promise.all([steps.close(), canaries.close()]);
        await within(graceMs, closed);
        // What is left is not waited for: its rings come back, its steps have been handed over.
        await within(2_000, Promise.all([steps.close(true), canaries.close(true)]));
        connection.disconnect();
      },
    };
    return this.consumer;
  }

  async canary(timeoutMs: number): Promise<void> {
    const jobId = `canary-${randomUUID()}`;
    await this.ask(async () => {
      const events = await this.listen();
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(
          // Silence has two causes; only a Redis that answers proves that it is the workers'.
          () => finish(() => void this.asking.ping().then(() => reject(noWorker(timeoutMs)), reject)),
          timeoutMs,
        );
        const heard = (event: { jobId: string }): void => {
          if (event.jobId === jobId) finish(resolve);
        };
        const finish = (end: () => void): void => {
          clearTimeout(late);
          events.off('completed', heard);
          end();
        };
        events.on('completed', heard);
        this.canaries.add('canary', {}, { jobId }).catch((error: unknown) => finish(() => reject(error as Error)));
      });
    });
  }

  async counts(): Promise<{ readonly waiting: number; readonly active: number }> {
    const counts = await this.ask(() => this.steps.getJobCounts('waiting', 'active'));
    return { waiting: counts.waiting ?? 0, active: counts.active ?? 0 };
  }

  async close(): Promise<void> {
    await this.consumer?.close(0);
    await within(2_000, Promise.all([this.steps.close(), this.canaries.close(), this.events?.queue.close()]));
    this.events?.connection.disconnect();
    this.asking.disconnect();
  }

  /** BullMQ remembers a first connection that failed for good, so it is only given one that works. */
  private async listen(): Promise<QueueEvents> {
    if (this.events !== undefined) return this.events.queue;
    const connection = patient(this.options.address);
    try {
      await connection.connect();
    } catch (error) {
      connection.disconnect();
      throw error;
    }
    const queue = new QueueEvents(CANARY, { connection, prefix: this.options.prefix });
    queue.on('error', () => {});
    this.events = { queue, connection };
    await queue.waitUntilReady();
    return queue;
  }

  private async ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw error instanceof WorldFailure ? error : unavailable(error);
    }
  }
}

const isRing = (data: unknown): data is { run: RunId; step: StepId; epoch: number } => {
  const { run, step, epoch } = (data ?? {}) as Record<string, unknown>;
  return typeof run === 'string' && typeof step === 'string' && typeof epoch === 'number';
};

/** Waits, but not longer. What is not waited for must not become an unheard rejection. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => {}), late]);
  clearTimeout(timer);
}
