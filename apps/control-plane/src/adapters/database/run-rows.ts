import type { Selectable } from 'kysely';
import type { RunStep, StoredRun } from '../../application/runs/run-store.port.js';
import type { PlannedStep } from '../../domain/plan/plan.js';
import type { AnyStep } from '../../domain/plan/steps.js';
import type { LogEntry } from '../../domain/run/run.js';
import type { RunEventsTable, RunStepsTable, RunsTable } from './schema.js';

/** Rows of runs, steps and log entries, and what the application calls them. */

export const STEP_COLUMNS = [
  'step',
  'after',
  'weight_ms',
  'deadline_ms',
  'state',
  'attempt',
  'epoch',
  'starts',
  'retries',
  'holder',
  'lease_until',
  'deadline',
  'not_before',
  'started_at',
  'finished_at',
  'percent',
  'text',
  'waiting_for',
  'failure',
  'problem',
  'blocked_by',
  'output',
  'outside_task',
] as const satisfies readonly (keyof RunStepsTable)[];

type StepRow = Pick<Selectable<RunStepsTable>, (typeof STEP_COLUMNS)[number]>;

const given = <K extends string, V>(key: K, value: V | null | undefined): { readonly [P in K]?: V } =>
  value === null || value === undefined ? {} : ({ [key]: value } as { [P in K]: V });

const time = <K extends string>(key: K, value: Date | null): { readonly [P in K]?: number } =>
  given(key, value?.getTime());

export const toStep = (row: StepRow): RunStep => ({
  id: row.step,
  after: row.after,
  weightMs: row.weight_ms,
  deadlineMs: row.deadline_ms,
  state: row.state,
  attempt: row.attempt,
  epoch: row.epoch,
  starts: row.starts,
  retries: row.retries,
  ...given('holder', row.holder),
  ...time('leaseUntil', row.lease_until),
  ...time('deadline', row.deadline),
  ...time('notBefore', row.not_before),
  ...time('startedAt', row.started_at),
  ...time('finishedAt', row.finished_at),
  ...given('percent', row.percent),
  ...given('text', row.text),
  ...given('waitingFor', row.waiting_for),
  ...given('failure', row.failure),
  ...given('problem', row.problem),
  ...given('blockedBy', row.blocked_by),
  ...given('output', row.output),
  ...given('outsideTask', row.outside_task),
});

const iso = (at: number | undefined): string | null => (at === undefined ? null : new Date(at).toISOString());

/** Columns that events change, as JSON for `jsonb_to_recordset`. */
export const stepChanges = (step: RunStep) => ({
  step: step.id,
  state: step.state,
  attempt: step.attempt,
  epoch: step.epoch,
  starts: step.starts,
  retries: step.retries,
  holder: step.holder ?? null,
  lease_until: iso(step.leaseUntil),
  deadline: iso(step.deadline),
  not_before: iso(step.notBefore),
  started_at: iso(step.startedAt),
  finished_at: iso(step.finishedAt),
  percent: step.percent ?? null,
  text: step.text ?? null,
  waiting_for: step.waitingFor ?? null,
  failure: step.failure ?? null,
  problem: step.problem ?? null,
  blocked_by: step.blockedBy ?? null,
  output: step.output ?? null,
  outside_task: step.outsideTask ?? null,
});

export const toRun = (row: Selectable<RunsTable>): StoredRun => ({
  id: row.id,
  plan: row.plan,
  stack: row.stack,
  stackName: row.stack_name,
  site: row.site,
  operation: row.operation,
  state: row.state,
  actor: row.actor,
  ...(row.address === null ? {} : { address: row.address }),
  createdAt: row.created_at.getTime(),
  lastSeq: row.last_seq,
  ...time('finishedAt', row.finished_at),
  ...given('undoes', row.undoes),
});

/** What is stored in `data` is exactly what was appended, so the row is the entry. */
export const toEntry = (row: Selectable<RunEventsTable>): LogEntry =>
  ({
    run: row.run,
    seq: row.seq,
    at: row.at.getTime(),
    ...given('step', row.step),
    event: { ...row.data, type: row.type },
  }) as LogEntry;

/** Steps with the same key take about the same time (see PlanStore.medianDurations). */
export function durationKey({ step }: Pick<PlannedStep, 'step'>): string {
  return step.kind === 'hook.run' ? hookKey(step) : step.kind;
}

const hookKey = (step: Extract<AnyStep, { kind: 'hook.run' }>): string =>
  `hook.run:${step.instance.module}:${step.hook}`;
