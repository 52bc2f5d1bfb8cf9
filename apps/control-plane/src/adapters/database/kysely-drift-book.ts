import { isDeepStrictEqual } from 'node:util';
import { type Selectable, sql, type Transaction } from 'kysely';
import type { DriftBook } from '../../application/stacks/drift-book.port.js';
import type { GuestSize } from '../../domain/blueprint/blueprint.js';
import type { GuestId, StackId } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { DriftField, IgnoredDrift } from '../../domain/stack/drift.js';
import type { RecordedGuest } from '../../domain/stack/stack.js';
import { type Database, reach } from './database.js';
import { violates } from './database-failure.js';
import { stackBusy } from './run-creation.js';
import type { IgnoredDriftTable, Tables } from './schema.js';

interface AdoptedSize {
  readonly guest: string;
  readonly size: GuestSize;
}

/** Answers to drift, in PostgreSQL. */
export class KyselyDriftBook implements DriftBook {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  async ignored(site: string): Promise<readonly IgnoredDrift[]> {
    const rows = await reach(() =>
      this.database.db.selectFrom('ignored_drift').selectAll().where('site', '=', site).execute(),
    );
    return rows.map(toWord);
  }

  async ignore(site: string, { guest, field, observed, reason, by, at }: IgnoredDrift): Promise<void> {
    const said = { observed: JSON.stringify(observed), reason, ignored_by: by, at: new Date(at) };
    try {
      await this.database.db
        .insertInto('ignored_drift')
        .values({ guest, field, site, ...said })
        .onConflict((conflict) => conflict.columns(['guest', 'field']).doUpdateSet(said))
        .execute();
    } catch (error) {
      if (violates(error, 'ignored_drift_guest_fkey')) throw removedMeanwhile(guest);
      await reach(() => Promise.reject(error as Error));
    }
  }

  async withdraw(guest: GuestId, field: DriftField, observed?: IgnoredDrift['observed']): Promise<boolean> {
    let query = this.database.db.deleteFrom('ignored_drift').where('guest', '=', guest).where('field', '=', field);
    if (observed !== undefined) {
      query = query.where(sql<boolean>`observed = ${JSON.stringify(observed)}::jsonb`);
    }
    return (await reach(() => query.returning('guest').executeTakeFirst())) !== undefined;
  }

  async adopt(change: {
    readonly stack: StackId;
    readonly field: DriftField;
    readonly before: RecordedGuest;
    readonly after: RecordedGuest;
    readonly size?: AdoptedSize;
  }): Promise<void> {
    const { stack, field, before, after, size } = change;
    await reach(() =>
      this.database.db.transaction().execute(async (tx) => {
        // The lock under which runs of the stack start.
        await sql`select pg_advisory_xact_lock(hashtextextended(${`run of ${stack}`}, 0))`.execute(tx);
        const row = await tx
          .selectFrom('guests')
          .select('body')
          .where('id', '=', before.id)
          .forUpdate()
          .executeTakeFirst();
        const active = await tx
          .selectFrom('runs')
          .select('id')
          .where('stack', '=', stack)
          .where('state', 'in', ['running', 'cancelling', 'undoing'])
          .executeTakeFirst();
        if (active) throw stackBusy(after.spec.key.split('/')[0] ?? stack, active.id);
        if (row === undefined || !isDeepStrictEqual(row.body, before)) throw movedOn(before);
        await tx
          .updateTable('guests')
          .set({ body: JSON.stringify(after) })
          .where('id', '=', before.id)
          .execute();
        if (size) await wantSize(tx, stack, size);
        await tx.deleteFrom('ignored_drift').where('guest', '=', before.id).where('field', '=', field).execute();
      }),
    );
  }
}

/** Read here and not before: somebody else may have taken over another size, or changed the domain, in the meantime. */
async function wantSize(tx: Transaction<Tables>, id: StackId, { guest, size }: AdoptedSize): Promise<void> {
  const { body } = await tx
    .selectFrom('stacks')
    .select('body')
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirstOrThrow();
  const guests = { ...body.guests, [guest]: { ...body.guests?.[guest], ...size } };
  await tx
    .updateTable('stacks')
    .set({ body: JSON.stringify({ ...body, guests }) })
    .where('id', '=', id)
    .execute();
}

export const toWord = (row: Selectable<IgnoredDriftTable>): IgnoredDrift => ({
  guest: row.guest,
  field: row.field,
  observed: row.observed,
  reason: row.reason,
  by: row.ignored_by,
  at: row.at.getTime(),
});

const removedMeanwhile = (guest: GuestId): Refusal =>
  new Refusal({
    code: 'conflict',
    subject: `guest ${guest}`,
    message: 'It was removed in the meantime.',
    remedy: 'Look at the guests of the stack again.',
  });

const movedOn = ({ spec }: RecordedGuest): Refusal =>
  new Refusal({
    code: 'conflict',
    subject: `guest ${spec.key}`,
    message: 'Its record has changed in the meantime.',
    remedy: 'Look at the guest again and answer then.',
  });
