import { sql, type Transaction } from 'kysely';
import { afterEvent, decideStart } from '../../application/runs/run-decisions.js';
import type {
  Decision,
  Due,
  Lease,
  LeaseState,
  Ring,
  RunFilter,
  RunSnapshot,
  RunStore,
  StoredRun,
} from '../../application/runs/run-store.port.js';
import type { RunId, StackId, StepId } from '../../domain/ids.js';
import type { Plan, PlannedStep } from '../../domain/plan/plan.js';
import { Refusal } from '../../domain/problem.js';
import type { LogEntry } from '../../domain/run/run.js';
import type { BegunGuest } from '../../domain/stack/stack.js';
import { putBegun } from './begun-guests.js';
import { type Database, reach } from './database.js';
import { isCollision, violates } from './database-failure.js';
import { insertRun, stackBusy } from './run-creation.js';
import { RunNotifications } from './run-notifications.js';
import { STEP_COLUMNS, toEntry, toRun, toStep } from './run-rows.js';
import { appendEntries, appendLines, lockRun, readRun, updateSteps, writeDecision } from './run-writer.js';
import type { Tables } from './schema.js';

/** Key of the advisory lock that lets one sweep look at a time. */
const SWEEP_LOCK = 0x62_61_73_74;
/** Tries for two transactions that stood in each other's way. */
const COLLISIONS = 3;

/** The run log on PostgreSQL. Call `close` before the database is closed. */
export class KyselyRunStore implements RunStore {
  private readonly notifications: RunNotifications;

  constructor(private readonly database: Database) {
    this.notifications = new RunNotifications(database);
  }

  close(): Promise<void> {
    return this.notifications.close();
  }

  async create(
    plan: Plan,
    options: { readonly id: RunId; readonly actor: string; readonly undoes?: RunId },
  ): Promise<{ readonly run: StoredRun; readonly rings: readonly Ring[] }> {
    const created = await this.write(plan.stackName, async (tx) => {
      await insertRun(tx, plan, options);
      const snapshot = await lockRun(tx, options.id);
      if (snapshot === undefined) throw new Error(`run ${options.id} was not inserted`);
      const decision = decideStart(snapshot, options.actor);
      await writeDecision(tx, snapshot, decision);
      const after = await readRun(tx, options.id);
      return { run: after?.run ?? snapshot.run, rings: decision.result.rings };
    });
    this.notifications.announce(options.id, 'run');
    return created;
  }

  get(run: RunId): Promise<RunSnapshot | undefined> {
    return reach(() =>
      this.database.db
        .transaction()
        .setIsolationLevel('repeatable read')
        .execute((tx) => readRun(tx, run)),
    );
  }

  async head(run: RunId): Promise<StoredRun | undefined> {
    const row = await reach(() =>
      this.database.db.selectFrom('runs').selectAll().where('id', '=', run).executeTakeFirst(),
    );
    return row && toRun(row);
  }

  async list(filter: RunFilter): Promise<readonly StoredRun[]> {
    let query = this.database.db.selectFrom('runs').selectAll();
    if (filter.stack !== undefined) query = query.where('stack', '=', filter.stack);
    if (filter.site !== undefined) query = query.where('site', '=', filter.site);
    if (filter.states !== undefined) query = query.where('state', 'in', [...filter.states]);
    if (filter.actor !== undefined) query = query.where('actor', '=', filter.actor);
    if (filter.before !== undefined) {
      const before = filter.before;
      query = query.where((where) =>
        where(
          where.refTuple('created_at', 'id'),
          '<',
          where
            .selectFrom('runs as b')
            .select(['b.created_at', 'b.id'])
            .where('b.id', '=', before)
            .$asTuple('created_at', 'id'),
        ),
      );
    }
    const rows = await reach(() =>
      query
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(filter.limit ?? 50)
        .execute(),
    );
    return rows.map(toRun);
  }

  async latestOf(stack: StackId): Promise<StoredRun | undefined> {
    return (await this.list({ stack, limit: 1 }))[0];
  }

  async plannedStep(run: RunId, step: StepId): Promise<PlannedStep | undefined> {
    const { db } = this.database;
    const row = await reach(() =>
      db.selectFrom('run_steps').select('planned').where('run', '=', run).where('step', '=', step).executeTakeFirst(),
    );
    return row?.planned;
  }

  async commit<T>(run: RunId, decide: (snapshot: RunSnapshot) => Decision<T>): Promise<T | undefined> {
    let grown: 'run' | 'log' | undefined;
    const result = await this.write(run, async (tx) => {
      const snapshot = await lockRun(tx, run);
      if (snapshot === undefined) return undefined;
      const decision = decide(snapshot);
      grown = undefined;
      if (decision.events.length > 0) grown = decision.events.some(({ step }) => step === undefined) ? 'run' : 'log';
      await writeDecision(tx, snapshot, decision);
      return decision.result;
    });
    if (grown !== undefined) this.notifications.announce(run, grown);
    return result;
  }

  async heartbeat(lease: Lease, leaseMs: number): Promise<LeaseState> {
    const { rows } = await reach(() =>
      sql<{ cancelling: boolean }>`
        update run_steps s set lease_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
        from runs r
        where r.id = s.run and s.run = ${lease.run} and s.step = ${lease.step} and s.epoch = ${lease.epoch}
          and s.holder = ${lease.holder} and s.state = 'running'
        returning r.state = 'cancelling' as cancelling`.execute(this.database.db),
    );
    return rows[0] === undefined ? { held: false, cancelling: false } : { held: true, cancelling: rows[0].cancelling };
  }

  async append(lease: Lease, entries: Parameters<RunStore['append']>[1]): Promise<boolean> {
    const lines = entries.filter((entry) => entry.type === 'log');
    const written = await this.write(lease.run, async (tx) => {
      if (lines.length === entries.length) return appendLines(tx, lease, lines);
      const run = await tx
        .selectFrom('runs')
        .select(['last_seq', sql<Date>`date_trunc('milliseconds', clock_timestamp())`.as('now')])
        .where('id', '=', lease.run)
        .forUpdate()
        .executeTakeFirst();
      const row = await tx
        .selectFrom('run_steps')
        .select(STEP_COLUMNS)
        .where('run', '=', lease.run)
        .where('step', '=', lease.step)
        .forUpdate()
        .executeTakeFirst();
      const held = row?.state === 'running' && row.epoch === lease.epoch && row.holder === lease.holder;
      if (run === undefined || row === undefined || !held) return false;
      const now = run.now.getTime();
      let step = toStep(row);
      for (const event of entries) {
        if (event.type !== 'log') step = afterEvent(step, event, now);
      }
      if (entries.some(({ type }) => type !== 'log')) await updateSteps(tx, lease.run, [step]);
      const events = entries.map((event) => ({ step: lease.step, event }));
      await appendEntries(tx, lease.run, run.last_seq, now, events);
      return true;
    });
    if (written) this.notifications.announce(lease.run, 'log');
    return written;
  }

  async saveTask(lease: Lease, task: string): Promise<boolean> {
    const { db } = this.database;
    const { numUpdatedRows } = await reach(() =>
      db
        .updateTable('run_steps')
        .set({ outside_task: task })
        .where('run', '=', lease.run)
        .where('step', '=', lease.step)
        .where('epoch', '=', lease.epoch)
        .where('holder', '=', lease.holder)
        .where('state', '=', 'running')
        .executeTakeFirstOrThrow(),
    );
    return numUpdatedRows > 0n;
  }

  saveBegun(lease: Lease, guest: BegunGuest): Promise<boolean> {
    return this.write(lease.run, (tx) => putBegun(tx, lease, guest));
  }

  due(limit: number): Promise<Due | undefined> {
    return reach(() =>
      this.database.db.transaction().execute(async (tx) => {
        const lock = await sql<{ ours: boolean }>`select pg_try_advisory_xact_lock(${SWEEP_LOCK}) as ours`.execute(tx);
        if (lock.rows[0]?.ours !== true) return undefined;
        // Slots of dead holders that nobody has wanted since.
        await sql`delete from limits where expires_at < clock_timestamp() - interval '1 minute'`.execute(tx);
        const expired = await sql<Ring>`
          select run, step, epoch from run_steps
          where state = 'running' and lease_until < clock_timestamp() order by lease_until limit ${limit}`.execute(tx);
        // Says the same as isClaimable in run-decisions.ts.
        const ready = await sql<Ring>`
          select s.run, s.step, s.epoch from run_steps s join runs r on r.id = s.run
          where s.state in ('ready', 'retrying') and (
            (r.state = 'running' and (s.state = 'ready' or s.not_before <= clock_timestamp()))
            or (r.state = 'cancelling' and s.outside_task is not null))
          order by r.created_at, s.place limit ${limit}`.execute(tx);
        const undone = await sql<{ id: RunId }>`
          select o.id from runs o join runs u on u.undoes = o.id
          where o.state = 'undoing' and u.state = 'succeeded'`.execute(tx);
        return { expired: expired.rows, ready: ready.rows, undone: undone.rows.map(({ id }) => id) };
      }),
    );
  }

  async entries(run: RunId, afterSeq: number, limit: number): Promise<readonly LogEntry[]> {
    const { db } = this.database;
    const rows = await reach(() =>
      db
        .selectFrom('run_events')
        .selectAll()
        .where('run', '=', run)
        .where('seq', '>', afterSeq)
        .orderBy('seq')
        .limit(limit)
        .execute(),
    );
    return rows.map(toEntry);
  }

  watchAll(changed: (run: RunId, what: 'run' | 'log') => void): () => void {
    return this.notifications.watchAll(changed);
  }

  watch(run: RunId, changed: (what: 'run' | 'log') => void): () => void {
    return this.notifications.watch(run, changed);
  }

  private async write<T>(subject: string, work: (tx: Transaction<Tables>) => Promise<T>): Promise<T> {
    for (let collision = 1; ; collision += 1) {
      try {
        return await this.database.db.transaction().execute(work);
      } catch (error) {
        if (violates(error, 'runs_one_active')) throw stackBusy(subject);
        if (error instanceof Refusal) throw error;
        if (!isCollision(error) || collision >= COLLISIONS) return await reach(() => Promise.reject(error as Error));
      }
    }
  }
}
