import { createHmac } from 'node:crypto';
import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Messenger } from '../../application/notifications/messenger.port.js';
import type { Outcome } from '../../domain/notification/delivery.js';
import { plainLine } from '../../domain/notification/event.js';
import type { Message } from '../../domain/notification/message.js';
import type { WebhookRoute } from '../../domain/notification/target.js';
import { addressesOf, type ReachedAddress } from '../addresses/reachable-addresses.js';
import { connectionRemedy } from './connection-remedies.js';
import { without } from './smtp-messenger.js';

/** So much of an answer is read, and no more. */
const LARGEST_ANSWER = 4096;

/**
 * POST of JSON. `Bastide-Signature: t=<seconds>,v1=<hex HMAC-SHA-256 of "<t>.<body>">`; `Idempotency-Key` is the message's
 * id. Redirects are not followed, and the connection goes to an address that was looked at after the name server's answer.
 */
export class WebhookMessenger implements Messenger<WebhookRoute> {
  constructor(private readonly now: () => number) {}

  async send(route: WebhookRoute, secret: string | undefined, message: Message, signal: AbortSignal): Promise<Outcome> {
    try {
      const url = new URL(route.url);
      const plain = url.protocol === 'http:';
      const addresses = await abortable(
        addressesOf(url.hostname, (reach) =>
          reach === 'public' ? !plain : reach === 'private' && route.privateAddresses,
        ),
        signal,
      );
      if (addresses === 'refused') return refusedAddress(plain, route.privateAddresses);
      const { status, body } = await this.#post(url, addresses, route, secret ?? '', message, signal);
      const answer = without(plainLine(`HTTP ${status}${body ? `: ${body}` : ''}`), [secret ?? '']);
      if (status >= 200 && status < 300) return { ok: true, answer };
      return { ok: false, answer, remedy: remedyOf(status) };
    } catch (error) {
      const late = signal.aborted;
      const said = plainLine((error as Error).message);
      return {
        ok: false,
        answer: late ? `no answer in time (${said})` : said,
        remedy:
          (late ? undefined : connectionRemedy(error)) ??
          'Check the address; a firewall may be in between, or the receiver does not answer.',
      };
    }
  }

  #post(
    url: URL,
    addresses: readonly ReachedAddress[],
    route: WebhookRoute,
    secret: string,
    message: Message,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: string }> {
    const body = JSON.stringify(payloadOf(message));
    const at = Math.floor(this.now() / 1000);
    const lookup: LookupFunction = (_host, options, done) => {
      if (options.all) done(null, [...addresses]);
      else done(null, addresses[0]?.address ?? '', addresses[0]?.family);
    };
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'http:' ? requestPlain : requestTls)(
        url,
        {
          method: 'POST',
          signal,
          lookup,
          agent: false,
          ...(route.ca ? { ca: route.ca } : {}),
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            'user-agent': 'Bastide',
            'idempotency-key': message.id,
            'bastide-delivery': message.id,
            'bastide-signature': `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`,
          },
        },
        (response) => void readSome(response).then((text) => resolve({ status: response.statusCode ?? 0, body: text })),
      );
      request.on('error', reject);
      request.end(body);
    });
  }
}

/** `text` first of all: chat servers (Mattermost, Rocket.Chat, Slack) show it as it is. */
const payloadOf = (message: Message): object => ({
  text:
    message.events.length === 0
      ? message.text
      : message.events.map(({ text, url }) => [text, url].filter(Boolean).join(' ')).join('\n'),
  id: message.id,
  at: new Date(message.at).toISOString(),
  subject: message.subject,
  severity: message.severity,
  events: message.events.map((event) => ({ ...event, at: new Date(event.at).toISOString() })),
  more: message.more,
});

/** The beginning of an answer; the rest, however long it is, is not waited for. */
async function readSome(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      parts.push(part);
      size += part.length;
      if (size >= LARGEST_ANSWER) break;
    }
  } catch {
    // The status has arrived; what else was to come says nothing about whether it was taken.
  }
  response.destroy();
  return Buffer.concat(parts).subarray(0, LARGEST_ANSWER).toString('utf8').trim();
}

const abortable = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
  });

const refusedAddress = (plain: boolean, privateAllowed: boolean): Outcome => ({
  ok: false,
  answer: 'the address was not asked: it lies where this target may not reach',
  remedy:
    plain && privateAllowed
      ? 'Use https: plain http goes to private addresses only.'
      : privateAllowed
        ? 'Use an address of a server: link-local, multicast and reserved ones are never asked.'
        : 'Use a public address, or allow private addresses for this target.',
});

function remedyOf(status: number): string {
  if (status >= 300 && status < 400) return 'Give the final address: redirects are not followed.';
  if (status === 401 || status === 403)
    return 'The receiver does not take it: check its address and the key of the signature.';
  if (status === 404 || status === 410)
    return 'Nothing takes messages at this address: check it, or make a new one there.';
  if (status === 429) return 'The receiver is asked too often; it is tried again later.';
  if (status >= 500) return 'The receiver has a fault; it is tried again later.';
  return 'The receiver does not understand the message: check what kind of address it is.';
}
