import type { Instant } from '../ids.js';

/** Failed log-ins that count together. `key` says what is counted: one name from one address, one address, one name. */
export interface Failures {
  readonly count: number;
  readonly lastAt: Instant;
}

export type LockScope = 'pair' | 'address' | 'name';

/**
 * From how many failures on somebody has to wait. A pair is a person's own mistyping and waits early; a whole town hall
 * may sit behind one address; a name is counted over all addresses so that many of them do not help, but late, so that
 * nobody locks an admin out by typing their name.
 */
const FREE: Readonly<Record<LockScope, number>> = { pair: 5, address: 30, name: 100 };
const FIRST_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 15 * 60_000;
/** Failures older than this are forgotten. */
export const FORGET_MS = 24 * 3_600_000;

/** How long the next try has to wait, in ms; 0: it may come now. Doubles with every failure. */
export function waitMs(scope: LockScope, failures: Failures | undefined, now: Instant): number {
  if (!failures || now - failures.lastAt > FORGET_MS) return 0;
  // The clock was wrong then, and was set right since: nobody waits for a day that may be years away.
  if (failures.lastAt - now > LONGEST_WAIT_MS) return 0;
  const over = failures.count - FREE[scope];
  if (over < 0) return 0;
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(over, 20));
  return Math.max(0, failures.lastAt + wait - now);
}
