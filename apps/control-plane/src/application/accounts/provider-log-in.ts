import type { Account } from '../../domain/account/account.js';
import {
  grantsOf,
  type IdentityProvider,
  nameFrom,
  type OutsidePerson,
} from '../../domain/account/identity-provider.js';
import type { Grant } from '../../domain/account/roles.js';
import { Refusal } from '../../domain/problem.js';
import type { Clock, NewId } from '../clock.port.js';
import type { SecretSource } from '../secrets/secret-store.port.js';
import type { AccountStore, Session } from './account-store.port.js';
import type { Challenge, Challenges } from './challenges.js';
import type { Identity, IdentityProviderStore, ProviderClient, SignIn } from './identity-provider.port.js';
import type { IdentityProviders } from './identity-providers.js';
import { lastWayIn } from './passkeys.js';
import type { OpenSession, Origin, Sessions } from './sessions.js';

/** The browser that is sent away and comes back. `token` is in its cookie and kept nowhere else. */
export interface Traveller {
  readonly token: string;
  readonly holder: string;
}

/** What came of a journey to a provider: a session, or a link to the account of whoever was logged in. */
export type Arrival = { readonly next: string } & (
  | { readonly login: OpenSession }
  | { readonly linked: Account; readonly provider: IdentityProvider }
);

/** Log-in through an identity provider. Who somebody is, is issuer and subject, and never a name or an e-mail address. */
export class ProviderLogIn {
  constructor(
    private readonly providers: IdentityProviders,
    private readonly store: IdentityProviderStore,
    private readonly client: ProviderClient,
    private readonly accounts: AccountStore,
    private readonly challenges: Challenges,
    private readonly sessions: Sessions,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly newId: NewId,
    private readonly random: SecretSource,
    private readonly sha256: (text: string) => string,
  ) {}

  /** Where the browser goes. `next`: the page it wants afterwards. `link`: to be linked to this session's account. */
  async begin(
    id: string,
    traveller: Traveller,
    about: { readonly redirectUri: string; readonly next: string; readonly link?: OpenSession },
  ): Promise<string> {
    const provider = await this.#open(id);
    const { redirectUri, next, link } = about;
    const data = { provider: id, redirectUri, next, ...(link ? { session: link.session.id } : {}) };
    const state = await this.challenges.make(link ? 'provider-link' : 'provider-sign-in', traveller.holder, {
      data,
      ...(link ? { account: link.account.id } : {}),
    });
    return await this.client.begin(
      await this.providers.access(provider),
      this.#signIn(traveller.token, state, redirectUri),
    );
  }

  /**
   * The browser is back. Fails with `auth.expired`, `auth.provider_away`, `auth.provider_wrong`, `auth.no_role` (no group
   * gives a role, or strangers get no account), `auth.disabled`, `conflict` (linked to somebody else).
   */
  async finish(
    answer: URLSearchParams,
    traveller: Traveller,
    origin: Origin,
    before: OpenSession | undefined,
  ): Promise<Arrival> {
    const state = answer.get('state') ?? '';
    const challenge = await this.challenges.take(state, ['provider-sign-in', 'provider-link'], traveller.holder);
    const { provider: id = '', redirectUri = '', next = '/' } = challenge.data;
    const provider = await this.#open(id);
    const signIn = this.#signIn(traveller.token, state, redirectUri);
    const person = await this.client.finish(await this.providers.access(provider), signIn, answer);
    if (challenge.purpose === 'provider-link')
      return { next, linked: await this.#link(challenge, provider, person, before), provider };
    const account = await this.#accountOf(provider, person);
    const arrival = { instead: before?.session, provider: provider.id, providerSession: person.session };
    return { next, login: await this.sessions.open(account, origin, arrival) };
  }

  /** Where the browser may be signed out at the provider of a session that ended. A provider that is away has no part in logging out. */
  async endSession(session: Session, returnTo: string): Promise<string | undefined> {
    try {
      const provider = session.provider === undefined ? undefined : await this.store.get(session.provider);
      return provider && (await this.client.endSession(await this.providers.access(provider), returnTo));
    } catch (error) {
      if (error instanceof Refusal) return undefined;
      throw error;
    }
  }

  linksOf(accountId: string): Promise<readonly Identity[]> {
    return this.store.identitiesOf(accountId);
  }

  async unlink(account: Account, provider: string): Promise<void> {
    const outcome = account.origin === provider ? 'last_way_in' : await this.store.unlink(account.id, provider);
    if (outcome === 'last_way_in') throw lastWayIn();
    if (outcome === 'done') return;
    throw new Refusal({
      code: 'not_found',
      subject: `identity provider ${provider}`,
      message: 'Your account is not linked to it.',
      remedy: 'Look at the list.',
    });
  }

  async #open(id: string): Promise<IdentityProvider> {
    const provider = await this.providers.get(id);
    if (provider.enabled) return provider;
    throw new Refusal({
      code: 'auth.disabled',
      subject: provider.name,
      message: 'Nobody signs in through this provider at the moment.',
      remedy: 'Use another way, or ask an admin.',
    });
  }

  /** PKCE verifier and nonce come from what only this browser holds: the database alone is no help to a thief. */
  #signIn(token: string, state: string, redirectUri: string): SignIn {
    const derived = (what: string): string => this.sha256(JSON.stringify([what, token, state]));
    return { redirectUri, state, nonce: derived('nonce'), verifier: derived('verifier') };
  }

  async #link(
    challenge: Challenge,
    provider: IdentityProvider,
    person: OutsidePerson,
    login: OpenSession | undefined,
  ): Promise<Account> {
    if (!login || login.session.id !== challenge.data['session'] || login.account.id !== challenge.account) {
      throw new Refusal({
        code: 'auth.expired',
        subject: 'link',
        message: 'The session that asked for the link has ended.',
        remedy: 'Log in and begin again.',
      });
    }
    if ((await this.store.link(this.#identity(provider, person, login.account.id))) === 'taken') {
      throw new Refusal({
        code: 'conflict',
        subject: provider.name,
        message: 'This person there, or your account here, is linked already.',
        remedy: 'Take the other link away first.',
      });
    }
    return login.account;
  }

  async #accountOf(provider: IdentityProvider, person: OutsidePerson): Promise<Account> {
    const found = await this.store.findIdentity(person.issuer, person.subject);
    const grants = grantsOf(person.groups ?? [], provider.mappings);
    if (!found) {
      if (!provider.admitsUnknown || grants.length === 0) throw noRole(provider, person);
      return await this.#admit(provider, person, grants);
    }
    const { account, identity } = found;
    // Two clients at one issuer know the same people. Only the one somebody belongs to says which roles they have.
    if (identity.provider !== provider.id) throw linkedElsewhere(provider);
    if (account.disabled) throw disabled();
    await this.store.identityUsed(identity, this.clock.now());
    // Whoever was an account of ours before keeps the roles that an admin gave; the provider is one more way in.
    if (account.origin !== provider.id) return account;
    const outcome = await this.accounts.change(account.id, { grants });
    if (outcome === 'done' && grants.length > 0) return { ...account, grants };
    // Also when the record must keep its last admin: nobody comes in on roles that the provider no longer gives.
    await this.sessions.closeAll(account.id);
    throw noRole(provider, person);
  }

  async #admit(provider: IdentityProvider, person: OutsidePerson, grants: readonly Grant[]): Promise<Account> {
    const name = nameFrom(person.name ?? person.email);
    for (let tries = 0; tries < 5; tries += 1) {
      const suffix = tries === 0 ? '' : `-${this.random.generate({ length: 4, alphabet: 'hex' })}`;
      const account: Account = {
        id: this.newId.next('acc'),
        name: name + suffix,
        displayName: (person.displayName ?? person.name ?? name).slice(0, 120),
        ...(person.email === undefined ? {} : { email: person.email }),
        grants,
        disabled: false,
        passwordTemporary: false,
        createdAt: this.clock.now(),
        origin: provider.id,
      };
      if ((await this.store.admit(account, this.#identity(provider, person, account.id))) === 'done') return account;
    }
    throw new Error(`no free name for a person of ${provider.id}`);
  }

  #identity(provider: IdentityProvider, { issuer, subject }: OutsidePerson, accountId: string): Identity {
    return { issuer, subject, provider: provider.id, accountId, createdAt: this.clock.now() };
  }
}

const linkedElsewhere = (provider: IdentityProvider): Refusal =>
  new Refusal({
    code: 'conflict',
    subject: provider.name,
    message: 'You belong to another identity provider here, which has the same issuer.',
    remedy: 'Sign in with that one; an admin sees both under Settings, Log-in.',
  });

/** Without the claim nobody can have a role, which is a matter of the provider's settings and not of the person. */
const noRole = (provider: IdentityProvider, person: OutsidePerson): Refusal =>
  person.groups === undefined ? noGroups(provider) : noGroupFits(provider);

const noGroups = ({ name, groupsClaim }: IdentityProvider): Refusal =>
  new Refusal({
    code: 'auth.no_groups',
    subject: name,
    message: `The provider said who you are, but sent no groups (the claim ${groupsClaim} is missing).`,
    remedy: 'Let an admin make the provider send it for this client, or correct its name under Settings, Log-in.',
  });

const noGroupFits = (provider: IdentityProvider): Refusal =>
  new Refusal({
    code: 'auth.no_role',
    subject: provider.name,
    message: 'The provider knows you, but none of your groups there gives you a role here.',
    remedy: 'Ask an admin to put you into a group, or to map one of your groups to a role.',
  });

const disabled = (): Refusal =>
  new Refusal({
    code: 'auth.disabled',
    subject: 'account',
    message: 'Your account here is disabled.',
    remedy: 'Ask an admin.',
  });
