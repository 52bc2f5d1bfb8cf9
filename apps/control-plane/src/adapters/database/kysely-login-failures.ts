import { sql } from 'kysely';
import type { FailureStore } from '../../application/accounts/account-store.port.js';
import type { Failures } from '../../domain/account/lock-out.js';
import type { Instant } from '../../domain/ids.js';
import { type Database, reach } from './database.js';

/**
 * Failed log-ins in PostgreSQL: they outlive a restart and count over all processes. Rows are locked in the order of their
 * keys everywhere, so that two log-ins never wait for each other in a circle.
 */
export class KyselyLoginFailures implements FailureStore {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  async count(keys: readonly string[], at: Instant, forgetBefore: Instant): Promise<ReadonlyMap<string, Failures>> {
    const now = new Date(at);
    const forget = new Date(forgetBefore);
    const { db } = this.database;
    const rows = await reach(async () => {
      const old = db.selectFrom('login_failures').select('key').where('last_at', '<', forget);
      await db.deleteFrom('login_failures').where('key', 'in', old.forUpdate().skipLocked()).execute();
      return await db
        .insertInto('login_failures')
        .values([...keys].sort().map((key) => ({ key, count: 1, last_at: now, previous_at: now })))
        .onConflict((conflict) =>
          conflict.column('key').doUpdateSet({
            count: sql`login_failures.count + 1`,
            previous_at: sql`login_failures.last_at`,
            last_at: now,
          }),
        )
        .returning(['key', 'count', 'previous_at'])
        .execute();
    });
    return new Map(rows.map((row) => [row.key, { count: row.count - 1, lastAt: row.previous_at.getTime() }]));
  }

  async uncount(keys: readonly string[]): Promise<void> {
    await reach(() =>
      this.database.db
        .updateTable('login_failures')
        .set({ count: sql`greatest(count - 1, 0)`, last_at: sql`previous_at` })
        .where('key', 'in', this.#locked(keys))
        .execute(),
    );
  }

  async clear(keys: readonly string[]): Promise<void> {
    await reach(() => this.database.db.deleteFrom('login_failures').where('key', 'in', this.#locked(keys)).execute());
  }

  #locked(keys: readonly string[]) {
    const { db } = this.database;
    // A table of its own in the statement, or the planner might look the rows up in another order.
    return db
      .with(
        (name) => name('locked').materialized(),
        () => db.selectFrom('login_failures').select('key').where('key', 'in', keys).orderBy('key').forUpdate(),
      )
      .selectFrom('locked')
      .select('key');
  }
}
