import type { Account } from '../../domain/account/account.js';
import { networkOf } from '../../domain/account/network.js';
import type { Instant } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { Clock } from '../clock.port.js';
import type { SecretSource } from '../secrets/secret-store.port.js';
import type { AccountStore, Session } from './account-store.port.js';
import type { Attempts } from './attempts.js';
import type { OpenSession, Origin, Sessions } from './sessions.js';

/** A log-in that began at a terminal and waits for somebody to confirm it in a browser. */
export interface DeviceLogInRow extends Origin {
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
  readonly confirmed?: ConfirmedDevice;
}

/** Who confirmed it, and where the session that they did it with comes from. */
export interface ConfirmedDevice extends Pick<Session, 'accountId' | 'provider' | 'providerSession'> {}

export interface DeviceLogInStore {
  /** Forgets those that ended before `now`. */
  insert(row: DeviceLogInRow, hash: string, userCodeHash: string, now: Instant): Promise<void>;
  findByUserCode(userCodeHash: string, now: Instant): Promise<DeviceLogInRow | undefined>;
  /** Confirms one that nobody has confirmed; false when there is none. */
  confirm(userCodeHash: string, by: ConfirmedDevice, now: Instant): Promise<boolean>;
  /** How many wait, by the address at which they began. */
  waiting(now: Instant): Promise<ReadonlyMap<string, number>>;
  refuse(userCodeHash: string): Promise<boolean>;
  /** `waiting` while nobody has confirmed it; a confirmed one is taken away. */
  take(hash: string, now: Instant): Promise<ConfirmedDevice | 'waiting' | undefined>;
}

const VALID_MS = 10 * 60_000;
/** Nobody has to be anybody to begin one, and each is a row in the audit. */
const MOST_WAITING = 30;
/** No vowels and nothing that looks like something else (RFC 8628 §6.1). */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';

/** Log-in for programs at a terminal, whatever way a person has: a short code, confirmed in a browser (after RFC 8628). */
export class DeviceLogIn {
  constructor(
    private readonly store: DeviceLogInStore,
    private readonly accounts: AccountStore,
    private readonly attempts: Attempts,
    private readonly sessions: Sessions,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly random: SecretSource,
    private readonly sha256: (text: string) => string,
  ) {}

  async begin(origin: Origin): Promise<{ deviceCode: string; userCode: string; expiresAt: Instant }> {
    const now = this.clock.now();
    const network = networkOf(origin.address);
    let waiting = 0;
    for (const [address, count] of await this.store.waiting(now)) if (networkOf(address) === network) waiting += count;
    if (waiting >= MOST_WAITING) throw tooMany();
    const deviceCode = this.random.generate({ length: 43, alphabet: 'base64url' });
    // 256 is no multiple of 20, but what is too large is drawn again: every letter is as likely as any other.
    let letters = '';
    while (letters.length < 8) {
      const drawn = Number.parseInt(this.random.generate({ length: 2, alphabet: 'hex' }), 16);
      if (drawn < 240) letters += LETTERS[drawn % 20];
    }
    const expiresAt = now + VALID_MS;
    const row = { address: origin.address, userAgent: origin.userAgent.slice(0, 300), createdAt: now, expiresAt };
    await this.store.insert(row, this.sha256(deviceCode), this.#userCodeHash(letters), now);
    return { deviceCode, userCode: `${letters.slice(0, 4)}-${letters.slice(4)}`, expiresAt };
  }

  /** What a person is about to let in. Guessed codes count like wrong passwords. */
  async show(userCode: string, account: Account, origin: Origin): Promise<DeviceLogInRow> {
    const attempt = await this.attempts.begin(origin, account.name);
    const row = await this.store.findByUserCode(this.#userCodeHash(userCode), this.clock.now());
    if (!row || row.confirmed) throw unknownCode();
    await attempt.takenBack();
    return row;
  }

  /** Whoever confirms has just proven who they are: a terminal is one more way in. */
  async answer(userCode: string, { account, session }: OpenSession, origin: Origin, yes: boolean): Promise<void> {
    const attempt = await this.attempts.begin(origin, account.name);
    const hash = this.#userCodeHash(userCode);
    const done = yes ? await this.store.confirm(hash, session, this.clock.now()) : await this.store.refuse(hash);
    if (!done) throw unknownCode();
    await attempt.takenBack();
  }

  /** The terminal asks again and again. Fails with `auth.pending` until somebody has confirmed, `auth.expired` when it is too late. */
  async finish(deviceCode: string, origin: Origin): Promise<OpenSession> {
    const taken = await this.store.take(this.sha256(deviceCode), this.clock.now());
    if (taken === 'waiting') {
      throw new Refusal({
        code: 'auth.pending',
        subject: 'log-in',
        message: 'Nobody has confirmed it yet.',
        remedy: 'Confirm it in a browser and ask again in a few seconds.',
      });
    }
    const account = taken && (await this.accounts.get(taken.accountId));
    if (!account || account.disabled) {
      throw new Refusal({
        code: 'auth.expired',
        subject: 'log-in',
        message: 'The code was refused, was used already, or is too old.',
        remedy: 'Begin again.',
      });
    }
    return await this.sessions.open(account, origin, { ...taken, unproven: true });
  }

  #userCodeHash(code: string): string {
    return this.sha256(`device ${code.toUpperCase().replace(/[^A-Z]/g, '')}`);
  }
}

const tooMany = (): Refusal =>
  new Refusal({
    code: 'auth.throttled',
    subject: 'log-in',
    message: `${MOST_WAITING} log-ins that began at your address wait to be confirmed.`,
    remedy: 'Confirm or refuse one of them, or wait ten minutes.',
    details: { retryAfterMs: VALID_MS },
  });

const unknownCode = (): Refusal =>
  new Refusal({
    code: 'not_found',
    subject: 'code',
    message: 'No log-in waits for this code.',
    remedy: 'Compare it with what the terminal shows; after ten minutes begin again there.',
  });
