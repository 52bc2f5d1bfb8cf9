import { FORGET_MS, type LockScope, waitMs } from '../../domain/account/lock-out.js';
import { type NotificationEvent, plainLine } from '../../domain/notification/event.js';
import { Refusal } from '../../domain/problem.js';
import type { Clock } from '../clock.port.js';
import type { AccountStore, FailureStore, PasswordHasher, Session } from './account-store.port.js';
import type { OneTimeCodes } from './one-time-codes.js';
import type { OpenSession, Origin, Sessions } from './sessions.js';

export interface Credentials {
  readonly name: string;
  readonly password: string;
  /** Of the authenticator app, or a recovery code. */
  readonly code?: string;
}

/** Logs people in by password and, where they set one up, a second factor. */
export class LogIn {
  #decoy: Promise<string> | undefined;

  constructor(
    private readonly accounts: AccountStore,
    private readonly failures: FailureStore,
    private readonly passwords: PasswordHasher,
    private readonly codes: OneTimeCodes,
    private readonly sessions: Sessions,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly sha256: (text: string) => string,
    private readonly news?: { record(events: readonly NotificationEvent[]): Promise<void> },
  ) {}

  /**
   * Unknown name, wrong password and disabled account get the same answer after the same work. Failures: `auth.wrong`,
   * `auth.second_factor` (the password is right, a code is needed), `auth.locked` with `details.retryAfterMs`.
   */
  async open({ name, password, code }: Credentials, origin: Origin, before?: Session): Promise<OpenSession> {
    const typed = name.trim().toLowerCase();
    const keys = this.#keys(typed, origin.address);
    await this.#countTry(keys, typed, origin.address);
    const found = await this.accounts.find(typed);
    // Somebody unknown costs as much time as somebody known.
    this.#decoy ??= this.passwords.hash('nobody has this password');
    const right = await this.passwords.verify(found?.passwordHash ?? (await this.#decoy), password);
    if (!right || !found?.passwordHash || found.account.disabled) throw wrong();
    const { account } = found;
    if (await this.codes.isOn(account.id)) {
      if (code === undefined || code.trim() === '') {
        await this.failures.uncount(Object.values(keys));
        throw secondFactor(account.name);
      }
      if (!(await this.codes.use(account.id, code))) throw wrong();
    }
    await this.failures.uncount([keys.address, keys.name]);
    await this.failures.clear([keys.pair]);
    return await this.sessions.open(account, origin, before);
  }

  /** The account's name as the audit may show it: what was typed by mistake into that field could be a password. */
  async knownName(name: string): Promise<string | undefined> {
    return (await this.accounts.find(name.trim().toLowerCase()))?.account.name;
  }

  /** Keys are hashes: what was typed is not kept. */
  #keys(name: string, address: string): Record<LockScope, string> {
    const key = (...parts: string[]) => this.sha256(JSON.stringify(parts));
    return { pair: key('pair', name, address), address: key('address', address), name: key('name', name) };
  }

  /** Once an hour. A name that nobody has could be a password typed into the wrong field: it is not told. */
  async #tellLocked(key: string, name: string, address: string, at: number): Promise<void> {
    const account = await this.knownName(name);
    const facts = { address: plainLine(address, 60), ...(account === undefined ? {} : { account }) };
    await this.news?.record([{ kind: 'account-locked', key: `locked/${key}/${Math.floor(at / HOUR_MS)}`, at, facts }]);
  }

  async #countTry(keys: Record<LockScope, string>, name: string, address: string): Promise<void> {
    const now = this.clock.now();
    const before = await this.failures.count(Object.values(keys), now, now - FORGET_MS);
    const scopes = Object.keys(keys) as LockScope[];
    const wait = Math.max(...scopes.map((scope) => waitMs(scope, before.get(keys[scope]), now)));
    if (wait <= 0) return;
    // A try that was not let in is none: it must not make the wait longer.
    await this.failures.uncount(Object.values(keys));
    await this.#tellLocked(keys.pair, name, address, now);
    throw new Refusal({
      code: 'auth.locked',
      subject: 'log-in',
      message: `Too many failed log-ins; the next try is possible in ${Math.ceil(wait / 1000)} seconds.`,
      remedy: 'Wait, then try again; an admin can give you a new password.',
      details: { retryAfterMs: wait },
    });
  }
}

const HOUR_MS = 3600_000;

const wrong = (): Refusal =>
  new Refusal({
    code: 'auth.wrong',
    subject: 'log-in',
    message: 'Name, password or code is wrong.',
    remedy: 'Try again; an admin can give you a new password.',
  });

const secondFactor = (name: string): Refusal =>
  new Refusal({
    code: 'auth.second_factor',
    subject: name,
    message: 'A code of your authenticator app is needed.',
    remedy: 'Send it as code, or one of your recovery codes.',
    details: { methods: ['totp'] },
  });
