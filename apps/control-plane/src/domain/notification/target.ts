import type { Language } from '../account/account.js';
import type { Instant } from '../ids.js';
import { EVENT_SEVERITY, type EventKind, type NotificationEvent, SEVERITIES, type Severity } from './event.js';

export const MAIL_SECURITIES = ['none', 'starttls', 'tls'] as const;

/** A mail server. Its password lies in the secret store, never here. */
export interface MailRoute {
  readonly kind: 'mail';
  readonly host: string;
  readonly port: number;
  /** `starttls` insists: a server that does not offer it gets no mail. */
  readonly security: (typeof MAIL_SECURITIES)[number];
  readonly user?: string;
  readonly sender: string;
  readonly recipients: readonly string[];
  /** PEM of the authority that the server's certificate must come from; absent: those of the system. */
  readonly ca?: string;
}

/** An address that takes JSON by POST. The key of its signatures lies in the secret store. */
export interface WebhookRoute {
  readonly kind: 'webhook';
  readonly url: string;
  /** Private and loopback addresses may be reached, these by plain http too. */
  readonly privateAddresses: boolean;
  readonly ca?: string;
}

/** What a target wants to hear; an empty list means all. */
export interface NotificationFilter {
  readonly severity: Severity;
  readonly sites: readonly string[];
  readonly kinds: readonly EventKind[];
}

export interface NotificationTarget {
  readonly id: string;
  readonly name: string;
  readonly language: Language;
  readonly filter: NotificationFilter;
  readonly paused: boolean;
  readonly route: MailRoute | WebhookRoute;
  readonly createdAt: Instant;
}

/** Events about the control plane itself belong to every site. */
export function wants({ filter, paused }: NotificationTarget, event: NotificationEvent): boolean {
  if (paused) return false;
  if (SEVERITIES.indexOf(EVENT_SEVERITY[event.kind]) < SEVERITIES.indexOf(filter.severity)) return false;
  if (filter.kinds.length > 0 && !filter.kinds.includes(event.kind)) return false;
  return filter.sites.length === 0 || event.site === undefined || filter.sites.includes(event.site);
}

/** The target whose mail server takes messages to people themselves: the one that was set up first. */
export const postOffice = (targets: readonly NotificationTarget[]): NotificationTarget | undefined =>
  targets
    .filter(({ route, paused }) => route.kind === 'mail' && !paused)
    .toSorted((one, other) => one.createdAt - other.createdAt)[0];

export interface FieldFault {
  readonly field: string;
  readonly message: string;
}

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/** What is wrong with a route beyond its shape. `password`: one is given or kept. */
export function routeFaults(route: MailRoute | WebhookRoute, password: boolean): readonly FieldFault[] {
  if (route.kind === 'mail') {
    if (password && route.user === undefined)
      return [{ field: 'mail.user', message: 'a password needs the name it belongs to' }];
    if (password && route.security === 'none' && !LOOPBACK_HOST.test(route.host))
      return [{ field: 'mail.security', message: 'the password would travel readable: choose starttls or tls' }];
    return [];
  }
  let url: URL;
  try {
    url = new URL(route.url);
  } catch {
    return [{ field: 'webhook.url', message: 'is not an address such as https://chat.town.example/hooks/abc' }];
  }
  if (url.username || url.password)
    return [{ field: 'webhook.url', message: 'must not hold a password: receivers check the signature' }];
  if (url.protocol === 'https:') return [];
  if (url.protocol !== 'http:') return [{ field: 'webhook.url', message: 'must begin with https://' }];
  return route.privateAddresses
    ? []
    : [{ field: 'webhook.url', message: 'plain http goes to private addresses only: allow those first' }];
}
