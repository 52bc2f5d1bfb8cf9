import { sql, type Transaction } from 'kysely';
import type { RunId } from '../../domain/ids.js';
import type { Plan } from '../../domain/plan/plan.js';
import { Refusal } from '../../domain/problem.js';
import { holdReservations } from './reservation-rows.js';
import { durationKey } from './run-rows.js';
import { serverTime } from './run-writer.js';
import type { Tables } from './schema.js';
import { refuseBesideDomainChange, wantPlan } from './site-runs.js';

type Tx = Transaction<Tables>;

/** Rows of one INSERT. */
const CHUNK = 500;

export const stackBusy = (stack: string, run?: RunId): Refusal =>
  new Refusal({
    code: 'stack.busy',
    subject: stack,
    message: run === undefined ? 'Another run of this stack is under way.' : `Run ${run} of this stack is under way.`,
    remedy: 'Wait until it has ended, or cancel it.',
    ...(run === undefined ? {} : { details: { run } }),
  });

/** The rows of a new run, nothing started yet. */
export async function insertRun(
  tx: Tx,
  plan: Plan,
  run: { readonly id: RunId; readonly actor: string; readonly address?: string; readonly undoes?: RunId },
): Promise<void> {
  // Two starts at once wait for each other here, so that the second one can say which run is in its way.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`run of ${plan.stack}`}, 0))`.execute(tx);
  await refuseBesideDomainChange(tx, plan);
  const inTheWay = await tx
    .selectFrom('runs')
    .select(['id', 'state'])
    .where('stack', '=', plan.stack)
    .where('state', 'in', ['running', 'cancelling', 'undoing'])
    .execute();
  const busy = inTheWay.find(({ id, state }) => state !== 'undoing' || id !== run.undoes);
  if (busy !== undefined) throw stackBusy(plan.stackName, busy.id);
  if (run.undoes !== undefined && inTheWay.length === 0) throw notBeingUndone(run.undoes);
  await wantPlan(tx, plan);
  const now = new Date(await serverTime(tx));
  await tx
    .insertInto('runs')
    .values({
      id: run.id,
      plan: plan.id,
      stack: plan.stack,
      stack_name: plan.stackName,
      site: plan.site,
      operation: plan.operation,
      undoes: run.undoes ?? null,
      state: 'running',
      actor: run.actor,
      address: run.address ?? null,
      created_at: now,
      finished_at: null,
    })
    .execute();
  await holdReservations(tx, plan, undefined);
  await insertSteps(tx, plan, run.id);
}

const notBeingUndone = (run: RunId): Refusal =>
  new Refusal({
    code: 'run.illegal',
    subject: `run ${run}`,
    message: 'It is not being undone.',
    remedy: 'Ask for it to be undone first.',
  });

async function insertSteps(tx: Tx, plan: Plan, run: RunId): Promise<void> {
  const rows = plan.steps.map((planned, place) => ({
    run,
    step: planned.id,
    place,
    planned: JSON.stringify(planned),
    after: [...planned.after],
    weight_ms: planned.weightMs,
    deadline_ms: planned.deadlineMs,
    duration_key: durationKey(planned),
    state: 'waiting' as const,
  }));
  for (let from = 0; from < rows.length; from += CHUNK) {
    await tx
      .insertInto('run_steps')
      .values(rows.slice(from, from + CHUNK))
      .execute();
  }
}
