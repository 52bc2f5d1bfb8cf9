import type { NotificationEvent } from '../../domain/notification/event.js';
import { SILENT_LOG } from '../runs/engine-log.port.js';
import { type WatchedWorld, WatchWorld } from './watch-world.js';

const HOUR = 3600_000;
const GIB = 1024 ** 3;

describe('what happens without anybody’s act', () => {
  let now: number;
  let events: Map<string, NotificationEvent>;
  let world: {
    disk: { freeBytes: number; totalBytes: number };
    signs: Map<string, number>;
    run: object | undefined;
    drift: readonly object[];
    status: string;
    broken: number | undefined;
    certificates: readonly object[];
  };
  let watch: WatchWorld;
  const said = () => [...events.values()].map(({ kind }) => kind);
  const look = async (later = 0): Promise<void> => {
    now += later;
    await watch.execute(new AbortController().signal);
  };
  beforeEach(() => {
    now = 1_800_000_000_000;
    events = new Map();
    world = {
      disk: { freeBytes: 50 * GIB, totalBytes: 100 * GIB },
      signs: new Map([['here:1', now]]),
      run: { id: 'run_1', stack: 'stk_1', stackName: 'team', site: 'town', operation: 'install', state: 'succeeded' },
      drift: [],
      status: 'running',
      broken: undefined,
      certificates: [],
    };
    const memory = new Map<string, string>();
    const turns = new Map<string, number>();
    const record = async (given: readonly NotificationEvent[]): Promise<void> => {
      for (const event of given) if (!events.has(event.key)) events.set(event.key, event);
    };
    const stack = { id: 'stk_1', name: 'team', site: 'town', state: 'present' };
    const parts = {
      stacks: { listStacks: async () => [stack], listSites: async () => [{ name: 'town' }] },
      runs: { latestOf: async () => world.run },
      look: {
        execute: async () => [{ live: { instance: 'wiki', guest: 'app', status: world.status, drift: world.drift } }],
      },
      certificates: { kept: async () => world.certificates },
      audit: {
        verify: async () => ({
          intact: world.broken === undefined,
          rows: 9,
          ...(world.broken ? { firstBroken: { seq: world.broken, reason: 'changed' } } : {}),
        }),
      },
      disk: { host: 'here', free: async () => world.disk },
      workers: {
        sign: async () => undefined,
        leave: async (holder: string) => void world.signs.delete(holder),
        signs: async () => [...world.signs].map(([holder, seenAt]) => ({ holder, seenAt })),
      },
    };
    watch = new WatchWorld(
      parts as unknown as WatchedWorld,
      {
        record,
        flip: async (key, state, decide) => {
          const before = memory.get(key);
          memory.set(key, state);
          const event = before === state ? undefined : decide(before);
          if (event) await record([event]);
        },
        takeTurn: async (key, at, everyMs) => {
          if ((turns.get(key) ?? -Infinity) > at - everyMs) return false;
          turns.set(key, at);
          return true;
        },
      },
      { now: () => now },
      SILENT_LOG,
    );
  });

  it('nothing to tell is nothing told', async () => {
    await look();
    world.signs.set('here:1', now + 24 * HOUR);
    await look(24 * HOUR);
    expect(said()).toEqual([]);
  });

  it('a disk that fills up is told once, and again only after it was good', async () => {
    for (const free of [9, 8, 11, 9, 14, 9]) {
      world.disk.freeBytes = free * GIB;
      await look(1);
    }
    expect(said()).toEqual(['disk-low', 'disk-low']);
  });

  it('a worker that was killed is missed, one that left in order is not', async () => {
    world.signs.set('there:2', now);
    await look();
    world.signs.set('here:1', now + HOUR);
    await look(HOUR);
    await look(1);
    expect([...events.values()]).toMatchObject([{ kind: 'worker-missing', facts: { worker: 'there:2' } }]);
  });

  it('that nobody works at all is told after a while: a restart is no news', async () => {
    await look();
    world.signs.clear();
    await look(1_000);
    expect(said()).toEqual([]);
    await look(HOUR);
    await look(HOUR);
    expect([...events.values()]).toMatchObject([{ kind: 'worker-missing', facts: {} }]);
  });

  it('a failed run that nobody decides about is brought to mind after an hour, once', async () => {
    world.run = { ...world.run, state: 'failed', finishedAt: now };
    world.signs.set('here:1', now + 99 * HOUR);
    await look();
    expect(said()).toEqual([]);
    await look(HOUR);
    await look(HOUR);
    expect([...events.values()]).toMatchObject([{ kind: 'run-waiting', run: 'run_1', site: 'town' }]);
  });

  it('drift is told when it changes; what a run changes, or nobody can see, is none', async () => {
    world.signs.set('here:1', now + 99 * HOUR);
    const stopped = { kind: 'stopped', field: 'status', recorded: 'running', observed: 'stopped' };
    world.drift = [stopped];
    world.run = { ...world.run, state: 'running' };
    await look();
    world.run = { ...world.run, state: 'succeeded' };
    world.status = 'unknown';
    await look(HOUR);
    expect(said()).toEqual([]);
    world.status = 'stopped';
    await look(HOUR);
    await look(HOUR);
    world.drift = [];
    await look(HOUR);
    world.drift = [stopped];
    await look(HOUR);
    expect([...events.values()].map(({ facts }) => facts['guests'])).toEqual(Array(2).fill('wiki.app (stopped)'));
  });

  it('a broken audit and certificates near their end are told', async () => {
    world.broken = 7;
    world.certificates = [
      { name: 'CA', serial: '1', notAfter: now + 9000 * HOUR },
      { name: 'wiki', serial: '2', notAfter: now + 100 * HOUR },
    ];
    await look();
    await look(1);
    expect([...events.values()]).toMatchObject([
      { kind: 'certificate-expiring', site: 'town', facts: { name: 'wiki', days: 4 } },
      { kind: 'audit-broken', facts: { row: 7 } },
    ]);
  });
});
