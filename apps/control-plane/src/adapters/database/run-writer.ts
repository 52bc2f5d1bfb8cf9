import { sql, type Transaction } from 'kysely';
import { afterEvent } from '../../application/runs/run-decisions.js';
import type { Decision, Lease, RunSnapshot, RunStep } from '../../application/runs/run-store.port.js';
import type { RunId, StepId } from '../../domain/ids.js';
import { eventOfRun, type ToldFailure } from '../../domain/notification/sources.js';
import type { LogLine, RunState } from '../../domain/run/run.js';
import { isSettled, runTransition } from '../../domain/run/transitions.js';
import { recordEvents } from './event-rows.js';
import { applyRecordChange } from './record-changes.js';
import { STEP_COLUMNS, stepChanges, toRun, toStep } from './run-rows.js';
import type { Tables } from './schema.js';

type Tx = Transaction<Tables>;

/** Rows of one INSERT: far below the protocol's limit of 65,535 parameters. */
const CHUNK = 1_000;

/** Reads a run with its row locked until the transaction ends, and the server's time once we have the lock. */
export async function lockRun(tx: Tx, id: RunId): Promise<RunSnapshot | undefined> {
  const row = await tx.selectFrom('runs').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
  if (row === undefined) return undefined;
  // Heartbeats and saved tasks go past the run's row; what is being decided about must not change meanwhile.
  await tx
    .selectFrom('run_steps')
    .select('step')
    .where('run', '=', id)
    .where('state', '=', 'running')
    .forUpdate()
    .execute();
  const steps = await readSteps(tx, id);
  return { run: toRun(row), steps, now: await serverTime(tx) };
}

/** Without a lock: for looking. */
export async function readRun(tx: Tx, id: RunId): Promise<RunSnapshot | undefined> {
  const row = await tx.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) return undefined;
  return { run: toRun(row), steps: await readSteps(tx, id), now: await serverTime(tx) };
}

async function readSteps(tx: Tx, run: RunId): Promise<ReadonlyMap<StepId, RunStep>> {
  const rows = await tx.selectFrom('run_steps').select(STEP_COLUMNS).where('run', '=', run).orderBy('place').execute();
  return new Map(rows.map((row) => [row.step, toStep(row)]));
}

export async function serverTime(tx: Tx): Promise<number> {
  const { rows } = await sql<{ now: Date }>`select date_trunc('milliseconds', clock_timestamp()) as now`.execute(tx);
  return rows[0]?.now.getTime() ?? Number.NaN;
}

/** Writes a decision: log, statuses, lease, record. The run's row must be locked by this transaction. */
export async function writeDecision(tx: Tx, snapshot: RunSnapshot, decision: Decision<unknown>): Promise<void> {
  const { run, now } = snapshot;
  const changed = new Map<StepId, RunStep>();
  const present = (id: StepId): RunStep => {
    const step = changed.get(id) ?? snapshot.steps.get(id);
    if (step === undefined) throw new Error(`step ${id} is not part of ${run.id}`);
    return step;
  };
  let state: RunState = run.state;
  for (const entry of decision.events) {
    if (entry.step === undefined) state = runTransition(state, entry.event.type, `run ${run.id}`);
    else changed.set(entry.step, afterEvent(present(entry.step), entry.event, now));
  }
  if (decision.lease !== undefined) {
    const { step, ms } = decision.lease;
    changed.set(step, { ...present(step), leaseUntil: now + ms });
  }
  for (const id of decision.forgetTask ?? []) {
    const { outsideTask: _outsideTask, ...rest } = present(id);
    changed.set(id, rest);
  }
  await updateSteps(tx, run.id, [...changed.values()]);
  await appendEntries(tx, run.id, run.lastSeq, now, decision.events);
  if (state !== run.state) {
    const finished = isSettled(state) ? new Date(now) : null;
    await tx.updateTable('runs').set({ state, finished_at: finished }).where('id', '=', run.id).execute();
    if (state === 'left' || state === 'undone') await releaseReservations(tx, run.id);
  }
  for (const change of decision.changes ?? []) await applyRecordChange(tx, run.site, change);
  for (const [index, { step, event }] of decision.events.entries()) {
    if (step !== undefined) continue;
    const failures = event.type === 'run-failed' ? event.by.map((id) => toldFailure(present(id))) : [];
    const news = eventOfRun(run, { seq: run.lastSeq + 1 + index, event }, failures, now);
    if (news) await recordEvents(tx, [news]);
  }
}

const toldFailure = ({ id, failure, problem }: RunStep): ToldFailure => ({
  step: id,
  message: problem?.message ?? failure?.message ?? '',
});

export async function updateSteps(tx: Tx, run: RunId, steps: readonly RunStep[]): Promise<void> {
  if (steps.length === 0) return;
  const rows = JSON.stringify(steps.map(stepChanges));
  // jsonb_to_recordset turns a JSON null into a JSON null inside a jsonb column; nullif makes it none at all.
  await sql`
    update run_steps s set
      state = n.state, attempt = n.attempt, epoch = n.epoch, starts = n.starts, retries = n.retries,
      holder = n.holder, lease_until = n.lease_until, deadline = n.deadline, not_before = n.not_before,
      started_at = n.started_at, finished_at = n.finished_at, percent = n.percent, text = n.text,
      waiting_for = n.waiting_for, failure = nullif(n.failure, 'null'), problem = nullif(n.problem, 'null'),
      blocked_by = n.blocked_by, output = nullif(n.output, 'null'), outside_task = n.outside_task
    from jsonb_to_recordset(${rows}::jsonb) as n(
      step text, state text, attempt integer, epoch integer, starts integer, retries integer, holder text,
      lease_until timestamptz, deadline timestamptz, not_before timestamptz, started_at timestamptz,
      finished_at timestamptz, percent integer, text text, waiting_for text, failure jsonb, problem jsonb,
      blocked_by text, output jsonb, outside_task text)
    where s.run = ${run} and s.step = n.step`.execute(tx);
}

/** Appends to the log. The run's row must be locked: that is what makes sequence order the order of commits. */
export async function appendEntries(
  tx: Tx,
  run: RunId,
  lastSeq: number,
  now: number,
  entries: readonly { readonly step?: StepId | undefined; readonly event: { readonly type: string } }[],
): Promise<void> {
  if (entries.length === 0) return;
  const rows = entries.map(({ step, event }, index) => {
    const { type, ...data } = event;
    return { run, seq: lastSeq + 1 + index, at: new Date(now), step: step ?? null, type, data: JSON.stringify(data) };
  });
  for (let from = 0; from < rows.length; from += CHUNK) {
    await tx
      .insertInto('run_events')
      .values(rows.slice(from, from + CHUNK))
      .execute();
  }
  await tx
    .updateTable('runs')
    .set({ last_seq: lastSeq + rows.length })
    .where('id', '=', run)
    .execute();
}

/**
 * Appends log lines of a held step; false when it is not held any more. The same as `appendEntries` in two questions: a flood of
 * lines asks often. The second one sees what was committed before the run's row was ours.
 */
export async function appendLines(
  tx: Tx,
  lease: Lease,
  entries: readonly { readonly lines: readonly LogLine[] }[],
): Promise<boolean> {
  await sql`select from runs where id = ${lease.run} for update`.execute(tx);
  const data = JSON.stringify(entries.map(({ lines }) => ({ lines })));
  const { numAffectedRows } = await sql`
    with grown as (
      update runs set last_seq = last_seq + ${entries.length}::integer
      where id = ${lease.run} and exists (
        select from run_steps where run = ${lease.run} and step = ${lease.step} and epoch = ${lease.epoch}
          and holder = ${lease.holder} and state = 'running')
      returning last_seq - ${entries.length}::integer as before, date_trunc('milliseconds', clock_timestamp()) as now)
    insert into run_events (run, seq, at, step, type, data)
    select ${lease.run}, before + entry.place, now, ${lease.step}, 'log', entry.data
    from grown, jsonb_array_elements(${data}::jsonb) with ordinality as entry(data, place)`.execute(tx);
  return (numAffectedRows ?? 0n) > 0n;
}

/**
 * Gives back what the run's plan had reserved for guests that do not exist. A guest that was begun and not recorded may
 * exist half-way: it keeps its ids and address until it is cleared.
 */
async function releaseReservations(tx: Tx, run: RunId): Promise<void> {
  await sql`
    delete from reservations r using runs
    where runs.id = ${run} and r.plan = runs.plan
      and not exists (select from guests g where g.site = r.site and g.key = r.owner)
      and not exists (select from begun_guests b where b.site = r.site and b.key = r.owner)`.execute(tx);
}
