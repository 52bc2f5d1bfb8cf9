import type { Language } from '../../domain/account/account.js';
import { afterFailure, type Delivery } from '../../domain/notification/delivery.js';
import { messageOf } from '../../domain/notification/message.js';
import type { NotificationTarget } from '../../domain/notification/target.js';
import type { Clock, NewId } from '../clock.port.js';
import type { EngineLog } from '../runs/engine-log.port.js';
import type { SecretStore } from '../secrets/secret-store.port.js';
import { sendTo, targetSecret } from './keep-targets.js';
import type { Messengers } from './messenger.port.js';
import type { NotificationTargets, Outbox } from './notification-store.port.js';

export interface DeliverySettings {
  /** Longest try. */
  readonly sendMs: number;
  /** Longer than a try: who is killed in one is followed by the next. */
  readonly leaseMs: number;
  /** Deliveries at a time. */
  readonly atATime: number;
  readonly keepMs: number;
  /** Address of the dashboard for links, without a slash at the end. */
  readonly dashboard?: string;
}

export const DEFAULT_DELIVERY: DeliverySettings = {
  sendMs: 30_000,
  leaseMs: 90_000,
  atATime: 4,
  keepMs: 30 * 24 * 3600_000,
};

/**
 * Tells what is in the outbox. Any number of processes may do so: each message has one holder at a time. Killed between
 * a receiver's yes and our note of it, a message goes out a second time with the same id; none is lost.
 */
export class DeliverNotifications {
  constructor(
    private readonly outbox: Outbox,
    private readonly targets: Pick<NotificationTargets, 'get'>,
    private readonly messengers: Messengers,
    private readonly secrets: Pick<SecretStore, 'get'>,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly newId: NewId,
    private readonly log: EngineLog,
    private readonly random: () => number,
    private readonly settings: DeliverySettings = DEFAULT_DELIVERY,
  ) {}

  /** Everything whose time has come. Answers how many messages were tried. */
  async execute(signal: AbortSignal): Promise<number> {
    await this.outbox.spread();
    await this.outbox.bundle(this.clock.now(), () => this.newId.next('msg'));
    const tried = await Promise.all(Array.from({ length: this.settings.atATime }, () => this.#drain(signal)));
    return tried.reduce((sum, count) => sum + count, 0);
  }

  async forget(): Promise<void> {
    await this.outbox.forget(this.clock.now() - this.settings.keepMs);
  }

  async #drain(signal: AbortSignal): Promise<number> {
    for (let tried = 0; ; tried += 1) {
      if (signal.aborted) return tried;
      const now = this.clock.now();
      const delivery = await this.outbox.claim(now, now + this.settings.leaseMs);
      if (!delivery) return tried;
      await this.#try(delivery, signal);
    }
  }

  async #try(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const target = await this.targets.get(delivery.target);
    if (!target) return;
    const { name } = target;
    const language = languageOf(delivery, target);
    const { dashboard, sendMs } = this.settings;
    const message = messageOf(delivery.events, {
      id: delivery.id,
      at: delivery.createdAt,
      target: name,
      language,
      ...(dashboard ? { dashboard } : {}),
    });
    const secret = await this.secrets.get(targetSecret(target.id));
    const ending = AbortSignal.any([signal, AbortSignal.timeout(sendMs)]);
    const outcome = await sendTo(this.messengers, addressed(target, delivery.recipient), secret, message, ending);
    const now = this.clock.now();
    if (outcome.ok) {
      await this.outbox.settle(delivery, { state: 'sent', at: now, answer: outcome.answer });
      return;
    }
    // Cut off by our own end: nothing was found out about the receiver, the next process tries again at once.
    const next = signal.aborted ? { state: 'open' as const, nextAt: now } : afterFailure(delivery, now, this.random());
    await this.outbox.settle(delivery, { ...next, at: now, answer: outcome.answer, remedy: outcome.remedy });
    this.log.warn(
      { target: target.id, delivery: delivery.id, attempt: delivery.attempts, state: next.state },
      'a notification could not be delivered',
    );
  }
}

/** A person reads their own language. */
const languageOf = ({ events, recipient }: Delivery, target: NotificationTarget): Language =>
  (recipient === undefined ? undefined : events.at(-1)?.person?.language) ?? target.language;

/** The target's mail server, with a letter to one person. A target that sends no mail any more tells its own readers. */
const addressed = (target: NotificationTarget, recipient: string | undefined): NotificationTarget =>
  recipient === undefined || target.route.kind !== 'mail'
    ? target
    : { ...target, route: { ...target.route, recipients: [recipient] } };
