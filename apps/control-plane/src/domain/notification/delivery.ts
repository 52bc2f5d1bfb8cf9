import type { Instant, Milliseconds } from '../ids.js';
import type { NotificationEvent } from './event.js';

/** `open`: to be sent, or to be tried again; `given-up`: nobody took it for a day. */
export const DELIVERY_STATES = ['open', 'sent', 'given-up'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** What was told to one target at once. Every try carries the same id, so that a receiver knows it again. */
export interface Delivery {
  readonly id: string;
  readonly target: string;
  /** A person's own address, in place of those that the target names. */
  readonly recipient?: string;
  readonly events: readonly NotificationEvent[];
  readonly state: DeliveryState;
  readonly createdAt: Instant;
  readonly attempts: number;
  readonly nextAt?: Instant;
  readonly endedAt?: Instant;
  /** What the receiver answered last, or why it could not be asked. */
  readonly answer?: string;
  readonly remedy?: string;
}

/** What became of one try. */
export type Outcome =
  | { readonly ok: true; readonly answer: string }
  | { readonly ok: false; readonly answer: string; readonly remedy: string };

/** Events are collected so long before the first message, and so long after one: many in a short time are one message. */
export const GATHER_MS = 10_000;
export const PAUSE_MS = 60_000;
export const GIVE_UP_MS = 24 * 3600_000;
/** A message tells so many events in full and counts the others. */
export const LARGEST_MESSAGE = 50;

const FIRST_WAIT_MS = 15_000;
const LONGEST_WAIT_MS = 30 * 60_000;

/** Whether events that wait since `oldest` become a message now. `last`: when this target's newest message was made. */
export const isTimeForMessage = (oldest: Instant, last: Instant | undefined, now: Instant): boolean =>
  now >= oldest + GATHER_MS && (last === undefined || now >= last + PAUSE_MS);

/** How long to wait after so many tries (≥ 1). `chance` in [0, 1) spreads those that failed together. */
export function waitAfter(attempts: number, chance: number): Milliseconds {
  const doubled = Math.min(FIRST_WAIT_MS * 2 ** Math.min(attempts - 1, 20), LONGEST_WAIT_MS);
  return Math.round(doubled * (0.8 + 0.4 * chance));
}

/** What a failed try makes of a delivery. */
export const afterFailure = (
  delivery: Pick<Delivery, 'createdAt' | 'attempts'>,
  now: Instant,
  chance: number,
): { readonly state: 'open'; readonly nextAt: Instant } | { readonly state: 'given-up' } => {
  if (now >= delivery.createdAt + GIVE_UP_MS) return { state: 'given-up' };
  // The last try is made at the end of the day, not up to half an hour before it.
  const nextAt = Math.min(now + waitAfter(delivery.attempts, chance), delivery.createdAt + GIVE_UP_MS);
  return { state: 'open', nextAt };
};
