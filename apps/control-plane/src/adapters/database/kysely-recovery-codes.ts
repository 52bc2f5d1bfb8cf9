import type { RecoveryCodeRows } from '../../application/accounts/recovery-codes.js';
import { type Database, reach } from './database.js';

/** Hashes of recovery codes in PostgreSQL. */
export class KyselyRecoveryCodes implements RecoveryCodeRows {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  async replace(account: string, hashes: readonly string[]): Promise<void> {
    await reach(() =>
      this.database.db.transaction().execute(async (tx) => {
        await tx.deleteFrom('recovery_codes').where('account', '=', account).execute();
        if (hashes.length > 0)
          await tx
            .insertInto('recovery_codes')
            .values(hashes.map((hash) => ({ account, hash })))
            .execute();
      }),
    );
  }

  async count(account: string): Promise<number> {
    const { count } = await reach(() =>
      this.database.db
        .selectFrom('recovery_codes')
        .select((is) => is.fn.countAll<string>().as('count'))
        .where('account', '=', account)
        .executeTakeFirstOrThrow(),
    );
    return Number(count);
  }

  async take(account: string, hash: string): Promise<boolean> {
    const { numDeletedRows } = await reach(() =>
      this.database.db
        .deleteFrom('recovery_codes')
        .where('account', '=', account)
        .where('hash', '=', hash)
        .executeTakeFirst(),
    );
    return numDeletedRows > 0n;
  }
}
