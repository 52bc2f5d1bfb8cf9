import { networkOf } from '../../domain/account/network.js';
import type { JsonObject } from '../../domain/ids.js';
import { type NotificationEvent, plainLine } from '../../domain/notification/event.js';
import { Refusal } from '../../domain/problem.js';
import type { Clock } from '../clock.port.js';
import type { AccountStore, PasswordHasher, Session } from './account-store.port.js';
import type { Attempt, Attempts } from './attempts.js';
import type { PasskeyPlace } from './passkey.port.js';
import type { Passkeys } from './passkeys.js';
import type { Factors, SecondFactors } from './second-factors.js';
import type { OpenSession, Origin, Sessions } from './sessions.js';

export interface Credentials {
  readonly name: string;
  readonly password: string;
  /** Of the authenticator app, or a recovery code. */
  readonly code?: string;
  /** A passkey's answer to the question that came with `auth.second_factor`. */
  readonly passkey?: JsonObject;
}

/** The browser at the door. */
export interface Door extends Origin {
  /** Binds what is asked to the browser that was asked. */
  readonly holder: string;
  /** Absent: passkeys do not work at this address. */
  readonly place?: PasskeyPlace;
}

/** Logs people in: by password and, where they set one up, a second factor; or by a passkey alone. */
export class LogIn {
  #decoy: Promise<string> | undefined;

  constructor(
    private readonly accounts: AccountStore,
    private readonly attempts: Attempts,
    private readonly passwords: PasswordHasher,
    private readonly factors: SecondFactors,
    private readonly passkeys: Passkeys,
    private readonly sessions: Sessions,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly news?: { record(events: readonly NotificationEvent[]): Promise<void> },
  ) {}

  /**
   * Unknown name, wrong password and disabled account get the same answer after the same work. Failures: `auth.wrong`,
   * `auth.second_factor` (the password is right, `details.methods` say what else is needed), `auth.locked` with
   * `details.retryAfterMs`.
   */
  async open(given: Credentials, door: Door, before?: Session): Promise<OpenSession> {
    const typed = given.name.trim().toLowerCase();
    const attempt = await this.#begin(door, typed);
    const found = await this.accounts.find(typed);
    // Somebody unknown costs as much time as somebody known.
    this.#decoy ??= this.passwords.hash('nobody has this password');
    const right = await this.passwords.verify(found?.passwordHash ?? (await this.#decoy), given.password);
    if (!right || !found?.passwordHash || found.account.disabled) throw wrong();
    const { account } = found;
    const factors = await this.factors.of(account.id);
    if (factors.totp || factors.passkeys.length > 0) {
      const code = given.code?.trim() ?? '';
      if (code === '' && !given.passkey) {
        await attempt.takenBack();
        throw secondFactor(account.name, await this.#methods(account.id, factors, door));
      }
      const answered = given.passkey
        ? door.place &&
          (await this.passkeys.verify('passkey-second-factor', door.holder, door.place, given.passkey, account))
        : await this.factors.useCode(account.id, code);
      if (!answered) throw wrong();
    }
    await attempt.succeeded();
    return await this.sessions.open(account, door, { instead: before });
  }

  /** What a browser needs to ask for a passkey of whoever sits there. */
  askPasskey(holder: string, place: PasskeyPlace): Promise<JsonObject> {
    return this.passkeys.ask('passkey-sign-in', holder, place);
  }

  /** By a passkey alone: the device knows who it is and has verified them. Fails like `open`, and with `auth.expired`. */
  async openByPasskey(
    response: JsonObject,
    door: Door & { readonly place: PasskeyPlace },
    before?: Session,
  ): Promise<OpenSession> {
    const claimed = await this.passkeys.claimed(response);
    const attempt = await this.#begin(door, claimed?.name, { guessable: false });
    const account = await this.passkeys.verify('passkey-sign-in', door.holder, door.place, response);
    if (!account || account.disabled) throw wrong();
    await attempt.succeeded();
    return await this.sessions.open(account, door, { instead: before });
  }

  /** The account's name as the audit may show it: what was typed by mistake into that field could be a password. */
  async knownName(name: string): Promise<string | undefined> {
    return (await this.accounts.find(name.trim().toLowerCase()))?.account.name;
  }

  /** Once an hour and network. A name that nobody has could be a password typed into the wrong field: it is not told. */
  async #tellLocked(address: string, name: string | undefined): Promise<void> {
    const account = name === undefined ? undefined : await this.knownName(name);
    const at = this.clock.now();
    const facts = { address: plainLine(address, 60), ...(account === undefined ? {} : { account }) };
    const key = `locked/${account ?? ''}/${networkOf(facts.address)}/${Math.floor(at / HOUR_MS)}`;
    await this.news?.record([{ kind: 'account-locked', key, at, facts }]);
  }

  /** A try; one that is not let in is told as news. */
  async #begin(door: Door, name?: string, how?: { readonly guessable: boolean }): Promise<Attempt> {
    try {
      return await this.attempts.begin(door, name, how);
    } catch (error) {
      if (error instanceof Refusal && error.problem.code === 'auth.locked') await this.#tellLocked(door.address, name);
      throw error;
    }
  }

  async #methods(accountId: string, factors: Factors, { holder, place }: Door): Promise<Record<string, unknown>> {
    const here = place && factors.passkeys.some(({ rpId }) => rpId === place.rpId);
    const methods = [
      ...(factors.totp ? ['totp'] : []),
      ...(here ? ['passkey'] : []),
      ...(factors.recoveryCodes > 0 ? ['recovery'] : []),
    ];
    if (!here) return { methods };
    const passkey = await this.passkeys.ask('passkey-second-factor', holder, place, { id: accountId });
    return { methods, passkey };
  }
}

const HOUR_MS = 3600_000;

const wrong = (): Refusal =>
  new Refusal({
    code: 'auth.wrong',
    subject: 'log-in',
    message: 'Name, password, code or passkey is wrong.',
    remedy: 'Try again; an admin can give you a new password.',
  });

const secondFactor = (name: string, details: Record<string, unknown>): Refusal =>
  new Refusal({
    code: 'auth.second_factor',
    subject: name,
    message: 'A second factor is needed.',
    remedy: 'Send the code of your authenticator app or a recovery code as code, or the answer of a passkey.',
    details,
  });
