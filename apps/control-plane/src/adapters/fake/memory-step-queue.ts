import type { Ring } from '../../application/runs/run-store.port.js';
import type { Consumer, StepQueue } from '../../application/runs/step-queue.port.js';
import { WorldFailure } from '../../domain/problem.js';

/** The doorbell without Redis: for tests, and obeying the same conformance suite. */
export class MemoryStepQueue implements StepQueue {
  private readonly waiting: Ring[] = [];
  private readonly delayed = new Set<NodeJS.Timeout>();
  private readonly running = new Set<Promise<void>>();
  private handler: ((ring: Ring) => Promise<void>) | undefined;
  private concurrency = 0;

  async ring(ring: Ring, delayMs?: number): Promise<void> {
    if (delayMs !== undefined && delayMs > 0) {
      const timer = setTimeout(() => {
        this.delayed.delete(timer);
        this.enqueue(ring);
      }, delayMs);
      this.delayed.add(timer);
      return;
    }
    this.enqueue(ring);
  }

  async consume(handler: (ring: Ring) => Promise<void>, concurrency: number): Promise<Consumer> {
    if (this.handler !== undefined) throw new Error('this queue is being consumed already');
    this.handler = handler;
    this.concurrency = concurrency;
    this.pump();
    return { close: (graceMs) => this.stop(graceMs) };
  }

  async canary(): Promise<void> {
    if (this.handler !== undefined) return;
    throw new WorldFailure({ code: 'queue.unavailable', retryable: 'now', message: 'No worker takes rings.' });
  }

  async counts(): Promise<{ readonly waiting: number; readonly active: number }> {
    return { waiting: this.waiting.length, active: this.running.size };
  }

  async close(): Promise<void> {
    for (const timer of this.delayed) clearTimeout(timer);
    this.delayed.clear();
    await this.stop(0);
  }

  /** Loses everything, as Redis may. */
  forget(): void {
    this.waiting.length = 0;
  }

  private enqueue(ring: Ring): void {
    const same = ({ run, step, epoch }: Ring): boolean =>
      run === ring.run && step === ring.step && epoch === ring.epoch;
    if (!this.waiting.some(same)) this.waiting.push(ring);
    this.pump();
  }

  private pump(): void {
    const { handler } = this;
    while (handler !== undefined && this.running.size < this.concurrency) {
      const ring = this.waiting.shift();
      if (ring === undefined) return;
      const work = Promise.resolve()
        .then(() => handler(ring))
        .catch(() => {})
        .finally(() => {
          this.running.delete(work);
          this.pump();
        });
      this.running.add(work);
    }
  }

  private async stop(graceMs: number): Promise<void> {
    this.handler = undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    await Promise.race([Promise.all(this.running), late]);
    clearTimeout(timer);
  }
}
