import type { Instant } from '../domain/ids.js';

/** Time and ids come in as arguments; these are the two ways in. */
export interface Clock {
  now(): Instant;
  /** Resolves after `ms`, rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface NewId {
  /** `stk` → `stk_01J…`: time-ordered, unique. */
  next<P extends string>(prefix: P): `${P}_${string}`;
}
