import type { OneTimeCodeRows } from '../../application/accounts/one-time-codes.js';
import { type Database, reach } from './database.js';

/** State of authenticator apps in PostgreSQL; their secrets are in the secret store. */
export class KyselyOneTimeCodes implements OneTimeCodeRows {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  async get(account: string): Promise<{ confirmed: boolean } | undefined> {
    return await reach(() =>
      this.database.db
        .selectFrom('one_time_codes')
        .select('confirmed')
        .where('account', '=', account)
        .executeTakeFirst(),
    );
  }

  async begin(account: string): Promise<boolean> {
    const row = await reach(() =>
      this.database.db
        .insertInto('one_time_codes')
        .values({ account, confirmed: false, last_step: 0 })
        .onConflict((conflict) =>
          conflict.column('account').doUpdateSet({ last_step: 0 }).where('one_time_codes.confirmed', '=', false),
        )
        .returning('account')
        .executeTakeFirst(),
    );
    return row !== undefined;
  }

  async confirm(account: string): Promise<void> {
    const { db } = this.database;
    await reach(() =>
      db.updateTable('one_time_codes').set({ confirmed: true }).where('account', '=', account).execute(),
    );
  }

  async remove(account: string): Promise<void> {
    await reach(() => this.database.db.deleteFrom('one_time_codes').where('account', '=', account).execute());
  }

  async takeStep(account: string, step: number): Promise<boolean> {
    const { numUpdatedRows } = await reach(() =>
      this.database.db
        .updateTable('one_time_codes')
        .set({ last_step: step })
        .where('account', '=', account)
        .where('last_step', '<', step)
        .executeTakeFirst(),
    );
    return numUpdatedRows > 0n;
  }
}
