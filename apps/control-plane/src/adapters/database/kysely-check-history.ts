import { type Selectable, sql, type Transaction } from 'kysely';
import type { CheckEntry, CheckHistory } from '../../application/stacks/check-history.port.js';
import type { Instant, StackId } from '../../domain/ids.js';
import { eventOfHealth } from '../../domain/notification/sources.js';
import { type Database, reach } from './database.js';
import { flipMemory } from './event-rows.js';
import type { ChecksTable, Tables } from './schema.js';

/** Looks kept of one stack: some weeks of regular ones. */
const KEPT = 5_000;

/** Results of checks in PostgreSQL. */
export class KyselyCheckHistory implements CheckHistory {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  async append(stack: StackId, entries: readonly CheckEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await reach(() =>
      this.database.db.transaction().execute(async (db) => {
        await db
          .insertInto('checks')
          .values(
            entries.map(({ at, instance, guest, healthy, tail, error, by }) => ({
              stack,
              at: new Date(at),
              instance,
              guest,
              healthy,
              tail: JSON.stringify(tail),
              error: error ?? null,
              asked_by: by,
            })),
          )
          .execute();
        await db
          .deleteFrom('checks')
          .where('stack', '=', stack)
          .where('id', '<=', (old) =>
            old
              .selectFrom('checks as c')
              .select('c.id')
              .where('c.stack', '=', stack)
              .orderBy('c.id', 'desc')
              .offset(KEPT)
              .limit(1),
          )
          .execute();
        await this.#tell(db, stack, entries);
      }),
    );
  }

  /** One set of looks is the whole stack. That it works again, or no more, is told together with it or not at all. */
  async #tell(tx: Transaction<Tables>, stack: StackId, entries: readonly CheckEntry[]): Promise<void> {
    const known = await tx.selectFrom('stacks').select(['name', 'site']).where('id', '=', stack).executeTakeFirst();
    const at = entries[0]?.at;
    if (!known || at === undefined) return;
    const state = entries.every(({ healthy }) => healthy) ? 'healthy' : 'failing';
    await flipMemory(tx, `health/${stack}`, state, (before) =>
      eventOfHealth({ id: stack, ...known }, before === undefined ? undefined : before === 'healthy', entries, at),
    );
  }

  async list(stack: StackId, limit: number): Promise<readonly CheckEntry[]> {
    const rows = await reach(() =>
      this.database.db
        .selectFrom('checks')
        .selectAll()
        .where('stack', '=', stack)
        .orderBy('id', 'desc')
        .limit(limit)
        .execute(),
    );
    return rows.map(toEntry);
  }

  async newest(): Promise<ReadonlyMap<StackId, readonly CheckEntry[]>> {
    const rows = await reach(() =>
      this.database.db
        .selectFrom('checks')
        .distinctOn(['stack', 'instance', 'guest'])
        .selectAll()
        .orderBy('stack')
        .orderBy('instance')
        .orderBy('guest')
        .orderBy('id', 'desc')
        .execute(),
    );
    return group(rows);
  }

  async takeTurn(stack: StackId, now: Instant, everyMs: number): Promise<boolean> {
    const at = new Date(now);
    const taken = await reach(() =>
      this.database.db
        .insertInto('check_turns')
        .values({ stack, last_at: at })
        .onConflict((conflict) =>
          conflict
            .column('stack')
            .doUpdateSet({ last_at: at })
            .where(sql<boolean>`check_turns.last_at <= ${new Date(now - everyMs)}`),
        )
        .returning('stack')
        .executeTakeFirst(),
    );
    return taken !== undefined;
  }
}

function group(rows: readonly Selectable<ChecksTable>[]): Map<StackId, CheckEntry[]> {
  const groups = new Map<StackId, CheckEntry[]>();
  for (const row of rows) {
    const entries = groups.get(row.stack as StackId);
    if (entries) entries.push(toEntry(row));
    else groups.set(row.stack as StackId, [toEntry(row)]);
  }
  return groups;
}

const toEntry = (row: Selectable<ChecksTable>): CheckEntry => ({
  at: row.at.getTime(),
  instance: row.instance,
  guest: row.guest,
  healthy: row.healthy,
  tail: row.tail,
  ...(row.error === null ? {} : { error: row.error }),
  by: row.asked_by,
});
