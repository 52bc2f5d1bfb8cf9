import type { GuestId, StackId } from '../../domain/ids.js';
import type { DriftField, IgnoredDrift } from '../../domain/stack/drift.js';
import type { RecordedGuest, WantedStack } from '../../domain/stack/stack.js';

/** What people said about differences between the record and the world. `StackStore.recorded` gives the same words to the planner. */
export interface DriftBook {
  ignored(site: string): Promise<readonly IgnoredDrift[]>;
  /** A second word about the same field replaces the first. */
  ignore(site: string, word: IgnoredDrift): Promise<void>;
  /** False when there was none. */
  withdraw(guest: GuestId, field: DriftField): Promise<boolean>;
  /**
   * The record of a guest, and where it matters what is wanted of its stack, take what is there; words about that field
   * go. All or nothing. Refuses with `stack.busy` while a run of the stack is under way, and with `conflict` when the
   * record is not `before` any more.
   */
  adopt(change: {
    readonly stack: StackId;
    readonly field: DriftField;
    readonly before: RecordedGuest;
    readonly after: RecordedGuest;
    readonly wanted?: WantedStack;
  }): Promise<void>;
}
