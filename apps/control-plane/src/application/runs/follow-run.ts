import type { RunId } from '../../domain/ids.js';
import type { LogEntry } from '../../domain/run/run.js';
import { isSettled } from '../../domain/run/transitions.js';
import type { Clock } from '../clock.port.js';
import { noSuchRun } from './decide-on-run.js';
import type { RunStore } from './run-store.port.js';

const PAGE = 500;
/** A call of the store's watcher may get lost; then the log is looked at after so long. */
const LOOK_AGAIN_MS = 2_000;

/**
 * The log of a run as it grows, from any sequence number on, without gaps and without repeats. Ends when the run is
 * settled and everything was handed out (`forever`: only with the signal, for screens that wait for a retry). Refuses
 * with `not_found`.
 */
export class FollowRun {
  constructor(
    private readonly store: Pick<RunStore, 'get' | 'entries' | 'watch'>,
    private readonly clock: Pick<Clock, 'sleep'>,
  ) {}

  async *execute(
    run: RunId,
    afterSeq: number,
    signal: AbortSignal,
    options: { readonly forever?: boolean } = {},
  ): AsyncGenerator<LogEntry, void, void> {
    if ((await this.store.get(run)) === undefined) throw noSuchRun(run);
    let seq = afterSeq;
    let wake: AbortController | undefined;
    let rung = false;
    const look = (): void => {
      rung = true;
      wake?.abort();
    };
    const stopWatching = this.store.watch(run, look);
    signal.addEventListener('abort', look);
    try {
      while (!signal.aborted) {
        rung = false;
        // Asked before reading: what is settled now has written all its entries.
        const settled = isSettled((await this.store.get(run))?.run.state ?? 'left');
        const entries = await this.store.entries(run, seq, PAGE);
        for (const entry of entries) {
          if (signal.aborted) return;
          seq = entry.seq;
          yield entry;
        }
        if (entries.length === PAGE || rung) continue;
        if (settled && options.forever !== true) return;
        wake = new AbortController();
        await this.clock.sleep(LOOK_AGAIN_MS, wake.signal).catch(() => {});
      }
    } finally {
      stopWatching();
      signal.removeEventListener('abort', look);
    }
  }
}
