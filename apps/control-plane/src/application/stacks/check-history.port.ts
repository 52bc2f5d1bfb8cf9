import type { Instant, StackId } from '../../domain/ids.js';
import type { CheckResult } from './check-stack.js';

/** What a check said once. */
export interface CheckEntry extends CheckResult {
  readonly at: Instant;
  /** Who asked; `schedule` for the regular ones. */
  readonly by: string;
}

/** Results of checks; the newest are kept, older ones are forgotten. */
export interface CheckHistory {
  append(stack: StackId, entries: readonly CheckEntry[]): Promise<void>;
  /** Newest first. */
  list(stack: StackId, limit: number): Promise<readonly CheckEntry[]>;
  /** Of every stack the newest look at each guest of each instance. */
  newest(): Promise<ReadonlyMap<StackId, readonly CheckEntry[]>>;
  /** True for one caller in `everyMs`, over all processes. */
  takeTurn(stack: StackId, now: Instant, everyMs: number): Promise<boolean>;
}
