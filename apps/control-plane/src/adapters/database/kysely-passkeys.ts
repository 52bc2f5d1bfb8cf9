import type { Selectable } from 'kysely';
import type { Passkey, PasskeyStore } from '../../application/accounts/passkey.port.js';
import type { Account } from '../../domain/account/account.js';
import type { Instant } from '../../domain/ids.js';
import { type Database, reach } from './database.js';
import { toAccount } from './kysely-accounts.js';
import type { PasskeysTable } from './schema.js';
import { countWaysIn } from './ways-in.js';

/** Passkeys in PostgreSQL: public keys and counters. */
export class KyselyPasskeys implements PasskeyStore {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  async insert(passkey: Passkey): Promise<'done' | 'taken'> {
    const { numInsertedOrUpdatedRows } = await reach(() =>
      this.database.db
        .insertInto('passkeys')
        .values({
          id: passkey.id,
          account: passkey.accountId,
          credential: passkey.credential,
          public_key: passkey.publicKey,
          counter: passkey.counter,
          transports: JSON.stringify(passkey.transports),
          name: passkey.name,
          rp_id: passkey.rpId,
          created_at: new Date(passkey.createdAt),
          last_used_at: null,
        })
        .onConflict((conflict) => conflict.column('credential').doNothing())
        .executeTakeFirst(),
    );
    return numInsertedOrUpdatedRows === 0n ? 'taken' : 'done';
  }

  async list(account: string): Promise<readonly Passkey[]> {
    const { db } = this.database;
    const rows = await reach(() =>
      db.selectFrom('passkeys').selectAll().where('account', '=', account).orderBy('created_at').execute(),
    );
    return rows.map(toPasskey);
  }

  async find(credential: string): Promise<{ passkey: Passkey; account: Account } | undefined> {
    const { db } = this.database;
    return await reach(async () => {
      const row = await db.selectFrom('passkeys').selectAll().where('credential', '=', credential).executeTakeFirst();
      if (!row) return undefined;
      const account = await db.selectFrom('accounts').selectAll().where('id', '=', row.account).executeTakeFirst();
      return account && { passkey: toPasskey(row), account: toAccount(account) };
    });
  }

  async used(passkey: Passkey, counter: number, at: Instant): Promise<boolean> {
    const { numUpdatedRows } = await reach(() =>
      this.database.db
        .updateTable('passkeys')
        .set({ counter, last_used_at: new Date(at) })
        .where('id', '=', passkey.id)
        .where('counter', '=', String(passkey.counter))
        .executeTakeFirst(),
    );
    return numUpdatedRows > 0n;
  }

  async rename(account: string, id: string, name: string): Promise<boolean> {
    const { numUpdatedRows } = await reach(() =>
      this.database.db
        .updateTable('passkeys')
        .set({ name })
        .where('account', '=', account)
        .where('id', '=', id)
        .executeTakeFirst(),
    );
    return numUpdatedRows > 0n;
  }

  remove(account: string, id: string): Promise<'done' | 'unknown' | 'last_way_in'> {
    return reach(() =>
      this.database.db.transaction().execute(async (tx) => {
        const ways = await countWaysIn(tx, account);
        const row = await tx
          .selectFrom('passkeys')
          .select('id')
          .where('account', '=', account)
          .where('id', '=', id)
          .executeTakeFirst();
        if (!row) return 'unknown';
        if (ways < 2) return 'last_way_in';
        await tx.deleteFrom('passkeys').where('id', '=', id).execute();
        return 'done';
      }),
    );
  }

  async removeAll(account: string): Promise<void> {
    await reach(() => this.database.db.deleteFrom('passkeys').where('account', '=', account).execute());
  }
}

const toPasskey = (row: Selectable<PasskeysTable>): Passkey => ({
  id: row.id,
  accountId: row.account,
  credential: row.credential,
  publicKey: row.public_key,
  counter: Number(row.counter),
  transports: row.transports,
  name: row.name,
  rpId: row.rp_id,
  createdAt: row.created_at.getTime(),
  ...(row.last_used_at ? { lastUsedAt: row.last_used_at.getTime() } : {}),
});
