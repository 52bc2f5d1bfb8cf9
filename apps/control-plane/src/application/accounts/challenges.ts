import type { Instant } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { Clock } from '../clock.port.js';
import type { SecretSource } from '../secrets/secret-store.port.js';

export type ChallengePurpose =
  | 'passkey-new'
  | 'passkey-confirm'
  | 'passkey-sign-in'
  | 'passkey-second-factor'
  | 'provider-sign-in'
  | 'provider-link';

/** Something given out that must come back: once, soon, for the same purpose, from the same browser or session. */
export interface Challenge {
  readonly purpose: ChallengePurpose;
  /** Session id, or hash of the token that a browser holds before it has a session. */
  readonly holder: string;
  readonly account?: string;
  readonly data: Readonly<Record<string, string>>;
  readonly expiresAt: Instant;
}

export interface ChallengeStore {
  /** In place of the holder's earlier one for the purpose; forgets those that ended before `now`. */
  put(hash: string, challenge: Challenge, now: Instant): Promise<void>;
  /** Takes it away, also of two who come at once. */
  take(hash: string): Promise<Challenge | undefined>;
}

const PASSKEY_MS = 5 * 60_000;
/** At a provider people may have to find their phone first. */
const PROVIDER_MS = 15 * 60_000;

/** Single-use challenges, kept as hashes on the server. */
export class Challenges {
  constructor(
    private readonly store: ChallengeStore,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly random: SecretSource,
    private readonly sha256: (text: string) => string,
  ) {}

  async make(
    purpose: ChallengePurpose,
    holder: string,
    about: { readonly account?: string; readonly data?: Readonly<Record<string, string>> } = {},
  ): Promise<string> {
    const challenge = this.random.generate({ length: 43, alphabet: 'base64url' });
    const now = this.clock.now();
    const expiresAt = now + (purpose.startsWith('provider') ? PROVIDER_MS : PASSKEY_MS);
    const { account, data = {} } = about;
    await this.store.put(
      this.sha256(challenge),
      { purpose, holder, data, expiresAt, ...(account === undefined ? {} : { account }) },
      now,
    );
    return challenge;
  }

  /** It is gone afterwards, whether it fits or not. Fails with `auth.expired`. */
  async take(challenge: string, purposes: readonly ChallengePurpose[], holder: string): Promise<Challenge> {
    const found = await this.store.take(this.sha256(challenge));
    if (found && purposes.includes(found.purpose) && found.holder === holder && found.expiresAt > this.clock.now())
      return found;
    throw new Refusal({
      code: 'auth.expired',
      subject: 'log-in',
      message: 'This took too long, was used already, or began in another browser.',
      remedy: 'Begin again.',
    });
  }
}
