import type { Instant, Json, Milliseconds, RunId, StepId } from '../../domain/ids.js';
import type { Problem } from '../../domain/problem.js';
import { applyStepEvent, LEASE_EXPIRED } from '../../domain/run/derive.js';
import { nextSteps } from '../../domain/run/next-steps.js';
import { DEFAULT_RETRY_POLICY, type RetryPolicy, retryAt } from '../../domain/run/retry-policy.js';
import type { FailureData, RunState, StepEvent } from '../../domain/run/run.js';
import { isSettled, mayHappenToRun, runTransition } from '../../domain/run/transitions.js';
import type { RecordChange } from '../stacks/stack-store.port.js';
import type { DecidedEvent, Decision, Lease, Ring, RunSnapshot, RunStep } from './run-store.port.js';

/**
 * The decisions of the engine, pure: a snapshot of a run in, events out. Each ends with the consequences for the other
 * steps, so that a run never stands between two states: what a success unblocks is written with the success.
 */

/** What a decision means for the doorbell. */
export interface Outcome {
  readonly state: RunState;
  /** Steps that became claimable. */
  readonly rings: readonly Ring[];
  /** Steps that will be, after a while. */
  readonly later: readonly { readonly ring: Ring; readonly inMs: Milliseconds }[];
  /** Another run that is touched by the end of this one. */
  readonly undoes?: RunId;
}

export interface Claim {
  readonly lease: Lease;
  readonly site: string;
  readonly actor: string;
  readonly attempt: number;
  /** Time left for the step. */
  readonly remainingMs: Milliseconds;
  readonly retries: number;
  readonly outsideTask?: string;
  /** The run is being cancelled: only stop what was left behind. */
  readonly cancelling: boolean;
}

/** A step that is taken over after an outage gets at least so much of its time again: nobody worked on it meanwhile. */
const SECOND_WIND_MS = 5 * 60_000;
/** A retry that was allowed gets at least so much time: a try that cannot finish is no try. */
const LAST_TRY_MS = 60_000;

/** Adds what follows from the events: unblocked, blocked and cancelled steps, the end of the run. */
export function withConsequences(
  { run, steps, now }: RunSnapshot,
  events: readonly DecidedEvent[],
): { readonly events: readonly DecidedEvent[]; readonly outcome: Outcome } {
  const after = new Map(steps);
  const ready = new Set<StepId>();
  const retrying = new Map<StepId, Milliseconds>();
  let state = run.state;
  const all: DecidedEvent[] = [];
  const write = (entry: DecidedEvent): void => {
    all.push(entry);
    if (entry.step === undefined) {
      state = runTransition(state, entry.event.type, `run ${run.id}`);
      return;
    }
    const step = stepOf(after, entry.step);
    const next = afterEvent(step, entry.event, now);
    after.set(entry.step, next);
    if (next.state === 'ready') ready.add(next.id);
    else ready.delete(next.id);
    if (next.state === 'retrying') retrying.set(next.id, Math.max(0, (next.notBefore ?? now) - now));
    else retrying.delete(next.id);
  };
  events.forEach(write);
  const graph = [...after.values()];
  const consequences = nextSteps(graph, after, state);
  consequences.steps.forEach(write);
  if (consequences.run !== undefined) write({ event: consequences.run });
  const ringOf = (step: StepId): Ring => ({ run: run.id, step, epoch: stepOf(after, step).epoch });
  const rings = [...ready].map(ringOf);
  const later = [...retrying].map(([step, inMs]) => ({ ring: ringOf(step), inMs }));
  const outcome = { state, rings, later, ...(run.undoes === undefined ? {} : { undoes: run.undoes }) };
  return { events: all, outcome };
}

function stepOf(steps: ReadonlyMap<StepId, RunStep>, id: StepId): RunStep {
  const step = steps.get(id);
  if (step === undefined) throw new Error(`step ${id} is not part of the run`);
  return step;
}

/** The step after an event, with what no event changes. Throws `IllegalTransition`. */
export function afterEvent(step: RunStep, event: StepEvent, at: Instant): RunStep {
  const { after, weightMs, deadlineMs, outsideTask } = step;
  const facts = { after, weightMs, deadlineMs, ...(outsideTask === undefined ? {} : { outsideTask }) };
  return { ...applyStepEvent(step, event, at), ...facts };
}

const nothing = <T>(result: T): Decision<T> => ({ events: [], result });

/** The first entries of a run. */
export function decideStart(snapshot: RunSnapshot, actor: string): Decision<Outcome> {
  const { events, outcome } = withConsequences(snapshot, [{ event: { type: 'run-started', actor } }]);
  return { events, result: outcome };
}

/** Gives a step to a worker, or says no. A step that was started too often without an end is taken out of the way. */
export function decideClaim(
  snapshot: RunSnapshot,
  id: StepId,
  holder: string,
  options: { readonly leaseMs: Milliseconds; readonly maxStarts: number },
): Decision<{ readonly claim?: Claim; readonly outcome?: Outcome }> {
  const { run, steps, now } = snapshot;
  const step = steps.get(id);
  if (step === undefined || !isClaimable(step, run.state, now)) return nothing({});
  if (step.state === 'ready' && step.starts >= options.maxStarts) {
    const { events, outcome } = withConsequences(snapshot, [
      { step: id, event: { type: 'quarantined', starts: step.starts } },
    ]);
    return { events, forgetTask: [id], result: { outcome } };
  }
  const epoch = step.epoch + 1;
  const attempt = step.attempt + 1;
  const deadline = deadlineOf(step, now);
  return {
    events: [{ step: id, event: { type: 'started', attempt, epoch, holder, deadline } }],
    lease: { step: id, ms: options.leaseMs },
    result: {
      claim: {
        lease: { run: run.id, step: id, epoch, holder },
        site: run.site,
        actor: run.actor,
        attempt,
        remainingMs: deadline - now,
        retries: step.retries,
        cancelling: run.state === 'cancelling',
        ...(step.outsideTask === undefined ? {} : { outsideTask: step.outsideTask }),
      },
    },
  };
}

function deadlineOf(step: RunStep, now: Instant): Instant {
  if (step.deadline === undefined) return now + step.deadlineMs;
  if (step.state === 'retrying') return Math.max(step.deadline, now + Math.min(step.deadlineMs, LAST_TRY_MS));
  return Math.max(step.deadline, now + Math.min(step.deadlineMs, SECOND_WIND_MS));
}

/** Also used by the sweep's query; keep both alike. */
export function isClaimable(step: RunStep, run: RunState, now: Instant): boolean {
  if (run === 'cancelling')
    return (step.state === 'ready' || step.state === 'retrying') && step.outsideTask !== undefined;
  if (run !== 'running') return false;
  return step.state === 'ready' || (step.state === 'retrying' && (step.notBefore ?? 0) <= now);
}

const isHeldBy = (step: RunStep | undefined, lease: Lease): step is RunStep =>
  step?.state === 'running' && step.epoch === lease.epoch && step.holder === lease.holder;

/** The answer to a worker that comes back with the end of a step. */
export type Settled = { readonly lost: true } | { readonly lost: false; readonly outcome: Outcome };

function settle(
  snapshot: RunSnapshot,
  lease: Lease,
  event: (step: RunStep) => DecidedEvent['event'],
  extra: Pick<Decision<unknown>, 'changes' | 'forgetTask'> = {},
): Decision<Settled> {
  const step = snapshot.steps.get(lease.step);
  if (!isHeldBy(step, lease)) return nothing({ lost: true });
  const { events, outcome } = withConsequences(snapshot, [{ step: lease.step, event: event(step) } as DecidedEvent]);
  return { ...extra, events, result: { lost: false, outcome } };
}

export const decideSucceed = (
  snapshot: RunSnapshot,
  lease: Lease,
  output: Json,
  changes: readonly RecordChange[],
): Decision<Settled> => {
  const step = snapshot.steps.get(lease.step);
  // The connection was lost between our commit and its answer, and we ask again.
  if (step?.state === 'succeeded' && step.epoch === lease.epoch) {
    return nothing({ lost: false, outcome: { state: snapshot.run.state, rings: [], later: [] } });
  }
  const durationMs = (held: RunStep): number => snapshot.now - (held.startedAt ?? snapshot.now);
  return settle(snapshot, lease, (held) => ({ type: 'succeeded', output, durationMs: durationMs(held) }), {
    changes,
    forgetTask: [lease.step],
  });
};

/** Our own database was away: that says nothing of the task, and the next try must not begin another beside it. */
const OUR_OWN = new Set(['database.unavailable', 'database.full']);

const taskMayStillRun = (step: RunStep | undefined, failure: FailureData): boolean =>
  step?.outsideTask !== undefined && (failure.details?.task === step.outsideTask || OUR_OWN.has(failure.code));

/** Fails the step, or schedules another try when the failure's class and the deadline allow it. */
export function decideFailure(
  snapshot: RunSnapshot,
  lease: Lease,
  failure: FailureData,
  options: {
    readonly problem?: Problem;
    readonly jitter: number;
    readonly policy?: RetryPolicy;
    readonly remainingMs?: Milliseconds;
  },
): Decision<Settled> {
  const step = snapshot.steps.get(lease.step);
  const again =
    snapshot.run.state === 'running' && step !== undefined && options.problem === undefined
      ? retryAt(
          failure,
          { retries: step.retries, deadline: deadlineFor(step, snapshot.now, options.remainingMs) },
          snapshot.now,
          options.jitter,
          options.policy ?? DEFAULT_RETRY_POLICY,
        )
      : undefined;
  const forgetTask = taskMayStillRun(step, failure) ? [] : [lease.step];
  return settle(
    snapshot,
    lease,
    () =>
      again === undefined
        ? { type: 'failed', failure, ...(options.problem === undefined ? {} : { problem: options.problem }) }
        : { type: 'retry-scheduled', at: again, failure },
    { forgetTask },
  );
}

/** Waiting for limits does not count, so the holder knows better how much time is left than the record. */
const deadlineFor = (step: RunStep, now: Instant, remainingMs: Milliseconds | undefined): Instant =>
  remainingMs === undefined ? (step.deadline ?? now) : now + Math.max(0, remainingMs);

/** The worker stops; the step keeps its outside task. */
export const decideHandOver = (snapshot: RunSnapshot, lease: Lease, reason: string): Decision<Settled> =>
  settle(snapshot, lease, () => ({ type: 'handed-over', reason }));

export const decideCancelled = (snapshot: RunSnapshot, lease: Lease): Decision<Settled> =>
  settle(snapshot, lease, () => ({ type: 'cancelled' }), { forgetTask: [lease.step] });

/** Takes a step from a holder that has not answered for a whole lease. */
export function decideExpire(snapshot: RunSnapshot, ring: Ring): Decision<Outcome | undefined> {
  const step = snapshot.steps.get(ring.step);
  const expired = step?.state === 'running' && step.epoch === ring.epoch && (step.leaseUntil ?? 0) < snapshot.now;
  if (!expired) return nothing(undefined);
  const { events, outcome } = withConsequences(snapshot, [
    { step: ring.step, event: { type: 'handed-over', reason: LEASE_EXPIRED } },
  ]);
  return { events, result: outcome };
}

/** Nothing but the consequences: for a run that was left between two states by an older version. */
export function decideAdvance(snapshot: RunSnapshot): Decision<Outcome> {
  const { events, outcome } = withConsequences(snapshot, []);
  const rings = [...snapshot.steps.values()]
    .filter((step) => isClaimable(step, snapshot.run.state, snapshot.now))
    .map((step) => ({ run: snapshot.run.id, step: step.id, epoch: step.epoch }));
  return { events, result: { ...outcome, rings: [...outcome.rings, ...rings] } };
}

/** Undefined result: the run's state does not allow it. */
export function decideCancel(snapshot: RunSnapshot, actor: string): Decision<Outcome | undefined> {
  if (snapshot.run.state === 'cancelling') return nothing({ state: 'cancelling', rings: [], later: [] });
  if (!mayHappenToRun(snapshot.run.state, 'cancel-requested')) return nothing(undefined);
  const { events, outcome } = withConsequences(snapshot, [{ event: { type: 'cancel-requested', actor } }]);
  const leftBehind = [...snapshot.steps.values()]
    .filter((step) => isClaimable(step, 'cancelling', snapshot.now))
    .map((step) => ({ run: snapshot.run.id, step: step.id, epoch: step.epoch }));
  return { events, result: { ...outcome, rings: leftBehind } };
}

/** Starts the failed and cancelled steps again (`from`: only these), with everything that stands blocked below them. */
export function decideRetry(
  snapshot: RunSnapshot,
  actor: string,
  from?: readonly StepId[],
): Decision<Outcome | undefined> {
  if (!mayHappenToRun(snapshot.run.state, 'retried')) return nothing(undefined);
  const steps = [...snapshot.steps.values()];
  const stopped = steps.filter(({ state }) => state === 'failed' || state === 'quarantined');
  const chosen = from === undefined ? stopped : stopped.filter(({ id }) => from.includes(id));
  const swept = steps.filter(({ state }) => state === 'blocked' || state === 'cancelled');
  const restart = [...chosen, ...swept].map(({ id }) => id);
  if (from !== undefined && chosen.length === 0 && !swept.some(({ id }) => from.includes(id)))
    return nothing(undefined);
  const { events, outcome } = withConsequences(snapshot, [
    { event: { type: 'retried', actor, from: restart } },
    ...restart.map((step): DecidedEvent => ({ step, event: { type: 'reset' } })),
  ]);
  return { events, result: outcome };
}

export function decideUndo(snapshot: RunSnapshot, actor: string): Decision<RunState | undefined> {
  if (!mayHappenToRun(snapshot.run.state, 'undo-requested')) return nothing(undefined);
  return { events: [{ event: { type: 'undo-requested', actor } }], result: 'undoing' };
}

/** The run that took this one back has succeeded: nothing of it is there any more. */
export function decideUndone(snapshot: RunSnapshot): Decision<RunState | undefined> {
  if (!mayHappenToRun(snapshot.run.state, 'run-undone')) return nothing(undefined);
  const steps = [...snapshot.steps.keys()].map((step): DecidedEvent => ({ step, event: { type: 'undone' } }));
  return { events: [...steps, { event: { type: 'run-undone' } }], result: 'undone' };
}

export function decideLeave(snapshot: RunSnapshot, actor: string): Decision<RunState | undefined> {
  if (!isSettled(snapshot.run.state) && snapshot.run.state !== 'undoing') return nothing(undefined);
  if (!mayHappenToRun(snapshot.run.state, 'run-left')) return nothing(undefined);
  return { events: [{ event: { type: 'run-left', actor } }], result: 'left' };
}
