import type { Instant } from '../ids.js';
import type { Grant } from './roles.js';

export const LANGUAGES = ['de', 'en', 'fr'] as const;
export type Language = (typeof LANGUAGES)[number];

/** A person who may log in to the control plane. What proves it is them (password, second factors) is kept beside it. */
export interface Account {
  readonly id: string;
  /** What is typed at the log-in; unique, lower case. */
  readonly name: string;
  readonly displayName: string;
  readonly email?: string;
  readonly language?: Language;
  readonly grants: readonly Grant[];
  readonly disabled: boolean;
  /** Made up by an admin: the person must choose their own before anything else. */
  readonly passwordTemporary: boolean;
  readonly createdAt: Instant;
  readonly lastSeenAt?: Instant;
  /** The identity provider that the account comes from: its roles follow the groups there. Absent: made here. */
  readonly origin?: string;
}

/** Names that stand for something else in runs, plans and the audit. */
const RESERVED = new Set(['local', 'nobody', 'system', 'worker', 'unknown']);
export const ACCOUNT_NAME = /^[a-z][a-z0-9._-]{1,38}$/;

export const isReservedName = (name: string): boolean => RESERVED.has(name.toLowerCase());

/** An admin of all sites who can log in: one must always be left. */
export const isChiefAdmin = (account: Pick<Account, 'grants' | 'disabled'>): boolean =>
  !account.disabled && account.grants.some((grant) => grant.role === 'admin' && grant.site === null);

export const SHORTEST_PASSWORD = 10;
const LONGEST_PASSWORD = 256;

/** What is wrong with a new password, or nothing. Length counts, composition does not (NIST SP 800-63B §5.1.1.2). */
export function passwordFault(password: string, account: { readonly name: string }): string | undefined {
  const length = [...password].length;
  if (length < SHORTEST_PASSWORD) return `must have at least ${SHORTEST_PASSWORD} characters`;
  if (length > LONGEST_PASSWORD) return `must have at most ${LONGEST_PASSWORD} characters`;
  const plain = password.toLowerCase();
  if (plain.includes(account.name) && length - account.name.length < SHORTEST_PASSWORD - 4)
    return 'must not be made of the name';
  if (new Set(plain).size < 5) return 'must not repeat the same few characters';
  return undefined;
}
