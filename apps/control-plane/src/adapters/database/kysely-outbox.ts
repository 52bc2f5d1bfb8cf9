import { type Selectable, sql } from 'kysely';
import type { Outbox } from '../../application/notifications/notification-store.port.js';
import type { Instant } from '../../domain/ids.js';
import { type Delivery, isTimeForMessage } from '../../domain/notification/delivery.js';
import type { NotificationEvent } from '../../domain/notification/event.js';
import { type NotificationTarget, postOffice, wants } from '../../domain/notification/target.js';
import { type Database, reach } from './database.js';
import { toTarget } from './kysely-notification-targets.js';
import type { NotificationDeliveriesTable } from './schema.js';

/** Events handed on at a time. */
const BATCH = 500;
const LONGEST_ANSWER = 500;

/** The outbox in PostgreSQL. Rows are taken with SKIP LOCKED: processes share the work and never wait for each other. */
export class KyselyOutbox implements Outbox {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  async spread(): Promise<void> {
    for (;;) {
      const count = await reach(() => this.#spreadSome());
      if (count < BATCH) return;
    }
  }

  #spreadSome(): Promise<number> {
    return this.database.db.transaction().execute(async (tx) => {
      const events = await tx
        .selectFrom('notification_events')
        .selectAll()
        .where('spread', '=', false)
        .orderBy('id')
        .limit(BATCH)
        .forUpdate()
        .skipLocked()
        .execute();
      if (events.length === 0) return 0;
      // Locked against removal until the entries are written.
      const targets = (await tx.selectFrom('notification_targets').selectAll().forKeyShare().execute()).map(toTarget);
      const entries = events.flatMap((event) => {
        const wanting = targets.filter((target) => wants(target, event.body));
        return [
          ...wanting.map((target) => ({ target: target.id, event: event.id, delivery: null, recipient: '' })),
          ...personal(event.body, targets, wanting).map((to) => ({ ...to, event: event.id, delivery: null })),
        ];
      });
      if (entries.length > 0)
        await tx
          .insertInto('notification_entries')
          .values(entries)
          .onConflict((conflict) => conflict.doNothing())
          .execute();
      await tx
        .updateTable('notification_events')
        .set({ spread: true })
        .where(
          'id',
          'in',
          events.map(({ id }) => id),
        )
        .execute();
      return events.length;
    });
  }

  async bundle(now: Instant, newId: () => string): Promise<void> {
    const { db } = this.database;
    const waiting = await reach(() =>
      db
        .selectFrom('notification_entries as n')
        .innerJoin('notification_events as e', 'e.id', 'n.event')
        .where('n.delivery', 'is', null)
        .groupBy(['n.target', 'n.recipient'])
        .select((select) => [
          'n.target',
          'n.recipient',
          select.fn.min('e.at').as('oldest'),
          select
            .selectFrom('notification_deliveries as d')
            .whereRef('d.target', '=', 'n.target')
            .whereRef('d.recipient', '=', 'n.recipient')
            .select((inner) => inner.fn.max('d.created_at').as('last'))
            .as('last'),
        ])
        .execute(),
    );
    for (const { target, recipient, oldest, last } of waiting) {
      if (!isTimeForMessage(oldest.getTime(), last?.getTime(), now)) continue;
      await reach(() => this.#makeMessage({ target, recipient }, now, last, newId()));
    }
  }

  #makeMessage({ target, recipient }: Addressee, now: Instant, last: Date | null, id: string): Promise<void> {
    return this.database.db.transaction().execute(async (tx) => {
      // One at a time for each target: the second one sees that a message was made meanwhile.
      await tx.selectFrom('notification_targets').select('id').where('id', '=', target).forNoKeyUpdate().execute();
      const newest = await tx
        .selectFrom('notification_deliveries')
        .select((select) => select.fn.max('created_at').as('at'))
        .where('target', '=', target)
        .where('recipient', '=', recipient)
        .executeTakeFirst();
      if ((newest?.at?.getTime() ?? 0) !== (last?.getTime() ?? 0)) return;
      const at = new Date(now);
      await tx
        .insertInto('notification_deliveries')
        .values({ id, target, recipient, state: 'open', created_at: at, next_at: at })
        .execute();
      await tx
        .updateTable('notification_entries')
        .set({ delivery: id })
        .where('target', '=', target)
        .where('recipient', '=', recipient)
        .where('delivery', 'is', null)
        .execute();
    });
  }

  async claim(now: Instant, leaseUntil: Instant): Promise<Delivery | undefined> {
    const { db } = this.database;
    const row = await reach(() =>
      db
        .updateTable('notification_deliveries')
        .set((set) => ({ attempts: set('attempts', '+', 1), next_at: new Date(leaseUntil) }))
        .where('id', '=', (due) =>
          due
            .selectFrom('notification_deliveries as d')
            .innerJoin('notification_targets as t', 't.id', 'd.target')
            .select('d.id')
            .where('d.state', '=', 'open')
            .where('d.next_at', '<=', new Date(now))
            .where(sql<boolean>`not (t.body->>'paused')::boolean`)
            .orderBy('d.next_at')
            .limit(1)
            .forUpdate('d')
            .skipLocked(),
        )
        .returningAll()
        .executeTakeFirst(),
    );
    return row && (await this.#withEvents([row]))[0];
  }

  async settle(delivery: Pick<Delivery, 'id' | 'attempts'>, result: Parameters<Outbox['settle']>[1]): Promise<void> {
    const ended = result.state !== 'open';
    let update = this.database.db
      .updateTable('notification_deliveries')
      .set({
        state: result.state,
        next_at: result.nextAt === undefined ? null : new Date(result.nextAt),
        ended_at: ended ? new Date(result.at) : null,
        answer: result.answer.slice(0, LONGEST_ANSWER),
        remedy: result.remedy?.slice(0, LONGEST_ANSWER) ?? null,
      })
      .where('id', '=', delivery.id)
      .where('state', '=', 'open');
    // That it arrived is true whoever holds it now.
    if (result.state !== 'sent') update = update.where('attempts', '=', delivery.attempts);
    await reach(() => update.execute());
  }

  async deliveries(filter: { readonly target?: string; readonly limit: number }): Promise<readonly Delivery[]> {
    let query = this.database.db.selectFrom('notification_deliveries').selectAll();
    if (filter.target !== undefined) query = query.where('target', '=', filter.target);
    const rows = await reach(() =>
      query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(filter.limit).execute(),
    );
    return await this.#withEvents(rows);
  }

  async failingTargets(): Promise<number> {
    const { rows } = await reach(() =>
      sql<{ count: number }>`
        select count(*)::int as count from notification_targets t
        where not (t.body->>'paused')::boolean and (
          select d.state from notification_deliveries d
          where d.target = t.id and d.recipient = '' and d.state <> 'open' order by d.created_at desc, d.id desc limit 1) = 'given-up'`.execute(
        this.database.db,
      ),
    );
    return rows[0]?.count ?? 0;
  }

  async forget(before: Instant): Promise<void> {
    const { db } = this.database;
    const at = new Date(before);
    await reach(async () => {
      await db.deleteFrom('notification_deliveries').where('ended_at', '<', at).execute();
      await sql`
        delete from notification_events e where e.spread and e.at < ${at}
          and not exists (select from notification_entries n where n.event = e.id)`.execute(db);
    });
  }

  async #withEvents(rows: readonly Selectable<NotificationDeliveriesTable>[]): Promise<readonly Delivery[]> {
    if (rows.length === 0) return [];
    const told = await reach(() =>
      this.database.db
        .selectFrom('notification_entries as n')
        .innerJoin('notification_events as e', 'e.id', 'n.event')
        .select(['n.delivery', 'e.body'])
        .where(
          'n.delivery',
          'in',
          rows.map(({ id }) => id),
        )
        .orderBy('e.id')
        .execute(),
    );
    const events = new Map<string, NotificationEvent[]>();
    for (const { delivery, body } of told) {
      const known = events.get(delivery ?? '');
      if (known) known.push(body);
      else events.set(delivery ?? '', [body]);
    }
    return rows.map((row) => ({
      id: row.id,
      target: row.target,
      ...(row.recipient === '' ? {} : { recipient: row.recipient }),
      events: events.get(row.id) ?? [],
      state: row.state,
      createdAt: row.created_at.getTime(),
      attempts: row.attempts,
      ...(row.next_at === null ? {} : { nextAt: row.next_at.getTime() }),
      ...(row.ended_at === null ? {} : { endedAt: row.ended_at.getTime() }),
      ...(row.answer === null ? {} : { answer: row.answer }),
      ...(row.remedy === null ? {} : { remedy: row.remedy }),
    }));
  }
}

const ONE_ADDRESS = /^[^\s@,;:<>"()[\]\\]+@[^\s@,;:<>"()[\]\\]+$/;

interface Addressee {
  readonly target: string;
  readonly recipient: string;
}

/** Whom an event is told to in person: nobody, where no mail server is known or a target tells them already. */
function personal(
  { person }: NotificationEvent,
  targets: readonly NotificationTarget[],
  wanting: readonly NotificationTarget[],
): readonly Addressee[] {
  const post = person && postOffice(targets);
  // What a provider says of somebody may be no address at all, or several.
  if (!post || !ONE_ADDRESS.test(person.email)) return [];
  const told = wanting.some(({ route }) => route.kind === 'mail' && route.recipients.includes(person.email));
  return told ? [] : [{ target: post.id, recipient: person.email }];
}
