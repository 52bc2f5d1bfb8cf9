import { sql, type Transaction } from 'kysely';
import type { PlanStore } from '../../application/plans/plan-store.port.js';
import type { Instant, PlanId } from '../../domain/ids.js';
import type { Plan } from '../../domain/plan/plan.js';
import { Refusal } from '../../domain/problem.js';
import type { Reservation } from '../../domain/stack/stack.js';
import { type Database, reach } from './database.js';
import { asWorldFailure } from './database-failure.js';
import { holdReservation, holdReservations } from './reservation-rows.js';
import type { Tables } from './schema.js';

/** Making a plan observes the substrate, which takes longer than a transaction may usually stand idle. */
const PLANNING_MS = 180_000;
const MOST_TRIES = 10;
/** Measurements per kind of step that an estimate looks back at. */
const SAMPLES = 20;

/** Plans and what they count on, in PostgreSQL. */
export class KyselyPlanStore implements PlanStore {
  private readonly planning = new Map<string, Promise<void>>();

  constructor(private readonly database: Pick<Database, 'db'>) {}

  /**
   * One after the other also within this process: waiting plans must not take up the connections that the plan being
   * made needs.
   */
  async makeAndPut(site: string, reservedUntil: Instant, make: () => Promise<Plan>): Promise<Plan> {
    const before = this.planning.get(site) ?? Promise.resolve();
    const mine = before.then(() => this.makeAgain(site, reservedUntil, make));
    const settled = mine.then(
      () => {},
      () => {},
    );
    this.planning.set(site, settled);
    void settled.then(() => {
      if (this.planning.get(site) === settled) this.planning.delete(site);
    });
    return await mine;
  }

  /** A running step may take the very id that a plan counts on, before the plan is stored: then it is made once more. */
  private async makeAgain(site: string, reservedUntil: Instant, make: () => Promise<Plan>): Promise<Plan> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.makeAlone(site, reservedUntil, make);
      } catch (error) {
        const overtaken = error instanceof Refusal && error.problem.code === 'plan.stale';
        if (!overtaken || tries >= MOST_TRIES) throw error;
      }
    }
  }

  private async makeAlone(site: string, reservedUntil: Instant, make: () => Promise<Plan>): Promise<Plan> {
    let made: { readonly error: unknown } | undefined;
    try {
      return await this.database.db.transaction().execute(async (tx) => {
        await this.holdSite(tx, site);
        const plan = await make().catch((error: unknown) => {
          made = { error };
          throw error;
        });
        await tx
          .insertInto('plans')
          .values({
            id: plan.id,
            site: plan.site,
            stack: plan.stack,
            hash: plan.hash,
            created_at: new Date(plan.createdAt),
            body: JSON.stringify(plan),
          })
          .execute();
        await holdReservations(tx, plan, reservedUntil);
        return plan;
      });
    } catch (error) {
      // What went wrong while planning is not the database's doing.
      throw made === undefined ? asWorldFailure(error) : made.error;
    }
  }

  private async holdSite(tx: Transaction<Tables>, site: string): Promise<void> {
    for (const setting of ['idle_in_transaction_session_timeout', 'lock_timeout', 'statement_timeout']) {
      await sql`select set_config(${setting}, ${String(PLANNING_MS)}, true)`.execute(tx);
    }
    await sql`select pg_advisory_xact_lock(hashtextextended(${`plan of ${site}`}, 0))`.execute(tx);
    await tx.deleteFrom('reservations').where('expires_at', '<', sql<Date>`clock_timestamp()`).execute();
  }

  async get(id: PlanId): Promise<Plan | undefined> {
    const { db } = this.database;
    const row = await reach(() => db.selectFrom('plans').select('body').where('id', '=', id).executeTakeFirst());
    return row?.body;
  }

  /** For good. */
  reserve(site: string, reservation: Reservation): Promise<boolean> {
    return reach(() => this.database.db.transaction().execute((tx) => holdReservation(tx, site, reservation, {})));
  }

  async medianDurations(site: string): Promise<Readonly<Record<string, number>>> {
    const { rows } = await reach(() =>
      sql<{ key: string; median: number }>`
        select duration_key as key,
          percentile_cont(0.5) within group (order by extract(epoch from finished_at - started_at) * 1000) as median
        from (
          select s.duration_key, s.started_at, s.finished_at,
            row_number() over (partition by s.duration_key order by s.finished_at desc) as age
          from run_steps s join runs r on r.id = s.run
          where r.site = ${site} and s.state = 'succeeded'
        ) recent
        where age <= ${SAMPLES} group by duration_key`.execute(this.database.db),
    );
    return Object.fromEntries(rows.map(({ key, median }) => [key, Math.round(median)]));
  }
}
