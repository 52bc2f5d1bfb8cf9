import type { Instant, StackId } from '../ids.js';
import type { Grant } from './roles.js';

/** Members of the group have the role. */
export interface RoleMapping extends Grant {
  readonly group: string;
}

/** Somebody else who knows people: an OpenID Connect provider, and how its answers are read here. */
export interface IdentityProvider {
  readonly id: string;
  /** On the button: "Sign in with …". */
  readonly name: string;
  /** As the provider itself writes it. */
  readonly issuer: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** The claim that holds the list of group names. */
  readonly groupsClaim: string;
  readonly mappings: readonly RoleMapping[];
  /** Whether people who were never here get an account, where a mapping gives them a role. */
  readonly admitsUnknown: boolean;
  readonly enabled: boolean;
  /** PEM; the only authority that is then believed. Absent: those of the system. */
  readonly caCertificate?: string;
  /** The stack that binds this control plane to an identity module: issuer, client and certificate are those of its binding. */
  readonly stack?: StackId;
  readonly createdAt: Instant;
}

/** What a provider said of a person, checked. */
export interface OutsidePerson {
  readonly issuer: string;
  readonly subject: string;
  readonly name?: string;
  readonly displayName?: string;
  readonly email?: string;
  /** The provider's own name of the session there (`sid`), where it says one. */
  readonly session?: string;
  /** Absent: it did not say. */
  readonly groups?: readonly string[];
}

/** The roles that groups give; each once. */
export function grantsOf(groups: readonly string[], mappings: readonly RoleMapping[]): readonly Grant[] {
  const grants = new Map<string, Grant>();
  for (const { group, role, site } of mappings)
    if (groups.includes(group)) grants.set(`${role} ${site}`, { role, site });
  return [...grants.values()];
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** What is wrong with an issuer, or nothing. Passwords and codes never travel readable, unless they stay on this machine. */
export function issuerFault(issuer: string): string | undefined {
  let url: URL;
  try {
    url = new URL(issuer);
  } catch {
    return 'must be an address such as https://auth.town.example';
  }
  if (url.username || url.password || url.search || url.hash)
    return 'must be an address without user, query or fragment';
  if (url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname))) return undefined;
  return 'must begin with https://';
}

/** A log-in name from what the provider calls somebody, in our alphabet; what cannot be one becomes `person`. */
export function nameFrom(claimed: string | undefined): string {
  const plain = (claimed ?? '')
    .normalize('NFKD')
    .toLowerCase()
    .replace(/@.*$/, '')
    .replace(/[^a-z0-9._-]+/g, '')
    .replace(/^[^a-z]+/, '')
    .slice(0, 30);
  return plain.length >= 2 ? plain : 'person';
}
