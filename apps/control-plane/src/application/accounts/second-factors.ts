import type { OneTimeCodes } from './one-time-codes.js';
import type { Passkey, PasskeyStore } from './passkey.port.js';
import type { RecoveryCodes } from './recovery-codes.js';

/** What an account is asked for beside its password. */
export interface Factors {
  readonly totp: boolean;
  readonly passkeys: readonly Passkey[];
  readonly recoveryCodes: number;
}

/** Second factors of an account, whatever they are: with the first come recovery codes, with the last they go. */
export class SecondFactors {
  constructor(
    private readonly codes: OneTimeCodes,
    private readonly passkeys: PasskeyStore,
    private readonly recovery: RecoveryCodes,
  ) {}

  async of(accountId: string): Promise<Factors> {
    const [totp, passkeys, recoveryCodes] = await Promise.all([
      this.codes.isOn(accountId),
      this.passkeys.list(accountId),
      this.recovery.left(accountId),
    ]);
    return { totp, passkeys, recoveryCodes };
  }

  /** A code of the app, or a recovery code; each works once. */
  async useCode(accountId: string, code: string): Promise<boolean> {
    return (await this.codes.use(accountId, code)) || (await this.recovery.use(accountId, code));
  }

  /** After one was added: recovery codes, unless the account has some. */
  async added(accountId: string): Promise<readonly string[]> {
    return (await this.recovery.left(accountId)) > 0 ? [] : await this.recovery.make(accountId);
  }

  /** After one was taken away. */
  async removed(accountId: string): Promise<void> {
    const { totp, passkeys } = await this.of(accountId);
    if (!totp && passkeys.length === 0) await this.recovery.remove(accountId);
  }

  async removeAll(accountId: string): Promise<void> {
    await this.codes.remove(accountId);
    await this.passkeys.removeAll(accountId);
    await this.recovery.remove(accountId);
  }
}
