import type { RunId } from '../../domain/ids.js';
import type { RunStore, StoredRun } from './run-store.port.js';

/** Tells everybody who wants to know of every run whose state moved; however many they are, a run is read once for all of them. */
export class WatchRuns {
  readonly #listeners = new Set<(run: StoredRun) => void>();
  /** Runs that are being read; true: it has moved since. */
  readonly #reading = new Map<RunId, boolean>();
  #stop: (() => void) | undefined;

  constructor(private readonly store: Pick<RunStore, 'head' | 'watchAll'>) {}

  /** Calls back until stopped. A change may be told twice, and not at all while the store is away: whoever comes asks once. */
  watch(changed: (run: StoredRun) => void): () => void {
    this.#listeners.add(changed);
    this.#stop ??= this.store.watchAll((run, what) => {
      if (what === 'run') void this.#read(run);
    });
    return () => {
      this.#listeners.delete(changed);
      if (this.#listeners.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  async #read(run: RunId): Promise<void> {
    if (this.#reading.has(run)) {
      this.#reading.set(run, true);
      return;
    }
    do {
      this.#reading.set(run, false);
      const head = await this.store.head(run).catch(() => undefined);
      if (head !== undefined) for (const listener of [...this.#listeners]) listener(head);
    } while (this.#reading.get(run) === true);
    this.#reading.delete(run);
  }
}
