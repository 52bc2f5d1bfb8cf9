import type { RunId } from '../../domain/ids.js';
import type { StoredRun } from './run-store.port.js';
import { WatchRuns } from './watch-runs.js';

const soon = (): Promise<void> => new Promise((done) => setImmediate(done));

function store() {
  const observers = new Set<(run: RunId, what: 'run' | 'log') => void>();
  const known = { state: 'running', reads: 0 };
  return {
    known,
    observers,
    moved: (what: 'run' | 'log' = 'run') => {
      for (const observer of observers) observer('run_1' as RunId, what);
    },
    port: {
      head: async () => {
        known.reads += 1;
        const { state } = known;
        await soon();
        return { id: 'run_1', state } as StoredRun;
      },
      watchAll: (observer: (run: RunId, what: 'run' | 'log') => void) => {
        observers.add(observer);
        return () => void observers.delete(observer);
      },
    },
  };
}

describe('watching all runs', () => {
  it('reads a run once for all who watch, and tells its newest state last', async () => {
    const { port, known, moved } = store();
    const watch = new WatchRuns(port);
    const heard: string[][] = Array.from({ length: 50 }, () => []);
    for (const own of heard) watch.watch(({ state }) => own.push(state));
    moved();
    known.state = 'failed';
    for (let times = 0; times < 10; times += 1) moved();
    moved('log');
    for (let wait = 0; wait < 5; wait += 1) await soon();
    for (const own of heard) expect(own).toEqual(['running', 'failed']);
    expect(known.reads).toBe(2);
  });

  it('listens no longer than somebody watches', () => {
    const { port, observers } = store();
    const watch = new WatchRuns(port);
    const stops = [watch.watch(() => undefined), watch.watch(() => undefined)];
    expect(observers.size).toBe(1);
    for (const stop of stops) stop();
    expect(observers.size).toBe(0);
    watch.watch(() => undefined)();
    expect(observers.size).toBe(0);
  });
});
