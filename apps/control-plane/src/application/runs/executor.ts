import type { Instant, RunId, StepId } from '../../domain/ids.js';
import type { AnyStep, StepKind, StepOf, StepOutput } from '../../domain/plan/steps.js';
import type { LogLine } from '../../domain/run/run.js';
import type { BegunGuest } from '../../domain/stack/stack.js';
import type { RecordChange } from '../stacks/stack-store.port.js';

/** Why a running step is told to stop. */
export const INTERRUPTIONS = ['cancelled', 'handover', 'lease-lost', 'deadline'] as const;
export type Interruption = (typeof INTERRUPTIONS)[number];

/**
 * The reason of `StepContext.signal`, and what a wait should throw when the signal aborts. `cancelled`: the run is being
 * cancelled, stop the outside task; `handover`: this worker shuts down, leave the outside task running, another worker
 * adopts it; `lease-lost`: another worker has the step already, touch nothing; `deadline`: the step's time is over.
 */
export class StepInterrupted extends Error {
  override readonly name = 'StepInterrupted';
  constructor(readonly why: Interruption) {
    super(`step interrupted: ${why}`);
  }
}

/** What a step gets while it runs. */
export interface StepContext {
  readonly run: RunId;
  readonly stepId: StepId;
  /** Who asked for the run. */
  readonly actor: string;
  readonly site: string;
  /** 1 for the first start; grows with every start, also after a hand-over. */
  readonly attempt: number;
  /** Aborts with a `StepInterrupted`; every wait must hear it. */
  readonly signal: AbortSignal;
  /** On the clock of `now`; waiting for limits does not count. */
  readonly deadline: Instant;
  readonly now: () => Instant;
  /** Throws `StepInterrupted('lease-lost')` when another worker holds the step. To be called before each outside effect. */
  readonly fence: () => Promise<void>;
  /** Already redacted. Buffered and written in order; long lines and floods are cut, and the log says so. */
  readonly log: (lines: readonly LogLine[]) => void;
  readonly progress: (percent: number, text: string) => void;
  /** Shown as "waiting for …" until the next call. */
  readonly waitingFor: (what: string) => void;
  /** Stores the id of an outside task before it is waited for; resolved when it is safe in the database. */
  readonly taskStarted: (task: string) => Promise<void>;
  /** Stores that this step is about to ask for a guest, so that no end of the run forgets it; resolved when it is safe in the database. */
  readonly begun: (guest: BegunGuest) => Promise<void>;
  /**
   * Outside task that an earlier holder started and that has no recorded outcome. Kept over crashes and hand-overs; a
   * recorded failure clears it, except when `failure.details.task` names it (the task may still be running).
   */
  readonly adopt?: string;
}

export interface StepResult<K extends StepKind> {
  readonly output: StepOutput[K];
  /** Written in the same transaction as the step's success. */
  readonly changes: readonly RecordChange[];
}

/**
 * One executor per kind. A `Refusal` fails the step with its problem; a `WorldFailure` is retried by its class until the
 * deadline; a `StepInterrupted` ends it as its reason says; anything else fails it with code `bug`.
 */
export type Executors = {
  readonly [K in StepKind]: (step: StepOf<K>, context: StepContext) => Promise<StepResult<K>>;
};

/**
 * Stops the outside task of a cancelled step, also one whose worker died. Gone or ended already is success. Called
 * with a context whose signal is fresh and whose deadline is short.
 */
export type AbortOutsideTask = (
  step: AnyStep,
  task: string,
  context: Pick<StepContext, 'signal' | 'deadline' | 'now' | 'fence' | 'site'>,
) => Promise<void>;
