import type { Instant, Milliseconds } from '../../domain/ids.js';
import type { Delivery, DeliveryState } from '../../domain/notification/delivery.js';
import type { NotificationEvent } from '../../domain/notification/event.js';
import type { NotificationTarget } from '../../domain/notification/target.js';

export interface NotificationTargets {
  /** By name. */
  list(): Promise<readonly NotificationTarget[]>;
  get(id: string): Promise<NotificationTarget | undefined>;
  /** False when the name is taken. */
  insert(target: NotificationTarget): Promise<boolean>;
  /** False when the name is taken by another one. */
  replace(target: NotificationTarget): Promise<boolean>;
  /** With its deliveries; false when there was none. */
  remove(id: string): Promise<boolean>;
}

/** Where events come in. Those that have a transaction of their own are written in it, by the adapter that owns it. */
export interface EventInlet {
  /** An event whose key is known is the same event and is not written again. */
  record(events: readonly NotificationEvent[]): Promise<void>;
  /**
   * Remembers how something is and writes the event when that is news: `decide` hears what it was, and is pure. All in
   * one transaction with the memory's row locked.
   */
  flip(
    key: string,
    state: string,
    decide: (before: string | undefined) => NotificationEvent | undefined,
  ): Promise<void>;
  /** True for one caller in `everyMs`, over all processes. */
  takeTurn(key: string, now: Instant, everyMs: Milliseconds): Promise<boolean>;
}

/** The outbox: what is written is told, also when every process is killed in between. */
export interface Outbox {
  /** Hands new events to the targets that want them. */
  spread(): Promise<void>;
  /** Makes messages of what waits, where it is time. `newId` gives their ids. */
  bundle(now: Instant, newId: () => string): Promise<void>;
  /** A delivery whose time has come, held until `leaseUntil`; its attempt is counted already. */
  claim(now: Instant, leaseUntil: Instant): Promise<Delivery | undefined>;
  /** The end of a try. Nothing happens when another one has taken the delivery meanwhile (`attempts` tells). */
  settle(
    delivery: Pick<Delivery, 'id' | 'attempts'>,
    result: {
      readonly state: DeliveryState;
      readonly at: Instant;
      readonly nextAt?: Instant;
      readonly answer: string;
      readonly remedy?: string;
    },
  ): Promise<void>;
  /** Newest first. */
  deliveries(filter: { readonly target?: string; readonly limit: number }): Promise<readonly Delivery[]>;
  /** Targets whose newest ended delivery was given up. */
  failingTargets(): Promise<number>;
  /** Forgets what ended before that, and events that nobody waits for. */
  forget(before: Instant): Promise<void>;
}
