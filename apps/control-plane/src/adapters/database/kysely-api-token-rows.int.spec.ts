import { privatePostgres } from '../../../test/engine/private-servers.js';
import { type Database, openDatabase } from './database.js';
import { KyselyApiTokenRows } from './kysely-api-token-rows.js';
import { migrate } from './migrate.js';

describe('API tokens on PostgreSQL', () => {
  const postgres = privatePostgres();
  let database: Database;
  beforeAll(async () => {
    database = openDatabase({ url: postgres.url });
    await migrate(database.db);
  });
  afterAll(() => database.close());

  it('are found by their hash until they are removed', async () => {
    const rows = new KyselyApiTokenRows(database);
    const token = {
      id: 'tok_1',
      name: 'n',
      role: 'operator' as const,
      site: null,
      createdAt: 1,
      expiresAt: 2,
      by: 'x',
    };
    await rows.insert(token, 'hash');
    expect(await rows.findByHash('hash')).toEqual(token);
    expect(await rows.findByHash('tok_1')).toBeUndefined();
    await rows.used('tok_1', 7);
    expect(await rows.list()).toEqual([{ ...token, lastUsedAt: 7 }]);
    expect(await rows.remove('tok_1')).toBe(true);
    expect(await rows.remove('tok_1')).toBe(false);
    expect(await rows.findByHash('hash')).toBeUndefined();
  });
});
