import { Refusal } from '../../domain/problem.js';
import type { Clock } from '../clock.port.js';
import type { SecretStore } from '../secrets/secret-store.port.js';

/** What is kept of an authenticator app beside its secret, which lies in the secret store. */
export interface OneTimeCodeRows {
  /** Absent: none was begun. */
  get(accountId: string): Promise<{ readonly confirmed: boolean } | undefined>;
  /** Begins, also anew; `false` when one is confirmed already. */
  begin(accountId: string): Promise<boolean>;
  confirm(accountId: string): Promise<void>;
  remove(accountId: string): Promise<void>;
  /** Takes time step `step` if no code of it or a later one was taken before: a code works once (RFC 6238 §5.2). */
  takeStep(accountId: string, step: number): Promise<boolean>;
}

/** RFC 6238 as every authenticator app has it: SHA-1, 6 digits, 30 s. */
export interface OneTimeCodeMaker {
  newSecret(): string;
  /** `otpauth://…` for the picture that apps read. */
  uri(secret: string, account: string): string;
  /** Time step of a valid code, one step early or late at most. */
  stepOf(secret: string, code: string, now: number): number | undefined;
}

/** Second factor by an authenticator app. */
export class OneTimeCodes {
  constructor(
    private readonly rows: OneTimeCodeRows,
    private readonly maker: OneTimeCodeMaker,
    private readonly secrets: SecretStore,
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

  /** Proves that the app has the secret. */
  async confirm(accountId: string, code: string): Promise<void> {
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
    await this.rows.confirm(accountId);
  }

  /** A code of the app; it works once. Before `confirm` none does. */
  async use(accountId: string, code: string): Promise<boolean> {
    return (await this.isOn(accountId)) && (await this.#takeCode(accountId, code));
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
}

const secretName = (accountId: string): string => `account/${accountId}/totp`;
