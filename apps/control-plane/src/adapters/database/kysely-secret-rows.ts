import type { Selectable } from 'kysely';
import { sql } from 'kysely';
import type { SecretRow, SecretRows } from '../../application/secrets/secret-rows.port.js';
import { type Database, reach } from './database.js';
import type { SecretsTable } from './schema.js';

/** Sealed secrets on PostgreSQL. */
export class KyselySecretRows implements SecretRows {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  async get(name: string): Promise<SecretRow | undefined> {
    const { db } = this.database;
    const row = await reach(() => db.selectFrom('secrets').selectAll().where('name', '=', name).executeTakeFirst());
    return row && toSecret(row);
  }

  async insertIfAbsent(secret: SecretRow): Promise<SecretRow> {
    const { db } = this.database;
    await reach(() =>
      db
        .insertInto('secrets')
        .values(toRow(secret))
        .onConflict((conflict) => conflict.doNothing())
        .execute(),
    );
    // Another caller's row is committed by now: the insert waited for it.
    const stored = await this.get(secret.name);
    return stored ?? this.insertIfAbsent(secret);
  }

  async put(secret: SecretRow): Promise<void> {
    const { name, ...rest } = toRow(secret);
    const { db } = this.database;
    await reach(() =>
      db
        .insertInto('secrets')
        .values({ name, ...rest })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(rest))
        .execute(),
    );
  }

  async replace(known: SecretRow, secret: SecretRow): Promise<boolean> {
    const { name, ...rest } = toRow(secret);
    const { db } = this.database;
    const result = await reach(() =>
      db
        .updateTable('secrets')
        .set(rest)
        .where('name', '=', name)
        .where('wrapped_key', '=', known.wrappedKey)
        .executeTakeFirst(),
    );
    return result.numUpdatedRows > 0n;
  }

  async listUnder(prefix: string): Promise<readonly SecretRow[]> {
    const { db } = this.database;
    const rows = await reach(() =>
      db.selectFrom('secrets').selectAll().where(sql<boolean>`starts_with(name, ${prefix})`).orderBy('name').execute(),
    );
    return rows.map(toSecret);
  }

  async removeUnder(prefix: string): Promise<void> {
    if (prefix === '') throw new Error('an empty prefix would remove all secrets');
    const { db } = this.database;
    await reach(() => db.deleteFrom('secrets').where(sql<boolean>`starts_with(name, ${prefix})`).execute());
  }
}

const toSecret = (row: Selectable<SecretsTable>): SecretRow => ({
  name: row.name,
  keyId: row.key_id,
  wrappedKey: row.wrapped_key,
  nonce: row.nonce,
  ciphertext: row.ciphertext,
});

const toRow = (secret: SecretRow): Selectable<SecretsTable> => ({
  name: secret.name,
  key_id: secret.keyId,
  wrapped_key: secret.wrappedKey,
  nonce: secret.nonce,
  ciphertext: secret.ciphertext,
});
