import { setTimeout as delay } from 'node:timers/promises';
import type { Product, StartedWorker } from './product.js';

export interface CrewOptions {
  /** Workers at a time. */
  readonly count: number;
  /** Folder of the guests and of what is planned to go wrong. */
  readonly world: string;
  readonly hookMs?: number;
  readonly leaseMs?: number;
  readonly sweepMs?: number;
  readonly concurrency?: number;
}

/** Keeps workers up as a service manager does, with one more that only waits to be needed. */
export class WorkerCrew {
  readonly working = new Set<StartedWorker>();
  /** How often one was started because another had died. */
  deaths = 0;
  private spare: Promise<StartedWorker> | undefined;
  private on = true;
  private readonly watches: Promise<void>[] = [];

  constructor(
    private readonly product: Product,
    private readonly script: string,
    private readonly options: CrewOptions,
  ) {}

  async start(): Promise<void> {
    for (let i = 0; i < this.options.count; i += 1) {
      const first = await this.next();
      const watch = this.keepUp(first);
      watch.catch(() => {});
      this.watches.push(watch);
    }
  }

  /** Kills one of those at work, the one that works longest. */
  async killOne(): Promise<void> {
    const [oldest] = this.working;
    await oldest?.kill();
  }

  /** Throws when a worker did not come up again. */
  async stop(): Promise<void> {
    this.on = false;
    const spare = await this.spare?.catch(() => undefined);
    await Promise.all([...this.working, ...(spare ? [spare] : [])].map((worker) => worker.kill()));
    await Promise.all(this.watches);
  }

  private async keepUp(first: StartedWorker): Promise<void> {
    let worker = first;
    while (this.on) {
      this.working.add(worker);
      worker.go();
      await worker.ended;
      this.working.delete(worker);
      if (!this.on) return;
      this.deaths += 1;
      worker = await this.next();
    }
    await worker.kill();
  }

  private async next(): Promise<StartedWorker> {
    const ready = await (this.spare ?? this.boot());
    this.spare = this.on ? this.boot() : undefined;
    this.spare?.catch(() => {});
    return ready;
  }

  /** Where a server is away just now no worker comes up; it is tried again. */
  private async boot(tries = 20): Promise<StartedWorker> {
    try {
      return await this.bootOnce();
    } catch (error) {
      if (tries === 0 || !this.on) throw error;
      await delay(200);
      return this.boot(tries - 1);
    }
  }

  private bootOnce(): Promise<StartedWorker> {
    const { world, hookMs = 0, leaseMs = 800, sweepMs = 200, concurrency = 8 } = this.options;
    return this.product.startWorker(this.script, [world, `${hookMs}`], {
      BASTIDE_LEASE_MS: `${leaseMs}`,
      BASTIDE_SWEEP_MS: `${sweepMs}`,
      BASTIDE_CONCURRENCY: `${concurrency}`,
    });
  }
}
