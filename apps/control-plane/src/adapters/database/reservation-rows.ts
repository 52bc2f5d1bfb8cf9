import { sql, type Transaction } from 'kysely';
import type { Instant } from '../../domain/ids.js';
import type { Plan } from '../../domain/plan/plan.js';
import { Refusal } from '../../domain/problem.js';
import type { Reservation } from '../../domain/stack/stack.js';
import type { Tables } from './schema.js';

type Tx = Transaction<Tables>;

/**
 * Takes a plan's reservations, until then or (undefined) for good. What already belongs to the same guest is prolonged,
 * what has run out is taken over. Refuses with `plan.stale` when somebody else has one of them by now.
 */
export async function holdReservations(tx: Tx, plan: Plan, until: Instant | undefined): Promise<void> {
  for (const reservation of plan.reservations) {
    const ours = await holdReservation(tx, plan.site, reservation, { plan: plan.id, until });
    if (!ours) throw takenMeanwhile(plan, reservation);
  }
}

/** False when another owner has it. */
export async function holdReservation(
  tx: Tx,
  site: string,
  { kind, scope, value, owner }: Reservation,
  { plan, until }: { plan?: string | undefined; until?: Instant | undefined },
): Promise<boolean> {
  const expires = until === undefined ? null : new Date(until);
  const { rows } = await sql`
    insert into reservations as r (site, kind, scope, value, owner, plan, expires_at)
    values (${site}, ${kind}, ${scope}, ${value}, ${owner}, ${plan ?? null}, ${expires})
    on conflict (site, kind, scope, value) do update set
      owner = excluded.owner,
      plan = coalesce(excluded.plan, r.plan),
      -- What is held for good stays held for good.
      expires_at = case when r.owner = excluded.owner and (r.expires_at is null or excluded.expires_at is null)
        then null when r.owner = excluded.owner then greatest(r.expires_at, excluded.expires_at)
        else excluded.expires_at end
    where r.owner = excluded.owner or r.expires_at < clock_timestamp()
    returning 1`.execute(tx);
  return rows.length === 1;
}

const takenMeanwhile = (plan: Plan, { kind, value, scope }: Reservation): Refusal =>
  new Refusal({
    code: 'plan.stale',
    subject: `plan ${plan.id}`,
    message: `${kind === 'address' ? 'Address' : 'Guest id'} ${value} in ${scope} was given to somebody else meanwhile.`,
    remedy: 'Make a new plan and apply that one.',
    details: { kind, value, scope },
  });
