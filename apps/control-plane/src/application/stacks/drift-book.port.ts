import type { GuestSize } from '../../domain/blueprint/blueprint.js';
import type { GuestId, StackId } from '../../domain/ids.js';
import type { DriftField, IgnoredDrift } from '../../domain/stack/drift.js';
import type { RecordedGuest } from '../../domain/stack/stack.js';

/** What people said about differences between the record and the world. `StackStore.recorded` gives the same words to the planner. */
export interface DriftBook {
  ignored(site: string): Promise<readonly IgnoredDrift[]>;
  /** A second word about the same field replaces the first. Refuses with `conflict` when the guest is not recorded any more. */
  ignore(site: string, word: IgnoredDrift): Promise<void>;
  /** False when there was none; with `observed`, none about that very value. */
  withdraw(guest: GuestId, field: DriftField, observed?: IgnoredDrift['observed']): Promise<boolean>;
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
    /** Laid over what is wanted of this guest (`instance.guest`), as it is by then. */
    readonly size?: { readonly guest: string; readonly size: GuestSize };
  }): Promise<void>;
}
