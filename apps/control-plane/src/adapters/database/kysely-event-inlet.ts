import { sql } from 'kysely';
import type { EventInlet } from '../../application/notifications/notification-store.port.js';
import type { WorkerSigns } from '../../application/notifications/watch-world.js';
import type { Instant, Milliseconds } from '../../domain/ids.js';
import type { NotificationEvent } from '../../domain/notification/event.js';
import { type Database, reach } from './database.js';
import { flipMemory, recordEvents } from './event-rows.js';

/** Events in PostgreSQL, for those that have no transaction of their own; and the workers' signs of life. */
export class KyselyEventInlet implements EventInlet, WorkerSigns {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  record(events: readonly NotificationEvent[]): Promise<void> {
    return reach(() => this.database.db.transaction().execute((tx) => recordEvents(tx, events)));
  }

  flip(
    key: string,
    state: string,
    decide: (before: string | undefined) => NotificationEvent | undefined,
  ): Promise<void> {
    return reach(() => this.database.db.transaction().execute((tx) => flipMemory(tx, key, state, decide)));
  }

  async takeTurn(key: string, now: Instant, everyMs: Milliseconds): Promise<boolean> {
    const at = new Date(now);
    const taken = await reach(() =>
      this.database.db
        .insertInto('notification_turns')
        .values({ key, last_at: at })
        .onConflict((conflict) =>
          conflict
            .column('key')
            .doUpdateSet({ last_at: at })
            .where(sql<boolean>`notification_turns.last_at <= ${new Date(now - everyMs)}`),
        )
        .returning('key')
        .executeTakeFirst(),
    );
    return taken !== undefined;
  }

  async sign(holder: string, at: Instant): Promise<void> {
    const row = { holder, seen_at: new Date(at) };
    await reach(() =>
      this.database.db
        .insertInto('worker_signs')
        .values(row)
        .onConflict((conflict) => conflict.column('holder').doUpdateSet({ seen_at: row.seen_at }))
        .execute(),
    );
  }

  async leave(holder: string): Promise<void> {
    await reach(() => this.database.db.deleteFrom('worker_signs').where('holder', '=', holder).execute());
  }

  async signs(): Promise<readonly { readonly holder: string; readonly seenAt: Instant }[]> {
    const rows = await reach(() => this.database.db.selectFrom('worker_signs').selectAll().execute());
    return rows.map((row) => ({ holder: row.holder, seenAt: row.seen_at.getTime() }));
  }
}
