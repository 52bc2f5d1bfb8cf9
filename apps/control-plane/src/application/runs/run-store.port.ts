import type { Instant, Milliseconds, RunId, StackId, StepId } from '../../domain/ids.js';
import type { Plan, PlannedStep } from '../../domain/plan/plan.js';
import type { StepRecord } from '../../domain/run/derive.js';
import type { LogEntry, LogLine, Run, RunEvent, RunState, StepEvent } from '../../domain/run/run.js';
import type { BegunGuest } from '../../domain/stack/stack.js';
import type { RecordChange } from '../stacks/stack-store.port.js';

/** A step of a run as it is now: what its log says, and what only matters while it runs. */
export interface RunStep extends StepRecord {
  readonly after: readonly StepId[];
  readonly weightMs: Milliseconds;
  readonly deadlineMs: Milliseconds;
  /** When the holder's lease ends, on the store's clock. */
  readonly leaseUntil?: Instant;
  /** See StepContext.taskStarted. */
  readonly outsideTask?: string;
}

/** A run, its steps in the plan's order, and the time on the store's clock: the one clock of leases, deadlines and retries. */
export interface RunSnapshot {
  readonly run: StoredRun;
  readonly steps: ReadonlyMap<StepId, RunStep>;
  readonly now: Instant;
}

export interface StoredRun extends Run {
  readonly site: string;
  readonly stackName: string;
  readonly operation: Plan['operation'];
  /** Where who started it sat; absent for runs that the product started itself. */
  readonly address?: string;
  /** The run that this one takes back. */
  readonly undoes?: RunId;
  /** Sequence number of the last entry of its log. */
  readonly lastSeq: number;
}

/** What somebody decided about a run, to be written as one. */
export interface Decision<T> {
  /** In order; each must be legal after the ones before it. */
  readonly events: readonly DecidedEvent[];
  /** Lease of a step that a `started` event gives away. */
  readonly lease?: { readonly step: StepId; readonly ms: Milliseconds };
  /** Steps whose outside task has an outcome now. */
  readonly forgetTask?: readonly StepId[];
  readonly changes?: readonly RecordChange[];
  readonly result: T;
}

export type DecidedEvent =
  | { readonly step: StepId; readonly event: StepEvent }
  | { readonly step?: undefined; readonly event: RunEvent };

/** A doorbell for one step. `epoch` is the one before the claim it asks for: it tells two rings of different turns apart. */
export interface Ring {
  readonly run: RunId;
  readonly step: StepId;
  readonly epoch: number;
}

/** A claimed step: who holds it, at which epoch. */
export interface Lease {
  readonly run: RunId;
  readonly step: StepId;
  readonly epoch: number;
  readonly holder: string;
}

export interface LeaseState {
  /** Still the holder; when asked with `leaseMs`, for so long from now. */
  readonly held: boolean;
  /** The run is being cancelled. */
  readonly cancelling: boolean;
}

export interface RunFilter {
  readonly stack?: StackId;
  readonly site?: string;
  readonly states?: readonly RunState[];
  /** Exactly this name. */
  readonly actor?: string;
  /** Runs created before this one. */
  readonly before?: RunId;
  /** Default 50. */
  readonly limit?: number;
}

export interface Due {
  /** Running steps whose lease ran out. */
  readonly expired: readonly Ring[];
  /** Steps that may be claimed now. */
  readonly ready: readonly Ring[];
  /** Runs being undone whose undoing run has succeeded. */
  readonly undone: readonly RunId[];
}

/**
 * Runs, their log and the steps' leases. The log is the truth and only grows; statuses are kept beside it, written in the
 * same transaction. Everything that changes a state goes through `commit`, so that one table of transitions rules.
 * Throws `WorldFailure` `database.unavailable` (retryable `now`) when the store cannot be reached.
 */
export interface RunStore {
  /**
   * Starts a run of a stored plan: what the plan wants is wanted from here on, its reservations become permanent, its
   * first steps ready; all of it or nothing. Refuses with `conflict` when the stack's name is taken, with `stack.busy`
   * while another run of the stack is under way (a run being undone only lets the run in that `undoes` it).
   */
  create(
    plan: Plan,
    run: { readonly id: RunId; readonly actor: string; readonly address?: string; readonly undoes?: RunId },
  ): Promise<{ readonly run: StoredRun; readonly rings: readonly Ring[] }>;

  get(run: RunId): Promise<RunSnapshot | undefined>;
  /** The run without its steps: cheap, for those who look often. */
  head(run: RunId): Promise<StoredRun | undefined>;
  /** Newest first. */
  list(filter: RunFilter): Promise<readonly StoredRun[]>;
  latestOf(stack: StackId): Promise<StoredRun | undefined>;
  plannedStep(run: RunId, step: StepId): Promise<PlannedStep | undefined>;

  /**
   * Reads the run with its row locked, lets `decide` answer, writes the answer: events (sequence order is commit order),
   * statuses, leases, changes of the record, all or nothing. `decide` is pure and may be called again. Undefined when
   * there is no such run. Throws `IllegalTransition`.
   */
  commit<T>(run: RunId, decide: (snapshot: RunSnapshot) => Decision<T>): Promise<T | undefined>;

  /** Extends the lease. `held: false` when the step ended or another holder has it. */
  heartbeat(lease: Lease, leaseMs: Milliseconds): Promise<LeaseState>;
  /** Log lines and progress of a held step, one batch; false (nothing written) when it is not held any more. */
  append(
    lease: Lease,
    entries: readonly (
      | Extract<StepEvent, { type: 'progressed' | 'waited' }>
      | { type: 'log'; lines: readonly LogLine[] }
    )[],
  ): Promise<boolean>;
  /** Remembers the outside task of a held step; false when it is not held any more. */
  saveTask(lease: Lease, task: string): Promise<boolean>;
  /**
   * Remembers that a held step is about to ask for a guest; ids add up. False (nothing written) when it is not held any
   * more. What is remembered goes with `guest-put` of that guest, or with `guest-cleared`.
   */
  saveBegun(lease: Lease, guest: BegunGuest): Promise<boolean>;

  /**
   * What needs a hand. Undefined when another sweep is under way.
   */
  due(limit: number): Promise<Due | undefined>;

  /** Entries after a sequence number, in order. */
  entries(run: RunId, afterSeq: number, limit: number): Promise<readonly LogEntry[]>;
  /**
   * Calls back soon after the run has changed, whichever process changed it: `run` when its own state moved, `log` when
   * only its log grew. Calls may be lost or doubled. Returns how to stop it.
   */
  watch(run: RunId, changed: (what: 'run' | 'log') => void): () => void;
  /** As `watch`, of all runs. */
  watchAll(changed: (run: RunId, what: 'run' | 'log') => void): () => void;
}
