import type { RunId } from '../../domain/ids.js';
import type { LogEntry } from '../../domain/run/run.js';
import { isSettled } from '../../domain/run/transitions.js';
import type { Clock } from '../clock.port.js';
import { noSuchRun } from './decide-on-run.js';
import type { RunStore } from './run-store.port.js';

/** Entries of one read; with the journal's bound on an entry at most some 13 MB. */
const PAGE = 200;
/** A call of the store's watcher may get lost; then the log is looked at after so long. */
const LOOK_AGAIN_MS = 2_000;
/** A flood is read in portions: looks that find something are at least so far apart. The first after a silence is at once. */
const PACE_MS = 15;
/** Characters of the newest entries that are kept for those who keep up; whoever is further behind reads the store. */
const KEPT_CHARACTERS = 2_000_000;

type Store = Pick<RunStore, 'head' | 'entries' | 'watch'>;

/**
 * The end of one run's log, read once for everybody in this process who follows it. Readers come and take what they have not had:
 * nothing waits for them and nothing is kept for one of them, so a slow one costs nobody anything.
 */
export class RunTail {
  /** Portions of the log without a gap between them, the newest last, as they were read. */
  readonly #kept: (readonly LogEntry[])[] = [];
  #characters = 0;
  #last: number | undefined;
  #ended = false;
  #failure: { readonly reason: unknown } | undefined;
  /** Moves with everything that makes an answer that is under way too old to tell the end. */
  #turn = 0;
  #rung = false;
  #wakeLook: AbortController | undefined;
  readonly #waiting = new Set<() => void>();
  readonly #stop = new AbortController();

  constructor(
    private readonly run: RunId,
    private readonly store: Store,
    private readonly clock: Pick<Clock, 'sleep'>,
  ) {
    const stopWatching = this.store.watch(run, () => this.#ring());
    this.#stop.signal.addEventListener('abort', () => {
      stopWatching();
      this.#ring();
    });
    this.#lookOn().catch((reason: unknown) => {
      this.#failure = { reason };
      this.#wake();
    });
  }

  /** Whether it can still tell anything; else a new one must be made. */
  get broken(): boolean {
    return this.#failure !== undefined;
  }

  close(): void {
    this.#stop.abort();
  }

  /** Everything after a sequence number, in portions, as fast as it is taken, until the run is settled. Throws what the store threw. */
  async *read(afterSeq: number, signal: AbortSignal): AsyncGenerator<readonly LogEntry[], void, void> {
    // What was settled before may have been opened again by now.
    this.#turn += 1;
    this.#ended = false;
    this.#ring();
    for (let seq = afterSeq; !signal.aborted; ) {
      if (this.#failure !== undefined) throw this.#failure.reason;
      const portion = this.#after(seq) ?? (await this.#fromStore(seq));
      if (portion.length > 0) {
        seq = portion.at(-1)?.seq ?? seq;
        yield portion;
      } else if (!this.#isBehind(seq)) {
        if (this.#ended) return;
        await this.#change(signal);
      }
    }
  }

  #isBehind(seq: number): boolean {
    return this.#last !== undefined && seq < this.#last;
  }

  /** What is kept after a sequence number; none when that is too far back. The same portion is the same object for everybody. */
  #after(seq: number): readonly LogEntry[] | undefined {
    for (let at = this.#kept.length - 1; at >= 0; at -= 1) {
      const portion = this.#kept[at] as readonly LogEntry[];
      const from = (portion[0] as LogEntry).seq;
      if (from > seq + 1) continue;
      return from === seq + 1 ? portion : portion.slice(seq + 1 - from);
    }
    return undefined;
  }

  async #fromStore(seq: number): Promise<readonly LogEntry[]> {
    return this.#isBehind(seq) ? await this.store.entries(this.run, seq, PAGE) : [];
  }

  async #lookOn(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#rung = false;
      const turn = this.#turn;
      let page: readonly LogEntry[] = [];
      if (this.#last !== undefined) page = await this.store.entries(this.run, this.#last, PAGE);
      this.#keep(page);
      // Only what the run itself says can mean that nothing follows.
      if (page.length === 0 || page.some(({ step }) => step === undefined)) {
        const head = await this.store.head(this.run);
        if (head === undefined) throw noSuchRun(this.run);
        this.#last ??= head.lastSeq;
        if (turn === this.#turn) this.#ended = isSettled(head.state) && this.#last >= head.lastSeq;
      }
      this.#wake();
      await this.#pause(page.length > 0);
    }
  }

  #keep(page: readonly LogEntry[]): void {
    const last = page.at(-1);
    if (last === undefined) return;
    this.#last = last.seq;
    this.#kept.push(page);
    this.#characters += charactersOf(page);
    while (this.#characters > KEPT_CHARACTERS && this.#kept.length > 1) {
      this.#characters -= charactersOf(this.#kept.shift() as readonly LogEntry[]);
    }
  }

  async #pause(found: boolean): Promise<void> {
    if (found) await this.clock.sleep(PACE_MS, this.#stop.signal).catch(() => {});
    if (this.#rung || this.#stop.signal.aborted) return;
    this.#wakeLook = new AbortController();
    await this.clock.sleep(LOOK_AGAIN_MS, this.#wakeLook.signal).catch(() => {});
    this.#wakeLook = undefined;
  }

  #ring(): void {
    this.#rung = true;
    this.#wakeLook?.abort();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const go of waiting) go();
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((done) => {
      const go = (): void => {
        this.#waiting.delete(go);
        signal.removeEventListener('abort', go);
        done();
      };
      this.#waiting.add(go);
      signal.addEventListener('abort', go);
    });
  }
}

const charactersOf = (page: readonly LogEntry[]): number => page.reduce((sum, entry) => sum + weightOf(entry), 0);

/** Near enough: what a hook printed is what weighs. */
function weightOf({ event }: LogEntry): number {
  if (event.type !== 'log') return 500;
  return event.lines.reduce((sum, { text }) => sum + text.length + 60, 100);
}
