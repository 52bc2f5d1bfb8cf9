import { performance } from 'node:perf_hooks';
import type { Clock } from '../clock.port.js';
import type { EngineLog } from './engine-log.port.js';
import { type Interruption, StepInterrupted } from './executor.js';
import type { HeldLimits } from './limits.port.js';
import type { Lease, RunStore } from './run-store.port.js';

export interface KeeperOptions {
  readonly leaseMs: number;
  /** Whether a cancelled run interrupts the step, or waits for it. */
  readonly cancellable: boolean;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: EngineLog;
}

/**
 * Keeps a claimed step ours: heartbeats, the fence before outside effects, and one abort signal for every reason to
 * stop. Measures its own lease on the monotonic clock, because a wall clock may jump and a worker may be suspended.
 */
export class LeaseKeeper {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private stopWatching: () => void = () => {};
  private confirmedAt = performance.now();
  private limitsAt = performance.now();
  private limits: HeldLimits | undefined;
  private stopped = false;
  private beating: Promise<void> | undefined;

  constructor(
    private readonly store: Pick<RunStore, 'heartbeat' | 'watch'>,
    private readonly lease: Lease,
    private readonly options: KeeperOptions,
  ) {}

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  interruption(): Interruption | undefined {
    const reason: unknown = this.signal.aborted ? this.signal.reason : undefined;
    return reason instanceof StepInterrupted ? reason.why : undefined;
  }

  start(): void {
    // Cancelling changes the run's state; the heartbeat is what asks for it.
    this.stopWatching = this.store.watch(this.lease.run, (what) => {
      if (what === 'run') void this.beat();
    });
    this.schedule();
  }

  /** From here on these are renewed with the lease. */
  guard(limits: HeldLimits): void {
    this.limits = limits;
    this.limitsAt = performance.now();
  }

  interrupt(why: Interruption): void {
    if (!this.stopped && !this.signal.aborted) this.controller.abort(new StepInterrupted(why));
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.stopWatching();
  }

  /**
   * Throws `StepInterrupted('lease-lost')` unless this worker holds the step, and its limits, for another lease. An
   * unreachable database is waited for as long as the lease lasts. A cancelled step may still pass: it has to be able to
   * clean up after itself.
   */
  async fence(): Promise<void> {
    if (this.interruption() === 'lease-lost') throw new StepInterrupted('lease-lost');
    while (!(await this.tryRenew())) {
      if (this.isOver()) this.lose();
      await this.options.clock.sleep(Math.min(250, this.options.leaseMs / 4));
    }
    if (this.interruption() === 'lease-lost') throw new StepInterrupted('lease-lost');
  }

  private isOver(): boolean {
    return performance.now() - this.confirmedAt >= this.options.leaseMs;
  }

  private lose(): never {
    this.interrupt('lease-lost');
    throw new StepInterrupted('lease-lost');
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.beat().finally(() => this.schedule()), this.options.leaseMs / 3);
  }

  /** One heartbeat at a time; a second caller shares the one under way. */
  private beat(): Promise<void> {
    if (this.stopped || this.interruption() === 'lease-lost') return Promise.resolve();
    this.beating ??= this.tryRenew()
      .then((reached) => {
        if (!reached && this.isOver()) this.interrupt('lease-lost');
      })
      .finally(() => {
        this.beating = undefined;
      });
    return this.beating;
  }

  /** False when the database could not be asked. */
  private async tryRenew(): Promise<boolean> {
    const { leaseMs } = this.options;
    const asked = performance.now();
    try {
      const state = await this.store.heartbeat(this.lease, leaseMs);
      const limitsAreOurs = !state.held || (await this.renewLimits(asked));
      if (!state.held || !limitsAreOurs) this.interrupt('lease-lost');
      else if (state.cancelling && this.options.cancellable) this.interrupt('cancelled');
      this.confirmedAt = asked;
      return true;
    } catch (err) {
      this.options.log.warn({ run: this.lease.run, step: this.lease.step, err }, 'heartbeat failed');
      return false;
    }
  }

  private async renewLimits(asked: number): Promise<boolean> {
    if (this.limits === undefined || asked - this.limitsAt < this.options.leaseMs / 4) return true;
    const ours = await this.limits.renew();
    this.limitsAt = asked;
    return ours;
  }
}
