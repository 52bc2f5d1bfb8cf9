import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { createTransport } from 'nodemailer';
import type { Messenger } from '../../application/notifications/messenger.port.js';
import type { Outcome } from '../../domain/notification/delivery.js';
import { plainLine } from '../../domain/notification/event.js';
import type { Message } from '../../domain/notification/message.js';
import type { MailRoute } from '../../domain/notification/target.js';
import { lookupOf, reachOf } from '../addresses/reachable-addresses.js';
import { connectionRemedy } from './connection-remedies.js';

const SILENCE_MS = 20_000;

interface SmtpError extends Error {
  readonly code?: string;
  readonly responseCode?: number;
  readonly response?: string;
}

/** Mail over SMTP. Our own socket is handed over, so that a server that goes on talking for ever is cut off too. */
export class SmtpMessenger implements Messenger<MailRoute> {
  async send(route: MailRoute, secret: string | undefined, message: Message, signal: AbortSignal): Promise<Outcome> {
    const { host, port, security, user } = route;
    let socket: Socket | TLSSocket | undefined;
    const cutOff = (): void => void socket?.destroy(new Error('no answer in time'));
    const tls = { servername: host, minVersion: 'TLSv1.2' as const, ...(route.ca ? { ca: route.ca } : {}) };
    const transport = createTransport({
      host,
      port,
      secure: security === 'tls',
      requireTLS: security === 'starttls',
      ignoreTLS: security === 'none',
      ...(user === undefined ? {} : { auth: { user, pass: secret ?? '' } }),
      tls,
      greetingTimeout: SILENCE_MS,
      socketTimeout: SILENCE_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
      getSocket: (_options, done) => {
        const secured = security === 'tls';
        let made: Socket;
        try {
          if (isIP(host) && !isServers(host)) throw notAsked(host);
          made = secured ? connectTls({ host, port, lookup, ...tls }) : connect({ host, port, lookup });
        } catch (error) {
          // A CA that is no certificate, and an address of nobody's server, are refused before anything is asked.
          return done(error as Error, undefined);
        }
        socket = made;
        const failed = (error: Error): void => done(error, undefined);
        made.once('error', failed);
        made.once(secured ? 'secureConnect' : 'connect', () => {
          made.removeListener('error', failed);
          done(null, { connection: made, secured });
        });
      },
    });
    signal.addEventListener('abort', cutOff, { once: true });
    try {
      if (signal.aborted) return failedWith(new Error('no answer in time'), true, []);
      const sent = await transport.sendMail({
        from: route.sender,
        to: [...route.recipients],
        subject: message.subject,
        text: message.text,
        messageId: `<${message.id}@${domainOf(route.sender)}>`,
        date: new Date(message.at),
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Bastide-Delivery': message.id },
      });
      const rejected = sent.rejected.map(String);
      const answer = plainLine(sent.response);
      return { ok: true, answer: rejected.length > 0 ? `${answer} (not for ${rejected.join(', ')})` : answer };
    } catch (error) {
      return failedWith(error as SmtpError, signal.aborted, [secret ?? '']);
    } finally {
      signal.removeEventListener('abort', cutOff);
      transport.close();
      socket?.destroy();
    }
  }
}

/** No mail server has an address that only this network's own plumbing answers at. */
const isServers = (address: string): boolean => reachOf(address) !== 'never';
const notAsked = (host: string): Error =>
  new Error(`${host} was not asked: link-local, multicast and reserved addresses never are`);
const lookup = lookupOf(isServers, notAsked);

const domainOf = (sender: string): string => /@([A-Za-z0-9.-]+)>?\s*$/.exec(sender)?.[1] ?? 'bastide.invalid';

const REMEDIES: Readonly<Record<string, string>> = {
  EAUTH: 'Check the user and the password; some servers want a password made for programs.',
  EENVELOPE: 'Check the sender and the recipients: the server does not take them.',
  EMESSAGE: 'The server does not take the message; its answer says why.',
  ETLS: 'The server does not speak TLS as set: try the other kind of security, or another port (587 for STARTTLS, 465 for TLS).',
  EPROTOCOL: 'What answers there is no mail server of this kind of security: 587 is usual for STARTTLS, 465 for TLS.',
};

function failedWith(error: SmtpError, late: boolean, secrets: readonly string[]): Outcome {
  const said = error.response ?? error.message;
  const answer = plainLine(late ? `no answer in time (${said})` : said);
  const remedy =
    (late ? undefined : connectionRemedy(error)) ??
    (error.code === 'ETIMEDOUT' || late
      ? 'Check host, port and kind of security; a firewall may be in between.'
      : (REMEDIES[error.code ?? ''] ?? 'Look at the server’s own log.'));
  return { ok: false, answer: without(answer, secrets), remedy };
}

/** A server could send back what it was given, also as it went over the wire. */
export function without(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => [secret, Buffer.from(secret).toString('base64')])
    .reduce((clean, secret) => clean.replaceAll(secret, '•••'), text);
}
