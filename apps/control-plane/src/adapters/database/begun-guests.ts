import { sql, type Transaction } from 'kysely';
import type { Lease } from '../../application/runs/run-store.port.js';
import type { GuestId } from '../../domain/ids.js';
import type { BegunGuest, RecordedGuest } from '../../domain/stack/stack.js';
import type { Tables } from './schema.js';

type Tx = Transaction<Tables>;

/** Adds to what is known of a creation under way; false when its step is not held any more. */
export async function putBegun(tx: Tx, lease: Lease, guest: BegunGuest): Promise<boolean> {
  const held = await tx
    .selectFrom('run_steps')
    .innerJoin('runs', 'runs.id', 'run_steps.run')
    .select('runs.site')
    .where('run_steps.run', '=', lease.run)
    .where('run_steps.step', '=', lease.step)
    .where('run_steps.epoch', '=', lease.epoch)
    .where('run_steps.holder', '=', lease.holder)
    .where('run_steps.state', '=', 'running')
    .forUpdate('run_steps')
    .executeTakeFirst();
  if (held === undefined) return false;
  const { spec, stack } = guest;
  const before = await findBegun(tx, spec.id);
  const vmids = [...new Set([...(before?.vmids ?? []), ...guest.vmids])];
  const row = { site: held.site, stack, key: spec.key, body: JSON.stringify({ ...guest, vmids }) };
  await tx
    .insertInto('begun_guests')
    .values({ id: spec.id, ...row })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
  return true;
}

export async function findBegun(tx: Pick<Tx, 'selectFrom'>, id: GuestId): Promise<BegunGuest | undefined> {
  const row = await tx.selectFrom('begun_guests').select('body').where('id', '=', id).executeTakeFirst();
  return row?.body;
}

/** The guest is recorded now. Ids that it was asked for under and did not get stay known: something may lie there. */
export async function settleBegun(tx: Tx, { id, vmid }: RecordedGuest): Promise<void> {
  const begun = await findBegun(tx, id);
  if (begun === undefined) return;
  const others = begun.vmids.filter((other) => other !== vmid);
  if (others.length === 0) {
    await tx.deleteFrom('begun_guests').where('id', '=', id).execute();
    return;
  }
  const body = JSON.stringify({ ...begun, vmids: others, elsewhere: true } satisfies BegunGuest);
  await tx.updateTable('begun_guests').set({ body }).where('id', '=', id).execute();
}

/**
 * Nothing is left of it. Its ids are free from here on, and its address unless the guest exists; what a run under way has
 * reserved to make the same guest anew stays reserved.
 */
export async function removeBegun(tx: Tx, id: GuestId): Promise<void> {
  const gone = await tx
    .deleteFrom('begun_guests')
    .where('id', '=', id)
    .returning(['site', 'key', 'body'])
    .executeTakeFirst();
  if (gone === undefined) return;
  const { site, key, body } = gone;
  await sql`
    delete from reservations r
    where r.site = ${site} and r.owner = ${key} and r.expires_at is null
      and ((r.kind = 'guest-id' and r.scope = ${body.spec.substrate} and r.value = any(${body.vmids.map(String)}::text[]))
        or not exists (select from guests g where g.site = r.site and g.key = r.owner))
      and not exists (select from runs u where u.plan = r.plan and u.state in ('running', 'cancelling'))`.execute(tx);
}
