import fc from 'fast-check';
import type { RunId, StepId } from '../../domain/ids.js';
import type { LogEntry, RunState } from '../../domain/run/run.js';
import { FollowRun } from './follow-run.js';
import type { StoredRun } from './run-store.port.js';

const RUN = 'run_1' as RunId;
/** So long that few entries are kept for those who keep up: whoever is a little behind must read the store. */
const LONG = 'x'.repeat(900_000);

type Later = <T>(what: T) => Promise<T>;

/** A log whose answers come when somebody says so, and whose calls get lost or doubled. */
class Log {
  entries: LogEntry[] = [];
  state: RunState = 'running';
  watchers = new Set<(what: 'run' | 'log') => void>();
  reads = 0;
  fails: Error | undefined;

  constructor(private readonly later: Later) {}

  append(count: number, long: boolean): void {
    for (let at = 0; at < count; at += 1) {
      const line = { at: 0, stream: 'stdout' as const, text: long ? LONG : `${at}` };
      this.#add({ step: 'a' as StepId, event: { type: 'log', lines: [line] } });
    }
  }

  settle(): void {
    this.#add({ event: { type: 'run-succeeded' } });
    this.state = 'succeeded';
  }

  openAgain(): void {
    this.#add({ event: { type: 'retried', actor: 'ada', from: [] } });
    this.state = 'running';
  }

  ring(times: number): void {
    for (let at = 0; at < times; at += 1) for (const watcher of [...this.watchers]) watcher('log');
  }

  readonly store = {
    head: async () => {
      if (this.fails) throw this.fails;
      return this.later({ id: RUN, state: this.state, lastSeq: this.entries.length } as StoredRun);
    },
    entries: async (_: RunId, after: number, limit: number) => {
      this.reads += 1;
      return this.later(this.entries.slice(after, after + limit));
    },
    watch: (_: RunId, changed: (what: 'run' | 'log') => void) => {
      this.watchers.add(changed);
      return () => void this.watchers.delete(changed);
    },
  };

  readonly clock = {
    sleep: (_: number, signal?: AbortSignal) =>
      new Promise<void>((done, fail) => {
        if (signal?.aborted) return fail(signal.reason as Error);
        const over = (): void => fail(signal?.reason as Error);
        signal?.addEventListener('abort', over);
        void this.later(undefined).then(() => {
          signal?.removeEventListener('abort', over);
          done();
        });
      }),
  };

  #add(entry: Pick<LogEntry, 'step' | 'event'>): void {
    this.entries.push({ run: RUN, seq: this.entries.length + 1, at: 0, ...entry } as LogEntry);
  }
}

const soon: Later = async (what) => {
  await new Promise((done) => setImmediate(done));
  return what;
};

const seqs = async (from: AsyncIterable<readonly LogEntry[]>): Promise<number[]> => {
  const got: number[] = [];
  for await (const portion of from) got.push(...portion.map(({ seq }) => seq));
  return got;
};
const upTo = (last: number, after = 0): number[] => Array.from({ length: last - after }, (_, at) => after + at + 1);
const never = (): AbortSignal => new AbortController().signal;

describe('following a run', () => {
  const growth = fc.record({
    count: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constant(450)),
    long: fc.boolean(),
    rings: fc.integer({ min: 0, max: 2 }),
  });
  const reader = fc.record({
    /** Comes before which append. */
    at: fc.nat(6),
    /** Share of what there is that it says it has. */
    has: fc.double({ min: 0, max: 1, noNaN: true }),
    /** Goes away after so many portions and comes back with its last number. */
    leaves: fc.option(fc.integer({ min: 1, max: 3 })),
    slow: fc.nat(4),
  });

  it('gives every reader every entry once and in order, whatever is lost, doubled, slow, late or taken up again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(growth, { minLength: 1, maxLength: 6 }),
        fc.array(reader, { minLength: 1, maxLength: 5 }),
        async (order, growths, readers) => {
          const log = new Log((what) => order.schedule(Promise.resolve(what)));
          const follow = new FollowRun(log.store, log.clock);
          const read = async ({ has, leaves, slow }: (typeof readers)[number]): Promise<[number, number[]]> => {
            const after = Math.floor(log.entries.length * has);
            const got: number[] = [];
            for (let away = leaves ?? 0; ; away = 0) {
              const stop = new AbortController();
              let portions = 0;
              for await (const portion of follow.execute(RUN, got.at(-1) ?? after, stop.signal)) {
                got.push(...portion.map(({ seq }) => seq));
                for (let wait = 0; wait < slow; wait += 1) await order.schedule(Promise.resolve());
                portions += 1;
                if (portions === away) stop.abort();
              }
              if (!stop.signal.aborted) return [after, got];
            }
          };
          const reading: Promise<[number, number[]]>[] = [];
          const grow = async (): Promise<void> => {
            for (const [at, { count, long, rings }] of growths.entries()) {
              for (const one of readers) if (Math.min(one.at, growths.length - 1) === at) reading.push(read(one));
              await order.schedule(Promise.resolve());
              log.append(long ? Math.min(count, 4) : count, long);
              log.ring(rings);
            }
            await order.schedule(Promise.resolve());
            log.settle();
          };
          await order.waitFor(grow());
          const told = await order.waitFor(Promise.all(reading));
          for (const [after, got] of told) expect(got).toEqual(upTo(log.entries.length, after));
          expect(follow.open).toBe(0);
          expect(log.watchers.size).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('reads the log once for many who keep up', async () => {
    const log = new Log(soon);
    const follow = new FollowRun(log.store, log.clock);
    const fifty = Array.from({ length: 50 }, () => seqs(follow.execute(RUN, 0, never())));
    await soon(undefined);
    for (let round = 0; round < 20; round += 1) {
      log.append(3, false);
      log.ring(1);
      await soon(undefined);
    }
    log.settle();
    expect(await Promise.all(fifty)).toEqual(fifty.map(() => upTo(61)));
    expect(log.reads).toBeLessThan(200);
  });

  it('does not take the end before a retry for the end', async () => {
    const log = new Log(soon);
    const follow = new FollowRun(log.store, log.clock);
    log.append(2, false);
    log.settle();
    expect(await seqs(follow.execute(RUN, 0, never()))).toEqual([1, 2, 3]);
    const lingering = follow.execute(RUN, 0, never());
    expect((await lingering.next()).value).toHaveLength(3);
    log.openAgain();
    const late = seqs(follow.execute(RUN, 3, never()));
    for (let wait = 0; wait < 10; wait += 1) await soon(undefined);
    log.append(1, false);
    log.settle();
    expect(await late).toEqual([4, 5, 6]);
    await lingering.return();
    expect(follow.open).toBe(0);
  });

  it('tells everybody that the store is away, and goes on for who comes back', async () => {
    const log = new Log(soon);
    const follow = new FollowRun(log.store, log.clock);
    log.append(2, false);
    const waiting = [follow.execute(RUN, 0, never()), follow.execute(RUN, 0, never())];
    for (const each of waiting) expect((await each.next()).value).toHaveLength(2);
    const more = waiting.map((each) => each.next());
    log.fails = new Error('away');
    log.ring(1);
    for (const each of more) await expect(each).rejects.toThrow('away');
    log.fails = undefined;
    log.settle();
    expect(await seqs(follow.execute(RUN, 2, never()))).toEqual([3]);
    expect(log.watchers.size).toBe(0);
  });

  it('refuses a run that is not there', async () => {
    const log = new Log(soon);
    const nobody = { ...log.store, head: async () => undefined };
    await expect(new FollowRun(nobody, log.clock).execute(RUN, 0, never()).next()).rejects.toMatchObject({
      problem: { code: 'not_found' },
    });
  });
});
