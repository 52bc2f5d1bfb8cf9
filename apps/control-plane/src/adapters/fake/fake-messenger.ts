import type { Messenger } from '../../application/notifications/messenger.port.js';
import type { Outcome } from '../../domain/notification/delivery.js';
import type { Message } from '../../domain/notification/message.js';
import type { MailRoute, WebhookRoute } from '../../domain/notification/target.js';

/** Takes messages into memory. `behaviour` is what its receiver does from now on. */
export class FakeMessenger implements Messenger<MailRoute>, Messenger<WebhookRoute> {
  readonly received: Message[] = [];
  /** Of each message that was received: whom its mail was to. */
  readonly recipients: (readonly string[])[] = [];
  behaviour: 'takes' | 'refuses' | 'hangs' | 'away' = 'takes';

  async send(
    route: MailRoute | WebhookRoute,
    _secret: string | undefined,
    message: Message,
    signal: AbortSignal,
  ): Promise<Outcome> {
    if (this.behaviour === 'away') return { ok: false, answer: 'nobody is there', remedy: 'Look for somebody.' };
    if (this.behaviour === 'hangs' || signal.aborted) {
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      return { ok: false, answer: 'no answer in time', remedy: 'Wait.' };
    }
    if (this.behaviour === 'refuses') return { ok: false, answer: '550 no', remedy: 'Ask it why.' };
    this.received.push(message);
    this.recipients.push(route.kind === 'mail' ? route.recipients : []);
    return { ok: true, answer: '250 yes' };
  }
}
