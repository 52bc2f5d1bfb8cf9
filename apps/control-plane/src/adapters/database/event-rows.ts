import type { Transaction } from 'kysely';
import type { NotificationEvent } from '../../domain/notification/event.js';
import type { Tables } from './schema.js';

type Tx = Transaction<Tables>;

/** Writes events in the transaction of what they tell of: both are there afterwards, or none. */
export async function recordEvents(tx: Tx, events: readonly NotificationEvent[]): Promise<void> {
  if (events.length === 0) return;
  await tx
    .insertInto('notification_events')
    .values(events.map((event) => ({ key: event.key, at: new Date(event.at), body: JSON.stringify(event) })))
    .onConflict((conflict) => conflict.column('key').doNothing())
    .execute();
}

/** See EventInlet.flip. */
export async function flipMemory(
  tx: Tx,
  key: string,
  state: string,
  decide: (before: string | undefined) => NotificationEvent | undefined,
): Promise<void> {
  // The row is there before it is locked, so that two who look for the first time wait for each other.
  const made = await tx
    .insertInto('notification_memory')
    .values({ key, state })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .returning('key')
    .executeTakeFirst();
  const kept = made
    ? undefined
    : await tx.selectFrom('notification_memory').select('state').where('key', '=', key).forUpdate().executeTakeFirst();
  if (kept?.state === state) return;
  if (kept) await tx.updateTable('notification_memory').set({ state }).where('key', '=', key).execute();
  const event = decide(kept?.state);
  if (event) await recordEvents(tx, [event]);
}
