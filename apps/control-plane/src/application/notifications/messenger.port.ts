import type { Outcome } from '../../domain/notification/delivery.js';
import type { Message } from '../../domain/notification/message.js';
import type { MailRoute, WebhookRoute } from '../../domain/notification/target.js';

/**
 * Takes a message to where a route leads. Never throws: what the receiver said, or why it was not reached, is the answer,
 * as one line without any secret. Ends soon after the signal aborts. The message's id goes along, so that a
 * receiver can tell a second try from a second message.
 */
export interface Messenger<Route extends MailRoute | WebhookRoute> {
  send(route: Route, secret: string | undefined, message: Message, signal: AbortSignal): Promise<Outcome>;
}

export interface Messengers {
  readonly mail: Messenger<MailRoute>;
  readonly webhook: Messenger<WebhookRoute>;
}
