import { performance } from 'node:perf_hooks';
import type { EngineLog } from '../application/runs/engine-log.port.js';
import type { StepQueue } from '../application/runs/step-queue.port.js';

export interface WatchdogSettings {
  readonly everyMs: number;
  /** Rings that wait so long while nobody handles any: the connection to the queue is dead, though it may look alive. */
  readonly stuckMs: number;
  /** A slower event loop is worth a warning: heartbeats would come late. */
  readonly lagMs: number;
}

export const DEFAULT_WATCHDOG: WatchdogSettings = { everyMs: 5_000, stuckMs: 60_000, lagMs: 1_000 };

const PULSE_MS = 50;

/**
 * Notices what a worker cannot notice by working: rings wait and none is handled. Then the process is of no use, and the
 * owner is told, who ends it so that a new one starts. An unreachable queue is not that case: connections come back.
 */
export class Watchdog {
  private timer: NodeJS.Timeout | undefined;
  private pulse: NodeJS.Timeout | undefined;
  private worstMs = 0;
  private idleSince: number | undefined;
  private lastLagMs = 0;

  constructor(
    private readonly queue: Pick<StepQueue, 'counts'>,
    private readonly log: EngineLog,
    private readonly onStuck: () => void,
    private readonly settings: WatchdogSettings = DEFAULT_WATCHDOG,
  ) {}

  start(): void {
    let last = performance.now();
    // How late a regular timer comes is how long the loop was busy with something else.
    this.pulse = setInterval(() => {
      const now = performance.now();
      this.worstMs = Math.max(this.worstMs, now - last - PULSE_MS);
      last = now;
    }, PULSE_MS).unref();
    this.timer = setInterval(() => void this.look(), this.settings.everyMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    clearInterval(this.pulse);
  }

  /** Longest pause of the event loop in the last period, in milliseconds. */
  get lagMs(): number {
    return this.lastLagMs;
  }

  private async look(): Promise<void> {
    this.lastLagMs = Math.round(this.worstMs);
    this.worstMs = 0;
    if (this.lastLagMs > this.settings.lagMs) this.log.warn({ lagMs: this.lastLagMs }, 'event loop stood still');
    const counts = await this.queue.counts().catch(() => undefined);
    const now = performance.now();
    if (counts === undefined || counts.waiting === 0 || counts.active > 0) this.idleSince = undefined;
    else this.idleSince ??= now;
    if (this.idleSince === undefined || now - this.idleSince < this.settings.stuckMs) return;
    this.idleSince = undefined;
    this.log.error(counts ?? {}, 'rings wait and no worker takes them');
    this.onStuck();
  }
}
