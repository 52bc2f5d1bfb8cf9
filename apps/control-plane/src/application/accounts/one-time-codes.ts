import { Refusal } from '../../domain/problem.js';
import type { Clock } from '../clock.port.js';
import type { SecretSource, SecretStore } from '../secrets/secret-store.port.js';

/** What is kept of an authenticator app beside its secret, which lies in the secret store. */
export interface OneTimeCodeRows {
  /** Absent: none was begun. */
  get(accountId: string): Promise<{ readonly confirmed: boolean } | undefined>;
  /** Begins, also anew; `false` when one is confirmed already. */
  begin(accountId: string): Promise<boolean>;
  /** Confirms it and puts its recovery codes in place. */
  confirm(accountId: string, recoveryHashes: readonly string[]): Promise<void>;
  remove(accountId: string): Promise<void>;
  /** Takes time step `step` if no code of it or a later one was taken before: a code works once (RFC 6238 §5.2). */
  takeStep(accountId: string, step: number): Promise<boolean>;
  takeRecovery(accountId: string, hash: string): Promise<boolean>;
}

/** RFC 6238 as every authenticator app has it: SHA-1, 6 digits, 30 s. */
export interface OneTimeCodeMaker {
  newSecret(): string;
  /** `otpauth://…` for the picture that apps read. */
  uri(secret: string, account: string): string;
  /** Time step of a valid code, one step early or late at most. */
  stepOf(secret: string, code: string, now: number): number | undefined;
}

const RECOVERY_CODES = 10;

/** Second factor by an authenticator app, with recovery codes for the day the phone is lost. */
export class OneTimeCodes {
  constructor(
    private readonly rows: OneTimeCodeRows,
    private readonly maker: OneTimeCodeMaker,
    private readonly secrets: SecretStore,
    private readonly random: SecretSource,
    private readonly sha256: (text: string) => string,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  async isOn(accountId: string): Promise<boolean> {
    return (await this.rows.get(accountId))?.confirmed ?? false;
  }

  /** A new secret, shown this once. It counts from `confirm` on. */
  async begin(accountId: string, name: string): Promise<{ readonly secret: string; readonly uri: string }> {
    if (!(await this.rows.begin(accountId))) {
      throw new Refusal({
        code: 'conflict',
        subject: 'totp',
        message: 'An authenticator app is set up already.',
        remedy: 'Remove it first, then set up the new one.',
      });
    }
    const secret = this.maker.newSecret();
    await this.secrets.put(secretName(accountId), secret);
    return { secret, uri: this.maker.uri(secret, name) };
  }

  /** Proves that the app has the secret; answers the recovery codes, shown this once. */
  async confirm(accountId: string, code: string): Promise<readonly string[]> {
    const state = await this.rows.get(accountId);
    if (!state || state.confirmed || !(await this.#takeCode(accountId, code))) {
      const message = 'is not the code the app shows now';
      throw new Refusal({
        code: 'request.invalid',
        subject: 'code',
        message: `The code ${message}.`,
        remedy: 'Check that the clock of the device is right and type the code that it shows now.',
        details: { fields: [{ field: 'code', message }] },
      });
    }
    const codes = Array.from({ length: RECOVERY_CODES }, () => {
      const raw = this.random.generate({ length: 12, alphabet: 'hex' });
      return `${raw.slice(0, 4)}-${raw.slice(4, 8)}-${raw.slice(8)}`;
    });
    await this.rows.confirm(
      accountId,
      codes.map((plain) => this.#recoveryHash(accountId, plain)),
    );
    return codes;
  }

  /** A code of the app or a recovery code; each works once. */
  async use(accountId: string, code: string): Promise<boolean> {
    if (await this.#takeCode(accountId, code)) return true;
    return await this.rows.takeRecovery(accountId, this.#recoveryHash(accountId, code));
  }

  async remove(accountId: string): Promise<void> {
    await this.rows.remove(accountId);
    await this.secrets.removeUnder(secretName(accountId));
  }

  async #takeCode(accountId: string, code: string): Promise<boolean> {
    const secret = await this.secrets.get(secretName(accountId));
    if (secret === undefined) return false;
    const step = this.maker.stepOf(secret, code.replaceAll(' ', ''), this.clock.now());
    return step !== undefined && (await this.rows.takeStep(accountId, step));
  }

  #recoveryHash(accountId: string, code: string): string {
    return this.sha256(`${accountId} ${code.trim().toLowerCase()}`);
  }
}

const secretName = (accountId: string): string => `account/${accountId}/totp`;
