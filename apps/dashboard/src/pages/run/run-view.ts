import type { Dto } from '../../api/types.js';

/** One entry of the run log as the stream sends it (docs/reference/openapi.json, RunEntryDto). */
export interface Entry {
  seq: number;
  at: number;
  step?: string;
  event: { type: string; [key: string]: unknown };
}

/** A line of the log, as it is shown. `id` counts all lines. */
export interface Line {
  id: number;
  at: number;
  step: string;
  stream: 'stdout' | 'stderr' | 'note';
  text: string;
}

export type RunStep = Dto<'RunStepDto'>;
type StepState = RunStep['state'];

/** Lines that are kept: what came before is in the bundle. */
export const MOST_LINES = 100_000;

/** States after each event of a step; the server's own table is the authority (domain/run/transitions.ts). */
const STATE_AFTER: Readonly<Record<string, StepState>> = {
  unblocked: 'ready',
  started: 'running',
  progressed: 'running',
  waited: 'running',
  'handed-over': 'ready',
  'retry-scheduled': 'retrying',
  succeeded: 'succeeded',
  failed: 'failed',
  blocked: 'blocked',
  cancelled: 'cancelled',
  quarantined: 'quarantined',
  reset: 'waiting',
  undone: 'undone',
};

/** The step after an event; events that say nothing about it leave it as it is. */
export function applyEvent(step: RunStep, { event, at }: Entry): RunStep {
  const state = STATE_AFTER[event.type];
  if (state === undefined) return step;
  const { percent: _percent, text: _text, waitingFor: _waiting, failure, problem, blockedBy, ...rest } = step;
  switch (event.type) {
    case 'started':
      return { ...rest, state, attempt: Number(event['attempt'] ?? step.attempt), startedAt: step.startedAt ?? at };
    case 'progressed':
      return { ...rest, state, percent: Number(event['percent']), text: String(event['text'] ?? '') };
    case 'waited':
      return { ...step, state, waitingFor: String(event['what'] ?? '') };
    case 'succeeded':
      return { ...rest, state, percent: 100, finishedAt: at };
    case 'failed':
      return {
        ...rest,
        state,
        finishedAt: at,
        failure: event['failure'] as Record<string, unknown>,
        ...(event['problem'] ? { problem: event['problem'] as Record<string, unknown> } : {}),
      };
    case 'retry-scheduled':
      return { ...rest, state, failure: event['failure'] as Record<string, unknown> };
    case 'blocked':
      return { ...rest, state, blockedBy: String(event['by'] ?? '') };
    case 'unblocked':
    case 'handed-over':
    case 'reset':
      return { ...rest, state };
    default:
      return {
        ...rest,
        state,
        ...(failure ? { failure } : {}),
        ...(problem ? { problem } : {}),
        ...(blockedBy ? { blockedBy } : {}),
      };
  }
}

/** Share of a run that is done, 0…100 whole, weighted by what each step is expected to take. */
export function percentOf(steps: readonly RunStep[], now: number): number {
  const total = steps.reduce((sum, step) => sum + step.weightMs, 0);
  if (total === 0 || steps.every((step) => step.state === 'succeeded')) return 100;
  const done = steps.reduce((sum, step) => sum + step.weightMs * shareOf(step, now), 0);
  return Math.min(99, Math.floor((100 * done) / total));
}

/** A step that says nothing of itself counts by its time, up to nine tenths. */
function shareOf(step: RunStep, now: number): number {
  if (step.state === 'succeeded') return 1;
  if (step.state !== 'running') return 0;
  if (step.percent !== undefined) return step.percent / 100;
  return step.weightMs === 0 ? 0 : Math.min(0.9, Math.max(0, now - (step.startedAt ?? now)) / step.weightMs);
}

/** The log as it grows: every entry once, in order, the newest {@link MOST_LINES} lines. */
export class LogLines {
  #lines: Line[] = [];
  #count = 0;
  #lastSeq = 0;
  #version = 0;
  readonly #readers = new Set<() => void>();

  /** Whoever shows the lines hears when there are more, and nobody else is drawn anew for them. */
  readonly subscribe = (reader: () => void): (() => void) => {
    this.#readers.add(reader);
    return () => void this.#readers.delete(reader);
  };

  /** Changes with every {@link publish}. */
  readonly version = (): number => this.#version;

  /** Tells the readers what was added; once per frame is enough. */
  publish(): void {
    this.#version += 1;
    for (const reader of this.#readers) reader();
  }

  get lines(): readonly Line[] {
    return this.#lines;
  }

  /** Lines that were dropped at the front. */
  get dropped(): number {
    return this.#count - this.#lines.length;
  }

  /** Sequence number of the newest entry that was seen. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** False when the entry was seen before: a stream that was taken up again may repeat. */
  add({ seq, step, event }: Entry): boolean {
    if (seq <= this.#lastSeq) return false;
    this.#lastSeq = seq;
    if (event.type !== 'log' || step === undefined) return true;
    for (const line of event['lines'] as { at: number; stream: Line['stream']; text: string }[]) {
      this.#count += 1;
      this.#lines.push({ id: this.#count, at: line.at, step, stream: line.stream, text: line.text });
    }
    // Dropped in portions: one by one would move all the others every time.
    if (this.#lines.length > MOST_LINES + 5_000) this.#lines = this.#lines.slice(-MOST_LINES);
    return true;
  }
}

/** What of a log is shown, of one step or of all, with a text in it or any: new lines are looked at once, not the whole log again. */
export class ShownLines {
  #of: LogLines | undefined;
  #step: string | undefined;
  #search = '';
  #looked = 0;
  #lines: Line[] = [];

  /** `search` in lower case; '' is any. The array is the same as before, grown, while the question is. */
  of(log: LogLines, step: string | undefined, search: string): readonly Line[] {
    if (step === undefined && search === '') return log.lines;
    if (log !== this.#of || step !== this.#step || search !== this.#search) {
      this.#of = log;
      this.#step = step;
      this.#search = search;
      this.#looked = 0;
      this.#lines = [];
    }
    const { dropped, lines } = log;
    if ((this.#lines[0]?.id ?? dropped + 1) <= dropped) this.#lines = this.#lines.filter(({ id }) => id > dropped);
    for (let at = Math.max(0, this.#looked - dropped); at < lines.length; at += 1) {
      const line = lines[at] as Line;
      if (step !== undefined && line.step !== step) continue;
      if (search === '' || line.text.toLowerCase().includes(search)) this.#lines.push(line);
    }
    this.#looked = dropped + lines.length;
    return this.#lines;
  }
}
