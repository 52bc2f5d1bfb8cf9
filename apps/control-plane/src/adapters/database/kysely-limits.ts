import { sql, type Transaction } from 'kysely';
import type { Clock } from '../../application/clock.port.js';
import type { HeldLimits, Limit, LimitHolder, Limits } from '../../application/runs/limits.port.js';
import { WorldFailure } from '../../domain/problem.js';
import { type Database, reach } from './database.js';
import type { Tables } from './schema.js';

/** How often a waiting step looks again; half of it is chance, so that waiting steps do not move in step. */
const LOOK_AGAIN_MS = 500;

/** Limits as leases in PostgreSQL. */
export class KyselyLimits implements Limits {
  constructor(
    private readonly database: Pick<Database, 'db'>,
    private readonly clock: Pick<Clock, 'sleep'>,
    private readonly random: () => number = Math.random,
  ) {}

  async acquire(
    limits: readonly Limit[],
    holder: LimitHolder,
    context: { signal: AbortSignal; leaseMs: number; waitingFor: (what: string) => void },
  ): Promise<HeldLimits> {
    // One order for everybody: two steps never wait for each other's row locks.
    const ordered = [...limits].sort((a, b) => (a.key < b.key ? -1 : 1));
    for (;;) {
      context.signal.throwIfAborted();
      const inTheWay = await this.tryAll(ordered, holder, context.leaseMs);
      if (inTheWay === undefined) break;
      context.waitingFor(inTheWay.what);
      await this.clock.sleep(LOOK_AGAIN_MS * (0.5 + this.random() / 2), context.signal);
    }
    return {
      renew: () => this.renew(ordered.length, holder, context.leaseMs),
      release: () => this.release(holder),
    };
  }

  /** Takes all, or nothing and says which one was full. */
  private async tryAll(limits: readonly Limit[], holder: LimitHolder, leaseMs: number): Promise<Limit | undefined> {
    try {
      await reach(() =>
        this.database.db.transaction().execute(async (tx) => {
          for (const limit of limits) {
            if (!(await this.takeOne(tx, limit, holder, leaseMs))) throw new Full(limit);
          }
        }),
      );
      return undefined;
    } catch (error) {
      if (error instanceof Full) return error.limit;
      // The database is away for a moment: the lease keeper decides when that is too long.
      if (error instanceof WorldFailure && error.failure.retryable === 'now') {
        return { key: 'database', slots: 0, what: 'the database' };
      }
      throw error;
    }
  }

  private async takeOne(tx: Transaction<Tables>, { key, slots }: Limit, holder: LimitHolder, leaseMs: number) {
    const { run, step, epoch } = holder;
    // An earlier epoch of the same step holds it for us.
    const kept = await sql`
      update limits set epoch = ${epoch}, expires_at = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
      where key = ${key} and run = ${run} and step = ${step} returning 1`.execute(tx);
    if (kept.rows.length > 0) return true;
    for (let slot = 0; slot < slots; slot += 1) {
      const taken = await sql`
        insert into limits as l (key, slot, run, step, epoch, expires_at)
        values (${key}, ${slot}, ${run}, ${step}, ${epoch}, clock_timestamp() + ${leaseMs} * interval '1 millisecond')
        on conflict (key, slot) do update set
          run = excluded.run, step = excluded.step, epoch = excluded.epoch, expires_at = excluded.expires_at
        where l.expires_at < clock_timestamp()
        returning 1`.execute(tx);
      if (taken.rows.length > 0) return true;
    }
    return false;
  }

  private async renew(count: number, { run, step, epoch }: LimitHolder, leaseMs: number): Promise<boolean> {
    const { rows } = await reach(() =>
      sql`
        update limits set expires_at = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
        where run = ${run} and step = ${step} and epoch = ${epoch} returning 1`.execute(this.database.db),
    );
    return rows.length === count;
  }

  private async release({ run, step, epoch }: LimitHolder): Promise<void> {
    const { db } = this.database;
    await reach(() =>
      db.deleteFrom('limits').where('run', '=', run).where('step', '=', step).where('epoch', '=', epoch).execute(),
    );
  }
}

/** Rolls the transaction back. */
class Full extends Error {
  constructor(readonly limit: Limit) {
    super(limit.key);
  }
}
