import { type Selectable, sql, type Transaction } from 'kysely';
import type { AccountChanges, AccountStore } from '../../application/accounts/account-store.port.js';
import { type Account, isChiefAdmin } from '../../domain/account/account.js';
import { type Database, reach } from './database.js';
import type { AccountsTable, Tables } from './schema.js';
import { countWaysIn } from './ways-in.js';

/** Of all changes that could end the last admin, or make a second first one, one at a time (any constant does). */
export const CHIEF_LOCK = 4_711_001;

/** People in PostgreSQL. */
export class KyselyAccounts implements AccountStore {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  async insert(account: Account, passwordHash: string | undefined): Promise<'done' | 'taken'> {
    const inserted = await reach(() =>
      this.database.db
        .insertInto('accounts')
        .values(toAccountRow(account, passwordHash))
        .onConflict((conflict) => conflict.column('name').doNothing())
        .executeTakeFirst(),
    );
    return inserted.numInsertedOrUpdatedRows === 0n ? 'taken' : 'done';
  }

  insertFirst(account: Account, passwordHash: string): Promise<'done' | 'closed'> {
    return this.#alone(async (tx) => {
      const some = await tx.selectFrom('accounts').select('id').limit(1).executeTakeFirst();
      if (some) return 'closed';
      await tx.insertInto('accounts').values(toAccountRow(account, passwordHash)).execute();
      return 'done';
    });
  }

  async get(id: string): Promise<Account | undefined> {
    const { db } = this.database;
    const row = await reach(() => db.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst());
    return row && toAccount(row);
  }

  async find(name: string): Promise<{ account: Account; passwordHash?: string } | undefined> {
    const { db } = this.database;
    const row = await reach(() => db.selectFrom('accounts').selectAll().where('name', '=', name).executeTakeFirst());
    return (
      row && { account: toAccount(row), ...(row.password_hash === null ? {} : { passwordHash: row.password_hash }) }
    );
  }

  async hasPassword(id: string): Promise<boolean> {
    const { db } = this.database;
    const row = await reach(() =>
      db.selectFrom('accounts').select('password_hash').where('id', '=', id).executeTakeFirst(),
    );
    return row !== undefined && row.password_hash !== null;
  }

  async list(): Promise<readonly Account[]> {
    const { db } = this.database;
    return (await reach(() => db.selectFrom('accounts').selectAll().orderBy('name').execute())).map(toAccount);
  }

  async isEmpty(): Promise<boolean> {
    const { db } = this.database;
    return (await reach(() => db.selectFrom('accounts').select('id').limit(1).executeTakeFirst())) === undefined;
  }

  change(id: string, changes: AccountChanges): Promise<'done' | 'unknown' | 'last_admin'> {
    const { displayName, email, language, grants, disabled } = changes;
    return this.#alone(async (tx) => {
      const before = await tx.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst();
      if (!before) return 'unknown';
      const account = toAccount(before);
      const after = { grants: grants ?? account.grants, disabled: disabled ?? account.disabled };
      if (isChiefAdmin(account) && !isChiefAdmin(after) && (await isLast(tx, id))) return 'last_admin';
      const values = {
        ...(displayName === undefined ? {} : { display_name: displayName }),
        ...(email === undefined ? {} : { email }),
        ...(language === undefined ? {} : { language }),
        ...(grants === undefined ? {} : { grants: JSON.stringify(grants) }),
        ...(disabled === undefined ? {} : { disabled }),
      };
      if (Object.keys(values).length > 0) await tx.updateTable('accounts').set(values).where('id', '=', id).execute();
      return 'done';
    });
  }

  async setPassword(id: string, hash: string, temporary: boolean): Promise<boolean> {
    const { numUpdatedRows } = await reach(() =>
      this.database.db
        .updateTable('accounts')
        .set({ password_hash: hash, password_temporary: temporary })
        .where('id', '=', id)
        .executeTakeFirst(),
    );
    return numUpdatedRows > 0n;
  }

  remove(id: string): Promise<'done' | 'unknown' | 'last_admin'> {
    return this.#alone(async (tx) => {
      const row = await tx.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst();
      if (!row) return 'unknown';
      if (isChiefAdmin(toAccount(row)) && (await isLast(tx, id))) return 'last_admin';
      await tx.deleteFrom('accounts').where('id', '=', id).execute();
      return 'done';
    });
  }

  #alone<T>(work: (tx: Transaction<Tables>) => Promise<T>): Promise<T> {
    return reach(() =>
      this.database.db.transaction().execute(async (tx) => {
        await sql`select pg_advisory_xact_lock(${CHIEF_LOCK})`.execute(tx);
        return await work(tx);
      }),
    );
  }
}

/** Somebody whose provider is gone or disabled may be an admin by name, and still nobody who can log in. */
async function isLast(tx: Transaction<Tables>, id: string): Promise<boolean> {
  const others = await tx.selectFrom('accounts').selectAll().where('id', '!=', id).execute();
  for (const other of others) if (isChiefAdmin(toAccount(other)) && (await countWaysIn(tx, other.id)) > 0) return false;
  return true;
}

export const toAccountRow = (account: Account, passwordHash: string | undefined) => ({
  id: account.id,
  name: account.name,
  display_name: account.displayName,
  email: account.email ?? null,
  language: account.language ?? null,
  grants: JSON.stringify(account.grants),
  disabled: account.disabled,
  password_hash: passwordHash ?? null,
  password_temporary: account.passwordTemporary,
  created_at: new Date(account.createdAt),
  last_seen_at: null,
  origin: account.origin ?? null,
});

export const toAccount = (row: Selectable<AccountsTable>): Account => ({
  id: row.id,
  name: row.name,
  displayName: row.display_name,
  ...(row.email === null ? {} : { email: row.email }),
  ...(row.language === null ? {} : { language: row.language }),
  grants: row.grants,
  disabled: row.disabled,
  passwordTemporary: row.password_temporary,
  createdAt: row.created_at.getTime(),
  ...(row.last_seen_at ? { lastSeenAt: row.last_seen_at.getTime() } : {}),
  ...(row.origin === null ? {} : { origin: row.origin }),
});
