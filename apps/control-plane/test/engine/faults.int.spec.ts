import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { migrate } from '../../src/adapters/database/migrate.js';
import { BullmqStepQueue } from '../../src/adapters/queue/bullmq-step-queue.js';
import { AdvanceRun } from '../../src/application/runs/advance-run.js';
import { CancelRun } from '../../src/application/runs/cancel-run.js';
import { SILENT_LOG } from '../../src/application/runs/engine-log.port.js';
import { RetryRun } from '../../src/application/runs/retry-run.js';
import type { RunSnapshot } from '../../src/application/runs/run-store.port.js';
import type { RunId, StepId } from '../../src/domain/ids.js';
import { STEP_TRAITS } from '../../src/domain/plan/steps.js';
import { deriveRun } from '../../src/domain/run/derive.js';
import { EngineDatabase } from './engine-database.js';
import type { EngineSettings } from './engine-worker.js';
import { eventually } from './eventually.js';
import { FileWorld, KILL_POINTS } from './file-world.js';
import { fresh, type StepSketch, storedPlan } from './plans.js';
import { privatePostgres, privateRedis } from './private-servers.js';
import { WorkerFleet } from './worker-fleet.js';

const CHAIN: readonly StepSketch[] = [
  { id: 'create', kind: 'guest.create' },
  { id: 'start', kind: 'guest.start', after: ['create'] },
  { id: 'ready', after: ['start'] },
  { id: 'install', kind: 'hook.run', after: ['ready'] },
];

describe('the engine under faults', () => {
  const postgres = privatePostgres();
  const redis = privateRedis();
  let engine: EngineDatabase;
  let world: FileWorld;
  let fleet: WorkerFleet;
  let queue: BullmqStepQueue;
  let settings: EngineSettings;

  beforeAll(async () => {
    engine = new EngineDatabase({ url: postgres.url });
    await migrate(engine.database.db);
  });
  afterAll(() => engine.close());
  beforeEach(async () => {
    settings = {
      databaseUrl: postgres.url,
      redisUrl: redis.url,
      prefix: fresh('q'),
      leaseMs: 1_000,
      sweepMs: 300,
      graceMs: 3_000,
      concurrency: 8,
      maxStarts: 5,
    };
    world = new FileWorld(mkdtempSync(path.join(tmpdir(), 'bst-world-')));
    fleet = new WorkerFleet(world.directory, settings);
    queue = await BullmqStepQueue.open({ address: redis.url, prefix: settings.prefix, log: SILENT_LOG });
  });
  afterEach(async () => {
    await fleet.close();
    await queue.close();
    rmSync(world.directory, { recursive: true, force: true });
    // The next test's workers must not find this one's steps.
    await engine.database.db
      .updateTable('runs')
      .set({ state: 'left' })
      .where('state', 'in', ['running', 'cancelling'])
      .execute();
  });

  const start = async (steps: readonly StepSketch[]): Promise<RunId> => {
    const plan = await storedPlan(engine, steps);
    const { run, rings } = await engine.runs.create(plan, { id: fresh('run') as RunId, actor: 'admin' });
    await Promise.all(rings.map((ring) => queue.ring(ring).catch(() => {})));
    return run.id;
  };
  const look = async (run: RunId): Promise<RunSnapshot> => {
    const snapshot = await engine.runs.get(run);
    if (snapshot === undefined) throw new Error(`no run ${run}`);
    return snapshot;
  };
  const ends = async (run: RunId, state: string, withinMs = 30_000): Promise<RunSnapshot> => {
    try {
      await eventually(async () => expect((await look(run)).run.state).toBe(state), withinMs);
    } catch (error) {
      const steps = [...(await look(run)).steps.values()].map((s) => `${s.id} ${s.state} ${s.failure?.message ?? ''}`);
      throw new Error(`${String(error)}\n${steps.join('\n')}\n${fleet.said.slice(-40).join('\n')}`);
    }
    const snapshot = await look(run);
    const derived = deriveRun([...snapshot.steps.keys()], await engine.runs.entries(run, 0, 100_000));
    expect(derived.state).toBe(state);
    for (const [id, step] of derived.steps) expect(snapshot.steps.get(id)?.state).toBe(step.state);
    return snapshot;
  };
  const runningStep = (run: RunId, step: string) =>
    eventually(async () => {
      expect((await look(run)).steps.get(step as StepId)).toMatchObject({ state: 'running', outsideTask: step });
    });
  const states = ({ steps }: RunSnapshot): Record<string, string> =>
    Object.fromEntries([...steps].map(([id, { state }]) => [id, state]));
  const onceEach = (steps: readonly string[]): void => {
    expect(
      world
        .effects()
        .filter((effect) => effect.startsWith('start '))
        .sort(),
    ).toEqual(steps.map((s) => `start ${s}`).sort());
    expect(
      world
        .effects()
        .filter((effect) => effect.startsWith('finish '))
        .sort(),
    ).toEqual(steps.map((s) => `finish ${s}`).sort());
  };

  it('B5: kill -9 at every boundary of every step ends like an undisturbed run, nothing done twice', async () => {
    for (const { id } of CHAIN) world.script(id, { ms: 30, killAt: KILL_POINTS });
    settings = { ...settings, maxStarts: 20 };
    fleet = new WorkerFleet(world.directory, settings);
    const run = await start(CHAIN);
    await fleet.keepUp(2);
    const { steps } = await ends(run, 'succeeded', 150_000);
    onceEach(CHAIN.map(({ id }) => id));
    // Claimed, effect, task, done: each of them cost a worker, and the next one began again.
    for (const step of steps.values()) expect(step.attempt).toBeGreaterThanOrEqual(5);
  }, 180_000);

  it('B2, B4: a worker suspended beyond its lease loses the step; another adopts its task, the first does nothing more', async () => {
    world.script('create', { ms: 3_000 });
    const first = await fleet.start();
    const run = await start(CHAIN);
    await runningStep(run, 'create');
    first.child.kill('SIGSTOP');
    await fleet.start();
    await eventually(async () => expect((await look(run)).steps.get('create' as StepId)?.epoch).toBe(2), 15_000);
    first.child.kill('SIGCONT');
    await ends(run, 'succeeded');
    onceEach(CHAIN.map(({ id }) => id));
    expect(fleet.said.join('\n')).toContain('lease lost');
    const log = await engine.runs.entries(run, 0, 10_000);
    const holders = log.flatMap(({ event }) => (event.type === 'started' ? [event.holder] : []));
    expect(new Set(holders).size).toBe(2);
  }, 60_000);

  it('B6: one of five parallel steps fails; the others end, what depends on it is blocked and says by whom', async () => {
    const steps = ['a', 'b', 'c', 'd', 'e'].flatMap((id): StepSketch[] => [{ id }, { id: `${id}2`, after: [id] }]);
    for (const id of ['a', 'b', 'd', 'e']) world.script(id, { ms: 400 });
    world.script('c', { fails: { times: 1, retryable: 'never' } });
    await fleet.start();
    const run = await start(steps);
    await eventually(async () => expect(states(await look(run)).c2).toBe('blocked'));
    expect(states(await look(run)).a).toBe('running');
    const snapshot = await ends(run, 'failed');
    expect(states(snapshot)).toEqual({
      a: 'succeeded',
      a2: 'succeeded',
      b: 'succeeded',
      b2: 'succeeded',
      c: 'failed',
      c2: 'blocked',
      d: 'succeeded',
      d2: 'succeeded',
      e: 'succeeded',
      e2: 'succeeded',
    });
    expect(snapshot.steps.get('c2' as StepId)?.blockedBy).toBe('c');
    expect(snapshot.steps.get('c' as StepId)?.failure).toMatchObject({
      code: 'test.broken',
      message: 'failure 1 of c',
    });
    const advance = new AdvanceRun(engine.runs, queue, SILENT_LOG);
    await new RetryRun(engine.runs, advance).execute(run, 'admin', ['c' as StepId]);
    await ends(run, 'succeeded');
    onceEach(steps.map(({ id }) => id));
  }, 60_000);

  it('retries what may pass, and gives up on what does not', async () => {
    world.script('a', { fails: { times: 2, retryable: 'now' } });
    world.script('b', { fails: { times: 3, retryable: 'later' } });
    world.script('c', { fails: { times: 9, retryable: 'now' } });
    await fleet.start();
    const run = await start([{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
    const { steps } = await ends(run, 'failed');
    expect([...steps.values()].map(({ id, state, retries }) => [id, state, retries])).toEqual([
      ['a', 'succeeded', 2],
      ['b', 'succeeded', 3],
      ['c', 'failed', 3],
    ]);
  }, 60_000);

  it('B11: SIGTERM hands a long step over; it goes on with the same task on another worker', async () => {
    world.script('create', { ms: 4_000 });
    const first = await fleet.start();
    const run = await start(CHAIN);
    await runningStep(run, 'create');
    const asked = performance.now();
    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(0);
    expect(performance.now() - asked).toBeLessThan(15_000);
    const handedOver = (await engine.runs.entries(run, 0, 1_000)).find(({ event }) => event.type === 'handed-over');
    expect(handedOver?.event).toMatchObject({ reason: 'worker stops' });
    await fleet.start();
    const { steps } = await ends(run, 'succeeded');
    expect(steps.get('create' as StepId)).toMatchObject({ attempt: 2, epoch: 2 });
    onceEach(CHAIN.map(({ id }) => id));
  }, 60_000);

  it('B11: a second SIGTERM ends the process at once', async () => {
    world.script('create', { ms: 20_000, deaf: true });
    const worker = await fleet.start();
    const run = await start(CHAIN);
    await runningStep(run, 'create');
    worker.child.kill('SIGTERM');
    await delay(300);
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toBe(1);
  }, 60_000);

  it('B12: cancel is seen at once, at every step that can be stopped; its outside task is stopped, and nothing else starts', async () => {
    await fleet.start();
    const cancel = new CancelRun(engine.runs, new AdvanceRun(engine.runs, queue, SILENT_LOG));
    const stoppable = CHAIN.filter(({ kind }) => STEP_TRAITS[kind ?? 'hook.run'].cancellable);
    expect(stoppable.length).toBe(CHAIN.length - 1);
    for (const { id } of stoppable) {
      const name = (step: string): string => `${id}-${step}`;
      world.script(name(id), { ms: 60_000 });
      const run = await start(CHAIN.map((s) => ({ ...s, id: name(s.id), after: (s.after ?? []).map(name) })));
      await runningStep(run, name(id));
      expect(await cancel.execute(run, 'admin')).toEqual({ state: 'cancelling' });
      const snapshot = await ends(run, 'cancelled', 5_000);
      expect(snapshot.steps.get(name(id) as StepId)?.state).toBe('cancelled');
      expect(world.effects().at(-1)).toBe(`stop ${name(id)}`);
    }
    await expect(cancel.execute(fresh('run') as RunId, 'admin')).rejects.toMatchObject({
      problem: { code: 'not_found' },
    });
  }, 60_000);

  it('B12: what cannot be stopped in the middle ends first', async () => {
    world.script('destroy', { ms: 800 });
    await fleet.start();
    const run = await start([
      { id: 'destroy', kind: 'guest.destroy' },
      { id: 'after', after: ['destroy'] },
    ]);
    await runningStep(run, 'destroy');
    await new CancelRun(engine.runs, new AdvanceRun(engine.runs, queue, SILENT_LOG)).execute(run, 'admin');
    expect(states(await ends(run, 'cancelled'))).toEqual({ destroy: 'succeeded', after: 'cancelled' });
    expect(world.effects()).toEqual(['start destroy', 'finish destroy']);
  }, 60_000);

  it('B12: a task whose worker died while the run was being cancelled is stopped by another one', async () => {
    world.script('start', { ms: 60_000, deaf: true });
    const first = await fleet.start();
    const run = await start(CHAIN);
    await runningStep(run, 'start');
    await new CancelRun(engine.runs, new AdvanceRun(engine.runs, queue, SILENT_LOG)).execute(run, 'admin');
    first.child.kill('SIGKILL');
    await fleet.start();
    await ends(run, 'cancelled');
    expect(world.effects()).toEqual(['start create', 'finish create', 'start start', 'stop start']);
  }, 60_000);

  it('B12: what cannot be stopped is carried to its end by another worker too, so that the record names what is there', async () => {
    world.script('create', { ms: 1_500 });
    const first = await fleet.start();
    const run = await start(CHAIN);
    await runningStep(run, 'create');
    await new CancelRun(engine.runs, new AdvanceRun(engine.runs, queue, SILENT_LOG)).execute(run, 'admin');
    first.child.kill('SIGKILL');
    await fleet.start();
    expect(states(await ends(run, 'cancelled'))).toMatchObject({ create: 'succeeded', start: 'cancelled' });
    expect(world.effects().at(-1)).toBe('finish create');
  }, 60_000);

  it('B13: a step that always kills its worker is quarantined after five starts, and may be retried from there', async () => {
    world.script('start', { poison: true });
    await fleet.keepUp(1);
    const run = await start(CHAIN);
    const snapshot = await ends(run, 'failed', 60_000);
    expect(states(snapshot)).toEqual({
      create: 'succeeded',
      start: 'quarantined',
      ready: 'blocked',
      install: 'blocked',
    });
    expect(snapshot.steps.get('start' as StepId)).toMatchObject({
      attempt: 5,
      failure: { code: 'step.quarantined', message: expect.stringContaining('Started 5 times') as string },
    });
    world.script('start', {});
    const advance = new AdvanceRun(engine.runs, queue, SILENT_LOG);
    await new RetryRun(engine.runs, advance).execute(run, 'admin', ['start' as StepId]);
    await ends(run, 'succeeded');
    onceEach(CHAIN.map(({ id }) => id));
  }, 120_000);

  it('B14: Redis flushed in the middle: the sweep rings again', async () => {
    for (const { id } of CHAIN) world.script(id, { ms: 300 });
    await fleet.start();
    const run = await start(CHAIN);
    const admin = new Redis(redis.url);
    for (let i = 0; i < 8; i += 1) {
      await admin.flushall();
      await delay(150);
    }
    admin.disconnect();
    await ends(run, 'succeeded');
    onceEach(CHAIN.map(({ id }) => id));
  }, 60_000);

  it('B1, B14: Redis away for three seconds: running steps end, the run goes on when it is back', async () => {
    for (const { id } of CHAIN) world.script(id, { ms: 500 });
    await fleet.start();
    const run = await start(CHAIN);
    await runningStep(run, 'create');
    await redis.stop();
    await delay(3_000);
    expect(states(await look(run)).create).toBe('succeeded');
    await redis.start();
    await ends(run, 'succeeded');
    onceEach(CHAIN.map(({ id }) => id));
  }, 60_000);

  it('B14: PostgreSQL restarted in the middle: nothing lost, nothing twice', async () => {
    for (const { id } of CHAIN) world.script(id, { ms: 1_000 });
    await fleet.start();
    const run = await start(CHAIN);
    await runningStep(run, 'create');
    await postgres.stop();
    await delay(300);
    await postgres.start();
    await ends(run, 'succeeded');
    onceEach(CHAIN.map(({ id }) => id));
  }, 60_000);

  it('P2: twenty installs at once on two workers all succeed; never more clones at a time than the storage allows', async () => {
    await Promise.all([fleet.start(), fleet.start()]);
    const named = (i: number) =>
      CHAIN.map((s) => ({ ...s, id: `${s.id}${i}`, after: (s.after ?? []).map((a) => `${a}${i}`) }));
    const plans = Array.from({ length: 20 }, (_, i) => named(i));
    for (const step of plans.flat()) world.script(step.id, { ms: 40 });
    const runs = await Promise.all(plans.map((steps) => start(steps)));
    for (const run of runs) await ends(run, 'succeeded', 60_000);
    onceEach(plans.flat().map(({ id }) => id));
    let now = 0;
    let most = 0;
    for (const effect of world.effects().filter((line) => line.includes(' create'))) {
      now += effect.startsWith('start') ? 1 : -1;
      most = Math.max(most, now);
    }
    expect(most).toBe(2);
    const { count } = await engine.database.db
      .selectFrom('limits')
      .where('run', 'in', runs)
      .select((select) => select.fn.countAll<string>().as('count'))
      .executeTakeFirstOrThrow();
    expect(Number(count)).toBe(0);
  }, 120_000);
});
