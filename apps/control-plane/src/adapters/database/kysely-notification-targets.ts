import type { Selectable } from 'kysely';
import type { NotificationTargets } from '../../application/notifications/notification-store.port.js';
import type { NotificationTarget } from '../../domain/notification/target.js';
import { type Database, reach } from './database.js';
import { violates } from './database-failure.js';
import type { NotificationTargetsTable } from './schema.js';

/** Targets of notifications in PostgreSQL. */
export class KyselyNotificationTargets implements NotificationTargets {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  async list(): Promise<readonly NotificationTarget[]> {
    const rows = await reach(() =>
      this.database.db.selectFrom('notification_targets').selectAll().orderBy('name').execute(),
    );
    return rows.map(toTarget);
  }

  async get(id: string): Promise<NotificationTarget | undefined> {
    const row = await reach(() =>
      this.database.db.selectFrom('notification_targets').selectAll().where('id', '=', id).executeTakeFirst(),
    );
    return row && toTarget(row);
  }

  insert(target: NotificationTarget): Promise<boolean> {
    const { id, name, createdAt, ...body } = target;
    return unlessTaken(() =>
      this.database.db
        .insertInto('notification_targets')
        .values({ id, name, body: JSON.stringify(body), created_at: new Date(createdAt) })
        .execute(),
    );
  }

  replace(target: NotificationTarget): Promise<boolean> {
    const { id, name, createdAt: _createdAt, ...body } = target;
    return unlessTaken(() =>
      this.database.db
        .updateTable('notification_targets')
        .set({ name, body: JSON.stringify(body) })
        .where('id', '=', id)
        .execute(),
    );
  }

  async remove(id: string): Promise<boolean> {
    const gone = await reach(() =>
      this.database.db.deleteFrom('notification_targets').where('id', '=', id).returning('id').executeTakeFirst(),
    );
    return gone !== undefined;
  }
}

async function unlessTaken(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await reach(write);
    return true;
  } catch (error) {
    if (violates(error, 'notification_targets_name_key')) return false;
    throw error;
  }
}

export const toTarget = (row: Selectable<NotificationTargetsTable>): NotificationTarget => ({
  id: row.id,
  name: row.name,
  ...row.body,
  createdAt: row.created_at.getTime(),
});
