import type { Account } from '../../domain/account/account.js';
import { Refusal } from '../../domain/problem.js';
import type { Clock, NewId } from '../clock.port.js';
import type { SecretSource } from '../secrets/secret-store.port.js';
import type { Session, SessionStore } from './account-store.port.js';
import type { KnownDevices } from './known-devices.js';

/** Where a log-in comes from, as the edge saw it. */
export interface Origin {
  readonly address: string;
  readonly userAgent: string;
  /** Hash of what a browser holds to be known by at later log-ins. */
  readonly device?: string;
}

/** How somebody came in. */
export interface Arrival {
  /** The session that the browser had before; its token must not live on (session fixation). */
  readonly instead?: Session | undefined;
  /** Absent: whoever comes from a provider is its guest, by whatever door. */
  readonly provider?: string | undefined;
  readonly providerSession?: string | undefined;
  /** Somebody else's proof, elsewhere, let them in: it does not count as one of theirs here. */
  readonly unproven?: boolean;
}

/** A session with what only its holder has. `token` goes into the cookie and nowhere else. */
export interface OpenSession {
  readonly session: Session;
  readonly account: Account;
  readonly token: string;
}

const IDLE_MS = 12 * 3_600_000;
const LONGEST_MS = 7 * 24 * 3_600_000;
/** Where an identity provider says who may come in, it is asked again after so long. */
const LONGEST_OUTSIDE_MS = 12 * 3_600_000;
/** A busy browser does not write a row per request. */
const SEEN_EVERY_MS = 60_000;

/** Browsers that are logged in: opened with a new token every time, ended by idling, age, or revocation. */
export class Sessions {
  constructor(
    private readonly store: SessionStore,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly newId: NewId,
    private readonly random: SecretSource,
    private readonly sha256: (text: string) => string,
    private readonly devices: Pick<KnownDevices, 'arrived'>,
  ) {}

  async open(account: Account, origin: Origin, arrival: Arrival = {}): Promise<OpenSession> {
    const { instead, provider = account.origin, providerSession, unproven = false } = arrival;
    const now = this.clock.now();
    await this.store.sweep(now, now - IDLE_MS);
    const token = this.random.generate({ length: 43, alphabet: 'base64url' });
    const session: Session = {
      id: this.newId.next('ses'),
      accountId: account.id,
      createdAt: now,
      lastSeenAt: now,
      expiresAt: now + (provider === undefined ? LONGEST_MS : LONGEST_OUTSIDE_MS),
      address: origin.address,
      userAgent: origin.userAgent.slice(0, 300),
      confirmedAt: unproven ? 0 : now,
      ...(provider === undefined ? {} : { provider }),
      ...(providerSession === undefined ? {} : { providerSession }),
    };
    await this.store.insert(session, this.sha256(token));
    if (instead) await this.store.remove(instead.accountId, instead.id);
    await this.devices.arrived(account, origin);
    return { session, account, token };
  }

  /** The session of a cookie, unless it is unknown, over, or of somebody who is disabled. `acts`: it counts as used now. */
  async find(token: string, acts = true): Promise<OpenSession | undefined> {
    const found = await this.store.find(this.sha256(token));
    if (!found || found.account.disabled) return undefined;
    const now = this.clock.now();
    const { session } = found;
    if (session.expiresAt <= now || session.lastSeenAt + IDLE_MS <= now) return undefined;
    // Opened while the clock was far ahead: its end lies as far beyond what anybody meant.
    if (session.createdAt - IDLE_MS > now) return undefined;
    if (acts && session.lastSeenAt + SEEN_EVERY_MS < now) await this.store.seen(session, now);
    return { ...found, token };
  }

  /** What a page sends back with everything it changes. Bound to the session's token, so it needs no place of its own. */
  csrfToken(token: string): string {
    return this.sha256(`csrf ${token}`);
  }

  list(accountId: string): Promise<readonly Session[]> {
    return this.store.list(accountId);
  }

  async close(accountId: string, id: string): Promise<void> {
    if (await this.store.remove(accountId, id)) return;
    throw new Refusal({
      code: 'not_found',
      subject: `session ${id}`,
      message: 'You have no such session.',
      remedy: 'Look at the list of your sessions.',
    });
  }

  /** Its holder proved anew who they are. */
  async confirmed(id: string): Promise<void> {
    await this.store.confirmed(id, this.clock.now());
  }

  async closeThroughProvider(provider: string): Promise<void> {
    await this.store.removeOfProvider(provider);
  }

  /** See SessionStore.removeEndedOutside. */
  closeEndedOutside(...of: Parameters<SessionStore['removeEndedOutside']>): Promise<number> {
    return this.store.removeEndedOutside(...of);
  }

  async closeAll(accountId: string, keep?: string): Promise<void> {
    await this.store.removeAll(accountId, keep);
  }
}
