import type { Language } from '../../domain/account/account.js';
import type { Outcome } from '../../domain/notification/delivery.js';
import { testMessage } from '../../domain/notification/message.js';
import {
  type FieldFault,
  type MailRoute,
  type NotificationFilter,
  type NotificationTarget,
  routeFaults,
  type WebhookRoute,
} from '../../domain/notification/target.js';
import { Refusal } from '../../domain/problem.js';
import type { Clock, NewId } from '../clock.port.js';
import type { SecretSource, SecretStore } from '../secrets/secret-store.port.js';
import type { Messengers } from './messenger.port.js';
import type { NotificationTargets } from './notification-store.port.js';

export interface WantedTarget {
  readonly name: string;
  readonly language: Language;
  readonly filter: NotificationFilter;
  readonly route: MailRoute | WebhookRoute;
  /** Password of the mail server or key of the signatures. Left out: what is kept stays; empty: none, or a new one. */
  readonly secret?: string;
}

const TEST_MS = 30_000;
const KEY_LENGTH = 43;

export const targetSecret = (id: string): string => `notification/${id}/secret`;

/** Where notifications go. */
export class KeepTargets {
  constructor(
    private readonly targets: NotificationTargets,
    private readonly secrets: Pick<SecretStore, 'get' | 'put' | 'removeUnder'>,
    private readonly random: SecretSource,
    private readonly messengers: Messengers,
    private readonly sites: () => Promise<readonly string[]>,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly newId: NewId,
  ) {}

  list(): Promise<readonly NotificationTarget[]> {
    return this.targets.list();
  }

  async get(id: string): Promise<NotificationTarget> {
    const found = await this.targets.get(id);
    if (found) return found;
    throw new Refusal({
      code: 'not_found',
      subject: `notification target ${id}`,
      message: 'There is no such target.',
      remedy: 'Look at the list of targets.',
    });
  }

  /** `signingKey`: a key that was made up because none was given; shown this once. */
  async create(wanted: WantedTarget): Promise<{ readonly target: NotificationTarget; readonly signingKey?: string }> {
    await this.#check(wanted, Boolean(wanted.secret));
    const id = this.newId.next('ntf');
    const target = { ...bodyOf(wanted), id, paused: false, createdAt: this.clock.now() };
    const made = this.#keyFor(wanted, wanted.secret ?? '');
    // First the secret: a target without its key would be tried without it.
    if (made.secret) await this.secrets.put(targetSecret(id), made.secret);
    if (!(await this.targets.insert(target))) {
      await this.secrets.removeUnder(`notification/${id}/`);
      throw taken(wanted.name);
    }
    return { target, ...(made.shown ? { signingKey: made.shown } : {}) };
  }

  async change(
    id: string,
    wanted: WantedTarget,
  ): Promise<{ readonly target: NotificationTarget; readonly signingKey?: string }> {
    const before = await this.get(id);
    if (before.route.kind !== wanted.route.kind)
      throw invalid([{ field: 'kind', message: 'cannot be changed: make another target' }]);
    const kept = await this.secrets.get(targetSecret(id));
    await this.#check(wanted, Boolean(wanted.secret ?? kept));
    // A kept password goes to the server it was given for, and to no other.
    if (movesSecret(before, wanted.route) && kept && wanted.secret === undefined)
      throw invalid([
        {
          field: wanted.route.kind === 'mail' ? 'mail.password' : 'webhook.signingKey',
          message: 'has to be given again when the receiver changes',
        },
      ]);
    const target = { ...before, ...bodyOf(wanted) };
    if (!(await this.targets.replace(target))) throw taken(wanted.name);
    if (wanted.secret === undefined) return { target };
    const made = this.#keyFor(wanted, wanted.secret);
    if (made.secret) await this.secrets.put(targetSecret(id), made.secret);
    else await this.secrets.removeUnder(`notification/${id}/`);
    return { target, ...(made.shown ? { signingKey: made.shown } : {}) };
  }

  async pause(id: string, paused: boolean): Promise<NotificationTarget> {
    const target = { ...(await this.get(id)), paused };
    await this.targets.replace(target);
    return target;
  }

  async remove(id: string): Promise<NotificationTarget> {
    const target = await this.get(id);
    await this.targets.remove(id);
    await this.secrets.removeUnder(`notification/${id}/`);
    return target;
  }

  /** Sends a test now and answers with what the receiver said. */
  async test(id: string): Promise<Outcome> {
    const target = await this.get(id);
    const now = this.clock.now();
    const { name, language } = target;
    const message = testMessage({ id: this.newId.next('msg'), at: now, target: name, language });
    return await sendTo(
      this.messengers,
      target,
      await this.secrets.get(targetSecret(id)),
      message,
      AbortSignal.timeout(TEST_MS),
    );
  }

  /** Whether a password or key is kept, never what it is. */
  async hasSecret(id: string): Promise<boolean> {
    return (await this.secrets.get(targetSecret(id))) !== undefined;
  }

  async #check(wanted: WantedTarget, secret: boolean): Promise<void> {
    const faults: FieldFault[] = [...routeFaults(wanted.route, secret)];
    const sites = await this.sites();
    const unknown = wanted.filter.sites.filter((site) => !sites.includes(site));
    if (unknown.length > 0) faults.push({ field: 'sites', message: `${unknown.join(', ')} is not connected` });
    if (faults.length > 0) throw invalid(faults);
  }

  #keyFor(wanted: WantedTarget, given: string): { readonly secret: string; readonly shown?: string } {
    if (wanted.route.kind === 'mail' || given !== '') return { secret: given };
    const made = this.random.generate({ length: KEY_LENGTH, alphabet: 'base64url' });
    return { secret: made, shown: made };
  }
}

/** The one place where a route finds its messenger. */
export function sendTo(
  messengers: Messengers,
  { route }: NotificationTarget,
  secret: string | undefined,
  message: Parameters<Messengers['mail']['send']>[2],
  signal: AbortSignal,
): Promise<Outcome> {
  return route.kind === 'mail'
    ? messengers.mail.send(route, secret, message, signal)
    : messengers.webhook.send(route, secret, message, signal);
}

const bodyOf = ({ name, language, filter, route }: WantedTarget) => ({ name, language, filter, route });

/** Another receiver must not get what was trusted to this one. */
function movesSecret(before: NotificationTarget, route: MailRoute | WebhookRoute): boolean {
  if (before.route.kind === 'mail' && route.kind === 'mail')
    return (
      before.route.host !== route.host ||
      before.route.port !== route.port ||
      before.route.user !== route.user ||
      before.route.security !== route.security ||
      before.route.ca !== route.ca
    );
  return false;
}

const invalid = (faults: readonly FieldFault[]): Refusal =>
  new Refusal({
    code: 'request.invalid',
    subject: faults.map(({ field }) => field).join(', '),
    message: `${faults.map(({ field, message }) => `${field} ${message}`).join('; ')}.`,
    remedy: 'Correct these fields and send the request again.',
    details: { fields: faults },
  });

const taken = (name: string): Refusal =>
  new Refusal({
    code: 'conflict',
    subject: name,
    message: 'There is a target of that name.',
    remedy: 'Choose another name.',
    details: { fields: [{ field: 'name', message: 'is taken' }] },
  });
