import {
  ACCOUNT_NAME,
  type Account,
  isReservedName,
  type Language,
  passwordFault,
} from '../../domain/account/account.js';
import type { Grant } from '../../domain/account/roles.js';
import { Refusal } from '../../domain/problem.js';
import type { Clock, NewId } from '../clock.port.js';
import type { SecretSource } from '../secrets/secret-store.port.js';
import type { AccountChanges, AccountStore, PasswordHasher, SetUpCode } from './account-store.port.js';
import type { SecondFactors } from './second-factors.js';
import type { Sessions } from './sessions.js';

export interface NewAccount {
  readonly name: string;
  readonly displayName: string;
  readonly email?: string;
  readonly language?: Language;
  readonly grants: readonly Grant[];
  readonly password?: string;
}

/** People's accounts: made, changed, ended; their passwords. */
export class People {
  constructor(
    private readonly store: AccountStore,
    private readonly passwords: PasswordHasher,
    private readonly sessions: Sessions,
    private readonly factors: SecondFactors,
    private readonly setUpCode: SetUpCode,
    private readonly siteNames: () => Promise<readonly string[]>,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly newId: NewId,
    private readonly random: SecretSource,
  ) {}

  list(): Promise<readonly Account[]> {
    return this.store.list();
  }

  async get(id: string): Promise<Account> {
    return (await this.store.get(id)) ?? this.#unknown(id);
  }

  hasPassword(id: string): Promise<boolean> {
    return this.store.hasPassword(id);
  }

  isFirstRun(): Promise<boolean> {
    return this.store.isEmpty();
  }

  /** While there is nobody, the code for the first admin lies in the state folder. */
  async openSetUp(): Promise<void> {
    if (await this.store.isEmpty()) await this.setUpCode.ensure();
  }

  /** The first admin. The code proves that they can read the state folder; it is gone afterwards. */
  async setUp(code: string, wanted: Omit<NewAccount, 'grants'> & { readonly password: string }): Promise<Account> {
    if (!(await this.store.isEmpty())) throw closed();
    const expected = await this.setUpCode.ensure();
    if (!this.#same(code.trim(), expected)) {
      throw new Refusal({
        code: 'auth.wrong',
        subject: 'set-up code',
        message: 'This is not the set-up code.',
        remedy:
          'Take it from the file setup-code in the control plane’s state folder, or open the link that npm run demo prints.',
      });
    }
    const account = this.#draft({ ...wanted, grants: [{ role: 'admin', site: null }] }, false);
    const hash = await this.#hash('password', wanted.password, account);
    if ((await this.store.insertFirst(account, hash)) === 'closed') throw closed();
    await this.setUpCode.remove();
    return account;
  }

  /** Without a password one is made up, to be given to the person and changed at their first log-in. */
  async create(wanted: NewAccount): Promise<Account & { readonly temporaryPassword?: string }> {
    await this.#checkSites(wanted.grants);
    const made = wanted.password === undefined ? this.#temporary() : undefined;
    const account = this.#draft(wanted, made !== undefined);
    const hash = await this.#hash('password', wanted.password ?? made ?? '', account);
    if ((await this.store.insert(account, hash)) === 'taken') {
      throw invalid('name', 'is taken', 'Choose another name.');
    }
    return { ...account, ...(made ? { temporaryPassword: made } : {}) };
  }

  /** Whoever is disabled or loses a role loses it at once: sessions read their grants from here. */
  async change(id: string, changes: AccountChanges): Promise<Account> {
    if (changes.grants) await this.#checkSites(changes.grants);
    this.#answer(await this.store.change(id, changes), id);
    if (changes.disabled) await this.sessions.closeAll(id);
    return await this.get(id);
  }

  async remove(id: string): Promise<void> {
    this.#answer(await this.store.remove(id), id);
    await this.factors.removeAll(id);
  }

  /** For somebody who forgot theirs: ends their sessions and takes their second factors away, which are lost as often. */
  async resetPassword(id: string): Promise<string> {
    const made = this.#temporary();
    const account = await this.get(id);
    if (account.origin !== undefined) throw fromOutside(account.name);
    await this.store.setPassword(account.id, await this.passwords.hash(made), true);
    await this.factors.removeAll(id);
    await this.sessions.closeAll(id);
    return made;
  }

  /** One's own, by somebody who has just proven the current one. All other browsers are logged out. */
  async choosePassword(id: string, current: string, chosen: string, session: string | undefined): Promise<void> {
    const account = await this.get(id);
    if (current === chosen) throw invalid('new', 'is the one you have', 'Choose another one.');
    await this.store.setPassword(id, await this.#hash('new', chosen, account), false);
    await this.sessions.closeAll(id, session);
  }

  /** Asked again before something that takes protection away. `field`: of the form, for the finding. */
  async provePassword(account: Pick<Account, 'name'>, password: string, field: string): Promise<void> {
    const hash = (await this.store.find(account.name))?.passwordHash;
    if (hash !== undefined && (await this.passwords.verify(hash, password))) return;
    throw invalid(field, 'is not your password', 'Type the password you log in with.');
  }

  #draft(wanted: NewAccount, temporary: boolean): Account {
    const name = wanted.name.trim().toLowerCase();
    if (!ACCOUNT_NAME.test(name)) {
      throw invalid(
        'name',
        'must be 2 to 39 small letters, digits, dots or hyphens, a letter first',
        'Choose another name.',
      );
    }
    if (isReservedName(name)) throw invalid('name', 'is reserved', 'Choose another name.');
    return {
      id: this.newId.next('acc'),
      name,
      displayName: wanted.displayName,
      ...(wanted.email ? { email: wanted.email } : {}),
      ...(wanted.language ? { language: wanted.language } : {}),
      grants: wanted.grants,
      disabled: false,
      passwordTemporary: temporary,
      createdAt: this.clock.now(),
    };
  }

  async #hash(field: string, password: string, account: Account): Promise<string> {
    const fault = passwordFault(password, account);
    if (fault) throw invalid(field, fault, 'Choose another password; several words make a good one.');
    return await this.passwords.hash(password);
  }

  #temporary(): string {
    return this.random.generate({ length: 16, alphabet: 'alphanumeric' });
  }

  /** Two secrets of the same length, compared without telling by time how much of them agrees. */
  #same(given: string, expected: string): boolean {
    let different = given.length ^ expected.length;
    for (let at = 0; at < expected.length; at += 1) different |= (given.charCodeAt(at) || 0) ^ expected.charCodeAt(at);
    return different === 0;
  }

  async #checkSites(grants: readonly Grant[]): Promise<void> {
    const known = await this.siteNames();
    const strange = grants.find((grant) => grant.site !== null && !known.includes(grant.site));
    if (strange)
      throw invalid(
        'roles',
        `name the site ${strange.site}, which is not connected`,
        'Choose a connected site, or all.',
      );
  }

  #answer(outcome: 'done' | 'unknown' | 'last_admin', id: string): void {
    if (outcome === 'unknown') this.#unknown(id);
    if (outcome === 'last_admin') {
      throw new Refusal({
        code: 'conflict',
        subject: `account ${id}`,
        message: 'This is the last admin of all sites who can log in.',
        remedy: 'Make somebody else an admin of all sites first.',
      });
    }
  }

  #unknown(id: string): never {
    throw new Refusal({
      code: 'not_found',
      subject: `account ${id}`,
      message: 'There is no such account.',
      remedy: 'Look at the list of people.',
    });
  }
}

const closed = (): Refusal =>
  new Refusal({
    code: 'conflict',
    subject: 'set-up',
    message: 'The first admin exists already.',
    remedy: 'Log in, or ask an admin for an account.',
  });

const fromOutside = (name: string): Refusal =>
  new Refusal({
    code: 'conflict',
    subject: `account ${name}`,
    message: 'The account comes from an identity provider; its password is kept there.',
    remedy: 'Reset it at the provider. When the provider is removed here, the account becomes one of ours.',
  });

const invalid = (field: string, message: string, remedy: string): Refusal =>
  new Refusal({
    code: 'request.invalid',
    subject: field,
    message: `${field} ${message}.`,
    remedy,
    details: { fields: [{ field, message }] },
  });
