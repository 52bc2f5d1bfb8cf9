import type { RunId } from '../../domain/ids.js';
import type { LogEntry } from '../../domain/run/run.js';
import type { Clock } from '../clock.port.js';
import { noSuchRun } from './decide-on-run.js';
import type { RunStore } from './run-store.port.js';
import { RunTail } from './run-tail.js';

/**
 * The log of a run as it grows, from any sequence number on, without gaps and without repeats, in portions. Ends when the run is
 * settled and everything was handed out, or with the signal. However many follow a run, its log is read once; whoever is far
 * behind, or slow, reads for himself until he has caught up. Refuses with `not_found`.
 */
export class FollowRun {
  readonly #tails = new Map<RunId, { readonly tail: RunTail; readers: number }>();

  constructor(
    private readonly store: Pick<RunStore, 'head' | 'entries' | 'watch'>,
    private readonly clock: Pick<Clock, 'sleep'>,
  ) {}

  async *execute(run: RunId, afterSeq: number, signal: AbortSignal): AsyncGenerator<readonly LogEntry[], void, void> {
    if ((await this.store.head(run)) === undefined) throw noSuchRun(run);
    const shared = this.#join(run);
    try {
      yield* shared.tail.read(afterSeq, signal);
    } finally {
      shared.readers -= 1;
      if (shared.readers === 0) {
        shared.tail.close();
        if (this.#tails.get(run) === shared) this.#tails.delete(run);
      }
    }
  }

  /** Logs that are being read now. */
  get open(): number {
    return this.#tails.size;
  }

  #join(run: RunId): { readonly tail: RunTail; readers: number } {
    const known = this.#tails.get(run);
    const shared = known && !known.tail.broken ? known : { tail: new RunTail(run, this.store, this.clock), readers: 0 };
    shared.readers += 1;
    this.#tails.set(run, shared);
    return shared;
  }
}
