import type { SecretSource } from '../secrets/secret-store.port.js';

export interface RecoveryCodeRows {
  /** In place of those that there are; an empty list takes them away. */
  replace(accountId: string, hashes: readonly string[]): Promise<void>;
  count(accountId: string): Promise<number>;
  take(accountId: string, hash: string): Promise<boolean>;
}

const CODES = 10;

/** For the day when phone or key is lost: each stands in for a second factor once. Shown once, kept as hashes. */
export class RecoveryCodes {
  constructor(
    private readonly rows: RecoveryCodeRows,
    private readonly random: SecretSource,
    private readonly sha256: (text: string) => string,
  ) {}

  /** New ones; the old ones work no more. */
  async make(accountId: string): Promise<readonly string[]> {
    const codes = Array.from({ length: CODES }, () => {
      const raw = this.random.generate({ length: 12, alphabet: 'hex' });
      return `${raw.slice(0, 4)}-${raw.slice(4, 8)}-${raw.slice(8)}`;
    });
    await this.rows.replace(
      accountId,
      codes.map((plain) => this.#hash(accountId, plain)),
    );
    return codes;
  }

  left(accountId: string): Promise<number> {
    return this.rows.count(accountId);
  }

  use(accountId: string, code: string): Promise<boolean> {
    return this.rows.take(accountId, this.#hash(accountId, code));
  }

  async remove(accountId: string): Promise<void> {
    await this.rows.replace(accountId, []);
  }

  #hash(accountId: string, code: string): string {
    return this.sha256(`${accountId} ${code.trim().toLowerCase()}`);
  }
}
