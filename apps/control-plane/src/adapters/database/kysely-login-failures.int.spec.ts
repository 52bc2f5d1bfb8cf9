import { privatePostgres } from '../../../test/engine/private-servers.js';
import { type Database, openDatabase } from './database.js';
import { KyselyLoginFailures } from './kysely-login-failures.js';
import { migrate } from './migrate.js';

describe('failed log-ins on PostgreSQL', () => {
  const postgres = privatePostgres();
  let database: Database;
  beforeAll(async () => {
    database = openDatabase({ url: postgres.url });
    await migrate(database.db);
  });
  afterAll(() => database.close());

  it('are counted each, and taken back each, however many come at once', async () => {
    const failures = new KyselyLoginFailures(database);
    const keys = ['name', 'address', 'pair'];
    const later = 100_000_000;
    await failures.count(keys, 1, 0);
    const before = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        const order = i % 2 ? keys : [...keys].reverse();
        const counted = await failures.count(order, later + i, 0);
        await failures.uncount(order);
        // What is forgotten meanwhile belongs to somebody else.
        await failures.count([`other ${i}`], i, later - 1_000);
        return counted.get('pair')?.count;
      }),
    );
    expect(before).toHaveLength(300);
    expect((await failures.count(keys, later, 0)).get('pair')?.count).toBe(1);
    await failures.clear(keys);
    expect((await failures.count(keys, later, 0)).get('pair')?.count).toBe(0);
  }, 30_000);
});
