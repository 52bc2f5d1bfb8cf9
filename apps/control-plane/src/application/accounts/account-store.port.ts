import type { Account } from '../../domain/account/account.js';
import type { Failures } from '../../domain/account/lock-out.js';
import type { Instant } from '../../domain/ids.js';

/** What may be changed of an account; absent fields stay. `null` takes an optional one away. */
export interface AccountChanges {
  readonly displayName?: string;
  readonly email?: string | null;
  readonly language?: Account['language'];
  readonly grants?: Account['grants'];
  readonly disabled?: boolean;
}

/** People. Every change that could take the last chief admin away answers `last_admin` and changes nothing, also when two come at once. */
export interface AccountStore {
  /** `taken`: the name is in use. */
  insert(account: Account, passwordHash: string | undefined): Promise<'done' | 'taken'>;
  /** As `insert`, only while there is no account at all; `closed` when there is one. Of two at once, one wins. */
  insertFirst(account: Account, passwordHash: string): Promise<'done' | 'closed'>;
  get(id: string): Promise<Account | undefined>;
  find(name: string): Promise<{ readonly account: Account; readonly passwordHash?: string } | undefined>;
  /** Whether the account has a password, one made up by an admin included. */
  hasPassword(id: string): Promise<boolean>;
  /** By name. */
  list(): Promise<readonly Account[]>;
  isEmpty(): Promise<boolean>;
  change(id: string, changes: AccountChanges): Promise<'done' | 'unknown' | 'last_admin'>;
  setPassword(id: string, hash: string, temporary: boolean): Promise<boolean>;
  remove(id: string): Promise<'done' | 'unknown' | 'last_admin'>;
}

/** A browser that is logged in. The cookie's token is never kept, only its SHA-256. */
export interface Session {
  readonly id: string;
  readonly accountId: string;
  readonly createdAt: Instant;
  readonly lastSeenAt: Instant;
  /** Ends then, however busy. */
  readonly expiresAt: Instant;
  readonly address: string;
  readonly userAgent: string;
  /** When its holder last proved who they are. */
  readonly confirmedAt: Instant;
  /** The identity provider it was opened through. */
  readonly provider?: string;
  /** The provider's own name of the session there. */
  readonly providerSession?: string;
}

export interface SessionStore {
  insert(session: Session, hash: string): Promise<void>;
  /** With its account, in one question. */
  find(hash: string): Promise<{ readonly session: Session; readonly account: Account } | undefined>;
  /** The session and its account were seen. */
  seen(session: Session, at: Instant): Promise<void>;
  confirmed(id: string, at: Instant): Promise<void>;
  list(accountId: string): Promise<readonly Session[]>;
  remove(accountId: string, id: string): Promise<boolean>;
  /** All of an account, but the one to keep. */
  removeAll(accountId: string, keep?: string): Promise<void>;
  /** All that were opened through an identity provider. */
  removeOfProvider(provider: string): Promise<void>;
  /**
   * Those of a provider that began before `before`: of an account, of a session there, or of both. Where it is not known to
   * which session there one belongs, the account is enough. Answers how many.
   */
  removeEndedOutside(
    provider: string,
    before: Instant,
    of: { readonly accountId?: string; readonly session?: string },
  ): Promise<number>;
  /** Forgets sessions that ended before `at`. */
  sweep(at: Instant, idleSince: Instant): Promise<void>;
}

/** Failed log-ins by key, kept in the database: a restart or a second process does not forget them. */
export interface FailureStore {
  /**
   * Counts a try on each key before it is known how it ends, and answers what was there before: of many tries at once
   * each sees those before it. Starts from 1 again where the last one is older than `forgetBefore`.
   */
  count(keys: readonly string[], at: Instant, forgetBefore: Instant): Promise<ReadonlyMap<string, Failures>>;
  /** Takes a counted try back. */
  uncount(keys: readonly string[]): Promise<void>;
  clear(keys: readonly string[]): Promise<void>;
}

export interface PasswordHasher {
  hash(password: string): Promise<string>;
  verify(hash: string, password: string): Promise<boolean>;
}

/** The code that the first admin types: whoever can read the state folder may set the product up. */
export interface SetUpCode {
  /** Made when there is none. */
  ensure(): Promise<string>;
  remove(): Promise<void>;
}
