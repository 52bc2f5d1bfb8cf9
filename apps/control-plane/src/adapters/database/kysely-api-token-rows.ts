import type { Selectable } from 'kysely';
import type { ApiToken, ApiTokenRows } from '../../application/accounts/api-tokens.js';
import type { Instant } from '../../domain/ids.js';
import { type Database, reach } from './database.js';
import type { ApiTokensTable } from './schema.js';

/** Hashed API tokens in PostgreSQL. */
export class KyselyApiTokenRows implements ApiTokenRows {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  async insert(token: ApiToken, hash: string): Promise<void> {
    const { id, name, role, site, by } = token;
    const times = { created_at: new Date(token.createdAt), expires_at: new Date(token.expiresAt), last_used_at: null };
    await reach(() =>
      this.database.db
        .insertInto('api_tokens')
        .values({ id, name, hash, role, site, made_by: by, ...times })
        .execute(),
    );
  }

  async list(): Promise<readonly ApiToken[]> {
    const rows = await reach(() =>
      this.database.db.selectFrom('api_tokens').selectAll().orderBy('created_at', 'desc').orderBy('id').execute(),
    );
    return rows.map(toToken);
  }

  async findByHash(hash: string): Promise<ApiToken | undefined> {
    const row = await reach(() =>
      this.database.db.selectFrom('api_tokens').selectAll().where('hash', '=', hash).executeTakeFirst(),
    );
    return row && toToken(row);
  }

  async used(id: string, at: Instant): Promise<void> {
    await reach(() =>
      this.database.db
        .updateTable('api_tokens')
        .set({ last_used_at: new Date(at) })
        .where('id', '=', id)
        .execute(),
    );
  }

  async remove(id: string): Promise<boolean> {
    const { numDeletedRows } = await reach(() =>
      this.database.db.deleteFrom('api_tokens').where('id', '=', id).executeTakeFirst(),
    );
    return numDeletedRows > 0n;
  }
}

const toToken = (row: Selectable<ApiTokensTable>): ApiToken => ({
  id: row.id,
  name: row.name,
  role: row.role,
  site: row.site,
  createdAt: row.created_at.getTime(),
  expiresAt: row.expires_at.getTime(),
  ...(row.last_used_at ? { lastUsedAt: row.last_used_at.getTime() } : {}),
  by: row.made_by,
});
