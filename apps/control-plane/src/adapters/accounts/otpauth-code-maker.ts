import { Secret, TOTP } from 'otpauth';
import type { OneTimeCodeMaker } from '../../application/accounts/one-time-codes.js';

const PERIOD_S = 30;

/** Codes of authenticator apps by otpauth. */
export class OtpauthCodeMaker implements OneTimeCodeMaker {
  newSecret(): string {
    return new Secret({ size: 20 }).base32;
  }

  uri(secret: string, account: string): string {
    return this.#of(secret, account).toString();
  }

  stepOf(secret: string, code: string, now: number): number | undefined {
    const delta = this.#of(secret, '').validate({ token: code, timestamp: now, window: 1 });
    return delta === null ? undefined : Math.floor(now / 1000 / PERIOD_S) + delta;
  }

  #of(secret: string, label: string): TOTP {
    return new TOTP({ issuer: 'Bastide', label, secret: Secret.fromBase32(secret), period: PERIOD_S, digits: 6 });
  }
}
