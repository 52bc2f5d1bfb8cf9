import type { Json, Milliseconds } from '../../domain/ids.js';
import type { PlannedStep } from '../../domain/plan/plan.js';
import { type AnyStep, STEP_TRAITS, type StepKind } from '../../domain/plan/steps.js';
import { type Problem, Refusal, WorldFailure } from '../../domain/problem.js';
import type { RetryPolicy } from '../../domain/run/retry-policy.js';
import type { FailureData } from '../../domain/run/run.js';
import type { Clock } from '../clock.port.js';
import type { RecordChange, StackStore } from '../stacks/stack-store.port.js';
import type { AdvanceRun } from './advance-run.js';
import type { EngineLog } from './engine-log.port.js';
import {
  type AbortOutsideTask,
  type Executors,
  type StepContext,
  StepInterrupted,
  type StepResult,
} from './executor.js';
import { LeaseKeeper } from './lease-keeper.js';
import type { HeldLimits, Limits } from './limits.port.js';
import {
  type Claim,
  decideCancelled,
  decideClaim,
  decideFailure,
  decideHandOver,
  decideSucceed,
  type Settled,
} from './run-decisions.js';
import type { Decision, Ring, RunSnapshot, RunStore } from './run-store.port.js';
import { type JournalSettings, StepJournal } from './step-journal.js';
import { type LimitSizes, limitsOf, startedGuest } from './step-limits.js';

export interface ExecuteStepSettings {
  /** Unique to this worker process: `host:pid:start`. */
  readonly holder: string;
  readonly leaseMs: Milliseconds;
  /** Starts without an end before a step is quarantined. */
  readonly maxStarts: number;
  /** How long an interrupted executor may take to come back before it is left alone. */
  readonly graceMs: Milliseconds;
  readonly retryPolicy: RetryPolicy;
  readonly limitSizes: LimitSizes;
  readonly journal: JournalSettings;
}

export interface ExecuteStepWorld {
  readonly store: RunStore;
  readonly stacks: Pick<StackStore, 'findGuest'>;
  readonly limits: Limits;
  readonly executors: Executors;
  readonly abortOutsideTask?: AbortOutsideTask;
  readonly advance: AdvanceRun;
  readonly clock: Clock;
  readonly log: EngineLog;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
}

/** How a step ended, before it is written. */
type Ending =
  | { readonly type: 'succeeded'; readonly output: Json; readonly changes: readonly RecordChange[] }
  | { readonly type: 'failed'; readonly failure: FailureData; readonly problem?: Problem }
  | { readonly type: 'cancelled' }
  | { readonly type: 'handed-over' }
  | { readonly type: 'lost' };

/** The parts of one claimed step. */
interface Held {
  readonly claim: Claim;
  readonly planned: PlannedStep;
  readonly keeper: LeaseKeeper;
  readonly journal: StepJournal;
  /** Outside task without an outcome. */
  task: string | undefined;
  deadline: number;
}

/**
 * Carries one step out: claim, limits, executor, and the end into the log. Any number of workers may be told of the same
 * step; one of them gets it.
 */
export class ExecuteStep {
  constructor(
    private readonly world: ExecuteStepWorld,
    private readonly settings: ExecuteStepSettings,
  ) {}

  /** `shutdown` hands the step over to another worker. Never rejects because of the step itself. */
  async execute(ring: Ring, shutdown: AbortSignal): Promise<void> {
    if (shutdown.aborted) return;
    const { store, advance } = this.world;
    const { holder } = this.settings;
    const answer = await store.commit(ring.run, (run) => decideClaim(run, ring.step, holder, this.settings));
    if (answer?.outcome !== undefined) await advance.after(answer.outcome);
    if (answer?.claim !== undefined) await this.hold(answer.claim, shutdown);
  }

  private async hold(claim: Claim, shutdown: AbortSignal): Promise<void> {
    const { store, clock, log } = this.world;
    const { lease } = claim;
    const journal = new StepJournal(store, lease, log, this.settings.journal);
    const planned = await store.plannedStep(lease.run, lease.step);
    if (planned === undefined) throw new Error(`step ${lease.step} of ${lease.run} is not stored`);
    const { cancellable } = STEP_TRAITS[planned.step.kind];
    const keeper = new LeaseKeeper(store, lease, { leaseMs: this.settings.leaseMs, cancellable, clock, log });
    const held: Held = {
      claim,
      planned,
      keeper,
      journal,
      task: claim.outsideTask,
      deadline: clock.now() + claim.remainingMs,
    };
    const handOver = (): void => keeper.interrupt('handover');
    shutdown.addEventListener('abort', handOver, { once: true });
    if (shutdown.aborted) handOver();
    keeper.start();
    try {
      // What must not be stopped in the middle is carried to its end, also by who takes over while the run is cancelled.
      const ending = claim.cancelling && cancellable ? await this.stopLeftover(held) : await this.perform(held);
      keeper.stop();
      await journal.close();
      await this.settle(held, ending);
    } finally {
      keeper.stop();
      shutdown.removeEventListener('abort', handOver);
    }
  }

  private async perform(held: Held): Promise<Ending> {
    const { keeper, journal, planned } = held;
    let limits: HeldLimits | undefined;
    try {
      limits = await this.takeLimits(held);
      return await this.runExecutor(held);
    } catch (error) {
      return await this.endingOf(held, error);
    } finally {
      await limits?.release().catch((err: unknown) => {
        this.world.log.warn(
          { step: planned.id, err, wait: journal.lastWait, why: keeper.interruption() },
          'limits not released',
        );
      });
    }
  }

  private async takeLimits({ planned, keeper, journal, claim }: Held): Promise<HeldLimits | undefined> {
    const { step } = planned;
    const { site } = claim;
    const guest = startedGuest(step);
    const node = guest === undefined ? undefined : (await this.world.stacks.findGuest(site, guest))?.node;
    const limits = limitsOf(step, node === undefined ? { site } : { site, node }, this.settings.limitSizes);
    if (limits.length === 0) return undefined;
    const held = await this.world.limits.acquire(limits, claim.lease, {
      signal: keeper.signal,
      leaseMs: this.settings.leaseMs,
      waitingFor: (what) => journal.waitingFor(what),
    });
    keeper.guard(held);
    return held;
  }

  private async runExecutor(held: Held): Promise<Ending> {
    const { claim, planned, keeper } = held;
    // Only now: waiting for limits is not the step's fault.
    held.deadline = this.world.clock.now() + claim.remainingMs;
    const timer = setTimeout(() => keeper.interrupt('deadline'), Math.min(claim.remainingMs, 2 ** 31 - 1));
    try {
      const result = this.call(planned.step, this.contextOf(held));
      const { output, changes } = await this.orAbandon(result, keeper.signal);
      return { type: 'succeeded', output: output as unknown as Json, changes };
    } finally {
      clearTimeout(timer);
    }
  }

  private async call(step: AnyStep, context: StepContext): Promise<StepResult<StepKind>> {
    const executor = this.world.executors[step.kind] as (
      step: AnyStep,
      context: StepContext,
    ) => Promise<StepResult<StepKind>>;
    return await executor(step, context);
  }

  /** An executor that does not come back after its signal is left alone; the fence keeps it from doing harm. */
  private async orAbandon<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    let abandon: () => void = () => {};
    const abandoned = new Promise<never>((_resolve, reject) => {
      abandon = () => {
        const why: unknown = signal.reason;
        timer = setTimeout(() => reject(why as Error), this.settings.graceMs);
      };
    });
    signal.addEventListener('abort', abandon, { once: true });
    if (signal.aborted) abandon();
    try {
      return await Promise.race([result, abandoned]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abandon);
      result.catch(() => {});
    }
  }

  private contextOf(held: Held): StepContext {
    const { claim, keeper, journal, planned } = held;
    const { lease, site, actor } = claim;
    return {
      run: lease.run,
      stepId: planned.id,
      actor,
      site,
      attempt: claim.attempt,
      signal: keeper.signal,
      deadline: held.deadline,
      now: () => this.world.clock.now(),
      fence: () => keeper.fence(),
      log: (lines) => journal.log(lines),
      progress: (percent, text) => journal.report(percent, text),
      waitingFor: (what) => journal.waitingFor(what),
      taskStarted: async (task) => {
        stillHeld(keeper, await this.world.store.saveTask(lease, task));
        held.task = task;
      },
      begun: async (guest) => stillHeld(keeper, await this.world.store.saveBegun(lease, guest)),
      ...(claim.outsideTask === undefined ? {} : { adopt: claim.outsideTask }),
    };
  }

  private async endingOf(held: Held, error: unknown): Promise<Ending> {
    const why = held.keeper.interruption() ?? (error instanceof StepInterrupted ? error.why : undefined);
    switch (why) {
      case 'lease-lost':
        return { type: 'lost' };
      case 'handover':
        return { type: 'handed-over' };
      case 'cancelled':
        return await this.stopOutsideTask(held);
      case 'deadline':
        return { type: 'failed', failure: deadlineFailure(held) };
      case undefined:
        return this.failureOf(held, error);
      default:
        return why satisfies never;
    }
  }

  private failureOf({ planned, claim }: Held, error: unknown): Ending {
    if (error instanceof Refusal) {
      const { problem } = error;
      const failure = {
        code: problem.code,
        retryable: 'never' as const,
        message: problem.message,
        hint: problem.remedy,
      };
      return { type: 'failed', failure, problem };
    }
    if (error instanceof WorldFailure) return { type: 'failed', failure: error.failure };
    this.world.log.error({ run: claim.lease.run, step: planned.id, err: error }, 'executor threw something unexpected');
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const hint = 'This is a fault of the product. Please report it with the run log.';
    return { type: 'failed', failure: { code: 'bug', retryable: 'never', message, hint } };
  }

  /** A step that is only claimed to tidy up, because its holder died while the run was being cancelled. */
  private async stopLeftover(held: Held): Promise<Ending> {
    try {
      return await this.stopOutsideTask(held);
    } catch (error) {
      return this.failureOf(held, error);
    }
  }

  private async stopOutsideTask(held: Held): Promise<Ending> {
    const { abortOutsideTask, clock } = this.world;
    if (held.task === undefined || abortOutsideTask === undefined) return { type: 'cancelled' };
    const { graceMs } = this.settings;
    const context = {
      signal: AbortSignal.timeout(graceMs),
      deadline: clock.now() + graceMs,
      now: () => clock.now(),
      fence: () => held.keeper.fence(),
      site: held.claim.site,
    };
    try {
      await abortOutsideTask(held.planned.step, held.task, context);
      return { type: 'cancelled' };
    } catch (error) {
      if (error instanceof StepInterrupted && error.why === 'lease-lost') return { type: 'lost' };
      const cause = error instanceof Error ? error.message : String(error);
      const message = `The outside task ${held.task} could not be stopped: ${cause}`;
      const hint = 'Look at the task on the substrate; it may still be running.';
      return { type: 'failed', failure: { code: 'step.not_stopped', retryable: 'never', message, hint } };
    }
  }

  private async settle(held: Held, ending: Ending): Promise<void> {
    const { claim, planned } = held;
    const { lease } = claim;
    const facts = { run: lease.run, step: planned.id, epoch: lease.epoch };
    if (ending.type === 'lost') {
      this.world.log.warn(facts, 'lease lost, step left to its new holder');
      return;
    }
    const settled = await this.persist(held, (snapshot) => this.decide(snapshot, held, ending));
    if (settled === undefined) return;
    if (settled.lost) this.world.log.warn(facts, 'lease lost before the end could be written');
    else await this.world.advance.after(settled.outcome);
  }

  private decide(snapshot: RunSnapshot, held: Held, ending: Exclude<Ending, { type: 'lost' }>): Decision<Settled> {
    const { lease } = held.claim;
    switch (ending.type) {
      case 'succeeded':
        return decideSucceed(snapshot, lease, ending.output, ending.changes);
      case 'failed':
        return decideFailure(snapshot, lease, ending.failure, {
          jitter: this.world.random(),
          policy: this.settings.retryPolicy,
          remainingMs: held.deadline - this.world.clock.now(),
          ...(ending.problem === undefined ? {} : { problem: ending.problem }),
        });
      case 'cancelled':
        return decideCancelled(snapshot, lease);
      case 'handed-over':
        return decideHandOver(snapshot, lease, 'worker stops');
      default:
        return ending satisfies never;
    }
  }

  /** The end of a step is worth some patience; when the database stays away, the sweep lets somebody do the step again. */
  private async persist(
    held: Held,
    decide: (snapshot: RunSnapshot) => Decision<Settled>,
  ): Promise<Settled | undefined> {
    const { store, clock, log } = this.world;
    const { run, step } = held.claim.lease;
    const until = clock.now() + this.settings.leaseMs;
    for (;;) {
      try {
        return await store.commit(run, decide);
      } catch (err) {
        if (!(err instanceof WorldFailure)) {
          log.error({ run, step, err }, 'end of step refused by the store');
          return await store.commit(run, (snapshot) => this.decide(snapshot, held, refusedByStore(err)));
        }
        if (clock.now() >= until) {
          log.error({ run, step, err }, 'end of step not written, left to the sweep');
          return undefined;
        }
        await clock.sleep(250);
      }
    }
  }
}

function stillHeld(keeper: LeaseKeeper, written: boolean): void {
  if (written) return;
  keeper.interrupt('lease-lost');
  throw new StepInterrupted('lease-lost');
}

const refusedByStore = (err: unknown): Exclude<Ending, { type: 'lost' }> => ({
  type: 'failed',
  failure: {
    code: 'bug',
    retryable: 'never',
    message: `The outcome could not be recorded: ${err instanceof Error ? err.message : String(err)}`,
  },
});

const deadlineFailure = ({ planned, journal }: Held): FailureData => ({
  code: 'step.deadline',
  retryable: 'never',
  message:
    journal.lastWait === undefined
      ? `Not done within ${Math.round(planned.deadlineMs / 1000)} s.`
      : `Not done within ${Math.round(planned.deadlineMs / 1000)} s; last waited for ${journal.lastWait}.`,
  hint: 'Retry from this step when the cause is gone.',
});
