import type { Account } from '../../domain/account/account.js';
import type { IdentityProvider, OutsidePerson } from '../../domain/account/identity-provider.js';
import type { Instant } from '../../domain/ids.js';

/** Who at a provider is who here. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
  readonly provider: string;
  readonly accountId: string;
  readonly createdAt: Instant;
  readonly lastUsedAt?: Instant;
}

export interface IdentityProviderStore {
  /** Inserts or replaces. `last_admin`: it is to be disabled, and no admin of all sites could log in any more; nothing is changed. */
  put(provider: IdentityProvider): Promise<'done' | 'last_admin'>;
  get(id: string): Promise<IdentityProvider | undefined>;
  /** Oldest first. */
  list(): Promise<readonly IdentityProvider[]>;
  /**
   * With the links to it; its accounts stay, as accounts of ours without a way in. `last_admin`: no admin of all sites
   * could log in any more; nothing is removed.
   */
  remove(id: string): Promise<'done' | 'unknown' | 'last_admin'>;

  findIdentity(
    issuer: string,
    subject: string,
  ): Promise<{ readonly identity: Identity; readonly account: Account } | undefined>;
  identitiesOf(accountId: string): Promise<readonly Identity[]>;
  /** `taken`: this person at the provider, or the provider for this account, is linked already. */
  link(identity: Identity): Promise<'done' | 'taken'>;
  /** A new account with its link, both or none. `taken`: the name, or the person, is. */
  admit(account: Account, identity: Identity): Promise<'done' | 'taken'>;
  identityUsed(identity: Identity, at: Instant): Promise<void>;
  unlink(accountId: string, provider: string): Promise<'done' | 'unknown' | 'last_way_in'>;
}

/** What is needed to talk to a provider. */
export interface ProviderAccess {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly scopes: readonly string[];
  readonly groupsClaim: string;
  readonly caCertificate?: string;
  /** Address that the issuer's host name is taken for, where names of the site are not known here. */
  readonly connectTo?: string;
}

export interface ProviderFinding {
  readonly level: 'ok' | 'warning' | 'error';
  readonly message: string;
  readonly remedy?: string;
}

/** Somebody, or one of their sessions, is signed out at the provider since `at`. At least one of both is said. */
export interface EndedOutside {
  readonly issuer: string;
  readonly subject?: string;
  /** The provider's own name of the session (`sid`). */
  readonly session?: string;
  readonly at: Instant;
}

/** One sign-in at a provider; `verifier` (PKCE), `nonce` and `state` are the caller's. */
export interface SignIn {
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/**
 * The relying party's half of OpenID Connect: authorization code with PKCE. Every call has a deadline. Fails with the
 * refusals `auth.provider_away` (not reached, try later) and `auth.provider_wrong` (reached, and something does not fit).
 */
export interface ProviderClient {
  /** Where the browser is sent. */
  begin(access: ProviderAccess, signIn: SignIn): Promise<string>;
  /** Redeems what the browser brought back; signature, issuer, audience, nonce and state are checked. */
  finish(access: ProviderAccess, signIn: SignIn, answer: URLSearchParams): Promise<OutsidePerson>;
  /** Where the browser is sent to be signed out there too; undefined where the provider does not offer it. */
  endSession(access: ProviderAccess, returnTo: string): Promise<string | undefined>;
  /** What a logout token says, checked. Fails with `request.invalid` as well. */
  readLogout(access: ProviderAccess, token: string): Promise<EndedOutside>;
  /** Everything that can be told without a person, each fault with its remedy. */
  test(access: ProviderAccess, redirectUri: string): Promise<readonly ProviderFinding[]>;
}
