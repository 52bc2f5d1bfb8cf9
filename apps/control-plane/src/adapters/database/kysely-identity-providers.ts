import { type Selectable, sql, type Transaction } from 'kysely';
import type { Identity, IdentityProviderStore } from '../../application/accounts/identity-provider.port.js';
import { type Account, isChiefAdmin } from '../../domain/account/account.js';
import type { IdentityProvider } from '../../domain/account/identity-provider.js';
import type { Instant } from '../../domain/ids.js';
import { type Database, reach } from './database.js';
import { CHIEF_LOCK, toAccount, toAccountRow } from './kysely-accounts.js';
import type { IdentitiesTable, Tables } from './schema.js';
import { countWaysIn } from './ways-in.js';

/** Identity providers and the links of people to them in PostgreSQL. */
export class KyselyIdentityProviders implements IdentityProviderStore {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  put(provider: IdentityProvider): Promise<'done' | 'last_admin'> {
    const body = JSON.stringify(provider);
    return this.#alone(async (tx) => {
      if (!provider.enabled && !(await isSpare(tx, provider.id))) return 'last_admin';
      await tx
        .insertInto('identity_providers')
        .values({ id: provider.id, created_at: new Date(provider.createdAt), body })
        .onConflict((conflict) => conflict.column('id').doUpdateSet({ body }))
        .execute();
      return 'done';
    });
  }

  async get(id: string): Promise<IdentityProvider | undefined> {
    const { db } = this.database;
    const row = await reach(() =>
      db.selectFrom('identity_providers').select('body').where('id', '=', id).executeTakeFirst(),
    );
    return row?.body;
  }

  async list(): Promise<readonly IdentityProvider[]> {
    const { db } = this.database;
    const rows = await reach(() => db.selectFrom('identity_providers').select('body').orderBy('created_at').execute());
    return rows.map(({ body }) => body);
  }

  remove(id: string): Promise<'done' | 'unknown' | 'last_admin'> {
    return this.#alone(async (tx) => {
      if (!(await isSpare(tx, id))) return 'last_admin';
      const { numDeletedRows } = await tx.deleteFrom('identity_providers').where('id', '=', id).executeTakeFirst();
      // In the same transaction: nobody stays signed in through a provider that is gone.
      await tx.deleteFrom('sessions').where('provider', '=', id).execute();
      return numDeletedRows > 0n ? 'done' : 'unknown';
    });
  }

  async findIdentity(issuer: string, subject: string): Promise<{ identity: Identity; account: Account } | undefined> {
    const { db } = this.database;
    return await reach(async () => {
      const row = await db
        .selectFrom('identities')
        .selectAll()
        .where('issuer', '=', issuer)
        .where('subject', '=', subject)
        .executeTakeFirst();
      if (!row) return undefined;
      const account = await db.selectFrom('accounts').selectAll().where('id', '=', row.account).executeTakeFirst();
      return account && { identity: toIdentity(row), account: toAccount(account) };
    });
  }

  async identitiesOf(account: string): Promise<readonly Identity[]> {
    const { db } = this.database;
    const rows = await reach(() => db.selectFrom('identities').selectAll().where('account', '=', account).execute());
    return rows.map(toIdentity);
  }

  async link(identity: Identity): Promise<'done' | 'taken'> {
    return await reach(() => this.database.db.transaction().execute((tx) => insertIdentity(tx, identity)));
  }

  async admit(account: Account, identity: Identity): Promise<'done' | 'taken'> {
    return await reach(() =>
      this.database.db
        .transaction()
        .execute(async (tx) => {
          const inserted = await tx
            .insertInto('accounts')
            .values(toAccountRow(account, undefined))
            .onConflict((conflict) => conflict.column('name').doNothing())
            .executeTakeFirst();
          if (inserted.numInsertedOrUpdatedRows === 0n) return 'taken' as const;
          // The person came in at two places at once: neither a second account nor one without its link.
          if ((await insertIdentity(tx, identity)) === 'taken') throw new Taken();
          return 'done' as const;
        })
        .catch((error: unknown) => {
          if (error instanceof Taken) return 'taken' as const;
          throw error;
        }),
    );
  }

  async identityUsed({ issuer, subject }: Identity, at: Instant): Promise<void> {
    await reach(() =>
      this.database.db
        .updateTable('identities')
        .set({ last_used_at: new Date(at) })
        .where('issuer', '=', issuer)
        .where('subject', '=', subject)
        .execute(),
    );
  }

  unlink(account: string, provider: string): Promise<'done' | 'unknown' | 'last_way_in'> {
    return reach(() =>
      this.database.db.transaction().execute(async (tx) => {
        const ways = await countWaysIn(tx, account);
        const link = tx.selectFrom('identities').select('subject').where('account', '=', account);
        if (!(await link.where('provider', '=', provider).executeTakeFirst())) return 'unknown';
        if (ways < 2) return 'last_way_in';
        await tx.deleteFrom('identities').where('account', '=', account).where('provider', '=', provider).execute();
        return 'done';
      }),
    );
  }

  /** Of all that could end the last way in of the last admin, one at a time. */
  #alone<T>(work: (tx: Transaction<Tables>) => Promise<T>): Promise<T> {
    return reach(() =>
      this.database.db.transaction().execute(async (tx) => {
        await sql`select pg_advisory_xact_lock(${CHIEF_LOCK})`.execute(tx);
        return await work(tx);
      }),
    );
  }
}

class Taken extends Error {}

async function insertIdentity(tx: Transaction<Tables>, identity: Identity): Promise<'done' | 'taken'> {
  const { issuer, subject, provider, accountId: account, createdAt } = identity;
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('identities')
    .values({ issuer, subject, provider, account, created_at: new Date(createdAt), last_used_at: null })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 0n ? 'taken' : 'done';
}

/** Whether an admin of all sites has a way in that is not this provider. Without any admin there is nothing to keep. */
async function isSpare(tx: Transaction<Tables>, provider: string): Promise<boolean> {
  const chiefs = (await tx.selectFrom('accounts').selectAll().execute()).filter((row) => isChiefAdmin(toAccount(row)));
  for (const chief of chiefs) if ((await countWaysIn(tx, chief.id, provider)) > 0) return true;
  return chiefs.length === 0;
}

const toIdentity = (row: Selectable<IdentitiesTable>): Identity => ({
  issuer: row.issuer,
  subject: row.subject,
  provider: row.provider,
  accountId: row.account,
  createdAt: row.created_at.getTime(),
  ...(row.last_used_at ? { lastUsedAt: row.last_used_at.getTime() } : {}),
});
