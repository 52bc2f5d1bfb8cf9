import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { RunId } from '../../src/domain/ids.js';
import { EngineDatabase } from '../engine/engine-database.js';
import { type PrivateServer, privatePostgres, privateRedis } from '../engine/private-servers.js';
import { type BundledWorker, bundleWorker } from './bundled-worker.js';
import { type EndState, endState } from './end-state.js';
import { deathsIn, diedIn, everyBoundary, faultsOf, planKills, type StepEnd, spared } from './kill-plan.js';
import { Product } from './product.js';
import { hooksIn } from './scripted-guest-shell.js';
import { type CrewOptions, WorkerCrew } from './worker-crew.js';

/** The whole product, with an API-only lab: everything is real but the inside of the guests. */
describe('an install of team whose workers die', () => {
  const postgres = privatePostgres();
  const redis = privateRedis();
  let product: Product;
  let engine: EngineDatabase;
  let worker: BundledWorker;
  let crew: WorkerCrew | undefined;
  let nothing: EndState;
  let calm: EndState;

  const team = { site: 'town', stack: 'team', blueprint: 'team' };
  const look = (world: string): Promise<EndState> => endState(product, engine, 'town', world);
  const staff = async (options: CrewOptions): Promise<WorkerCrew> => {
    crew = new WorkerCrew(product, worker.script, options);
    await crew.start();
    return crew;
  };
  /** Each hook of each guest, for each of its consumers: how often it ran. */
  const doubled = (world: string): string[] => {
    // Checks that the schedule asks for are no part of the run.
    const ofRuns = hooksIn(world).filter(({ unit }) => unit.startsWith('bastide-run-'));
    const ran = ofRuns.map(({ guest, hook, binding }) => `${guest} ${hook} ${binding ?? ''}`);
    expect(ran.length).toBeGreaterThan(20);
    return ran.filter((one, place) => ran.indexOf(one) !== place);
  };
  /** Milliseconds from each death to the next step that somebody begins. */
  const resumed = async (run: string, world: string): Promise<number[]> => {
    const log = await engine.runs.entries(run as RunId, 0, 100_000);
    const starts = log.flatMap(({ event, at }) => (event.type === 'started' ? [at] : []));
    return deathsIn(world)
      .flatMap(({ at }) => starts.find((start) => start > at)! - at || [])
      .sort((a, b) => a - b);
  };
  const ended = async (run: string): Promise<StepEnd[]> =>
    (await engine.runs.entries(run as RunId, 0, 100_000)).flatMap(({ step, event, at }) =>
      step !== undefined && event.type === 'succeeded' ? [{ step, at }] : [],
    );
  /** Waits for a task of the lab. */
  const done = async (task: string): Promise<void> => {
    const path = `/nodes/lab1/tasks/${encodeURIComponent(task)}/status`;
    while ((await product.lab('GET', path)).status === 'running') await delay(50);
    expect((await product.lab('GET', path)).exitstatus).toMatch(/^(OK|WARNINGS)/);
  };
  const remove = async (world: string): Promise<void> => {
    await staff({ count: 1, world });
    await product.ends((await product.begin({ site: 'town', stack: 'team', remove: true })).run, 'succeeded', 180_000);
    await crew?.stop();
    const left = await look(product.world('nothing'));
    expect(left).toEqual({
      ...nothing,
      secrets: expect.not.arrayContaining([expect.stringMatching(/^(instance|binding|offer)/)]),
    });
  };

  beforeAll(async () => {
    worker = await bundleWorker();
    product = new Product({ databaseUrl: postgres.url, redisUrl: redis.url, name: `crash${process.pid % 1000}` });
    await product.startLab(90);
    await product.startApi();
    engine = new EngineDatabase({ url: postgres.url });
    await product.connect('town', 90);
    nothing = await look(product.world('nothing'));
    const world = product.world('calm');
    await staff({ count: 1, world });
    await product.ends((await product.begin(team)).run, 'succeeded', 180_000);
    calm = await look(world);
    expect(doubled(world)).toEqual([]);
    await crew?.stop();
    await remove(world);
  }, 900_000);

  afterEach(() => crew?.stop());
  afterAll(async () => {
    await crew?.stop().catch(() => {});
    worker.remove();
    await engine.close();
    await product.close();
  }, 60_000);

  it('B5: ends like an undisturbed one, though the worker was killed after every event and within every step', async () => {
    const world = product.world('boundaries');
    const { plan, run } = await product.begin(team);
    const kills = everyBoundary(plan.steps);
    planKills(world, kills);
    const begun = Date.now();
    await staff({ count: 1, world, leaseMs: 600, sweepMs: 150 });
    // Some sixty workers start one after the other, on a machine that may have other things to do.
    await product.ends(run, 'succeeded', 600_000);
    const tookMs = Date.now() - begun;
    await crew?.stop();
    expect(spared(world, kills, await ended(run))).toEqual([]);
    expect(new Set(diedIn(world).map((one) => one.split(' ')[0]))).toEqual(
      new Set(['claimed', 'asking', 'untold', 'told', 'hooked', 'done', 'committed']),
    );
    expect(doubled(world)).toEqual([]);
    expect(await look(world)).toEqual(calm);
    const waits = await resumed(run, world);
    process.stderr.write(
      `crash score: ${diedIn(world).length} of ${faultsOf(kills)} faults survived in ${deathsIn(world).length} kills ` +
        `(${plan.steps.length} steps, ${tookMs} ms); from kill -9 to the resumed step: median ${waits[waits.length >> 1]} ms, ` +
        `longest ${waits.at(-1)} ms\n`,
    );
    await remove(world);
  }, 700_000);

  it('X6: another domain for the site ends like an undisturbed change, though the worker was killed within every step; broken off, it is turned back', async () => {
    const world = product.world('domain');
    await staff({ count: 1, world });
    await product.ends((await product.begin(team)).run, 'succeeded', 180_000);
    await product.ends((await product.changeDomain('town', 'village.example')).run, 'succeeded', 180_000);
    const undisturbed = await look(world);
    expect(JSON.stringify(undisturbed)).not.toContain('town.test');
    await product.ends((await product.changeDomain('town', 'town.test')).run, 'succeeded', 180_000);
    await crew?.stop();
    expect(await look(world)).toEqual(calm);

    const { plan, run } = await product.changeDomain('town', 'village.example');
    // One death for each step, at its beginning, in its middle and after its end in turn.
    const kills = Object.fromEntries(
      Object.entries(everyBoundary(plan.steps)).map(([step, points], place) => [step, [points[place % 3]!]]),
    );
    planKills(world, kills);
    await staff({ count: 1, world, leaseMs: 600, sweepMs: 150 });
    await product.ends(run, 'succeeded', 300_000);
    await crew?.stop();
    expect(spared(world, kills, await ended(run))).toEqual([]);
    expect(await look(world)).toEqual(undisturbed);
    const ran = hooksIn(world)
      .filter(({ unit }) => unit.startsWith(`bastide-${run.toLowerCase().replace('_', '-')}-`))
      .map(({ guest, hook, binding }) => `${guest} ${hook} ${binding ?? ''}`);
    expect(ran.length).toBeGreaterThan(20);
    expect(ran.filter((one, place) => ran.indexOf(one) !== place)).toEqual([]);
    process.stderr.write(
      `crash score: ${diedIn(world).length} of ${faultsOf(kills)} faults of a domain change survived (${plan.steps.length} steps)\n`,
    );

    // On the way back it is cancelled; the domain it came from is the way out, and asking again finishes it.
    await staff({ count: 1, world, hookMs: 150 });
    const back = await product.changeDomain('town', 'town.test');
    // Busy; or what its plan rests on has changed while it was made.
    await expect(product.begin({ site: 'town', stack: 'team' })).rejects.toThrow(/stack\.busy|plan\.stale/);
    await delay(600);
    await product.ask('POST', `/runs/${back.run}/cancel`, {});
    await product.ends(back.run, 'cancelled', 180_000);
    await product.ends((await product.changeDomain('town', 'village.example')).run, 'succeeded', 180_000);
    expect(await look(world)).toEqual(undisturbed);
    await product.ends((await product.changeDomain('town', 'town.test')).run, 'succeeded', 180_000);
    await crew?.stop();
    expect(await look(world)).toEqual(calm);
    await remove(world);
  }, 900_000);

  it('B14: two workers killed in turn, Redis flushed and restarted, PostgreSQL restarted: the same end', async () => {
    const world = product.world('servers');
    const { run } = await product.begin(team);
    const two = await staff({ count: 2, world, hookMs: 400 });
    const state = async (): Promise<string> => (await product.ask('GET', `/runs/${run}`)).run.state;
    const faults: [string, () => Promise<unknown>][] = [
      ['one of two workers killed', () => two.killOne()],
      ['Redis flushed', () => flushed(redis.url)],
      ['the other worker killed', () => two.killOne()],
      ['Redis restarted', () => restarted(redis)],
      ['worker killed', () => two.killOne()],
      ['PostgreSQL restarted', () => restarted(postgres)],
      ['worker killed', () => two.killOne()],
    ];
    for (const [, inject] of faults) {
      await delay(1_200);
      expect(await state()).toBe('running');
      await inject();
    }
    await product.ends(run, 'succeeded', 300_000);
    await two.stop();
    expect(doubled(world)).toEqual([]);
    expect(await look(world)).toEqual(calm);
    process.stderr.write(
      `crash score: ${faults.length} of ${faults.length} faults of workers, Redis and PostgreSQL survived\n`,
    );
    await remove(world);
  }, 900_000);

  it('P4: a removal leaves a stranger alone who has taken the id of a guest that was deleted by hand', async () => {
    const world = product.world('stranger');
    await staff({ count: 2, world });
    await product.ends((await product.begin(team)).run, 'succeeded', 180_000);
    const [wiki] = (
      await engine.database.db.selectFrom('guests').where('key', '=', 'team/wiki/app').select('body').execute()
    ).map(({ body }) => body);
    const vmid = `${wiki!.vmid}`;
    const lxc = '/nodes/lab1/lxc';
    await done(await product.lab('POST', `${lxc}/${vmid}/status/stop`));
    await done(await product.lab('DELETE', `${lxc}/${vmid}`));
    await done(
      await product.lab('POST', lxc, {
        vmid,
        hostname: 'stranger',
        ostemplate: wiki!.spec.image,
        rootfs: 'local-zfs:2',
      }),
    );
    await done(await product.lab('POST', `${lxc}/${vmid}/status/start`));
    const stranger = async (): Promise<unknown> => [
      await product.lab('GET', `${lxc}/${vmid}/config`),
      (await product.lab('GET', `${lxc}/${vmid}/status/current`)).status,
    ];
    const before = await stranger();

    const removal = await product.begin({ site: 'town', stack: 'team', remove: true });
    const { steps } = await product.ends(removal.run, 'failed', 180_000);
    const failed = steps.filter((step: { state: string }) => step.state === 'failed');
    expect(failed.map((step: { id: string; failure: { code: string } }) => [step.id, step.failure.code])).toEqual([
      [expect.stringContaining('wiki.app'), 'guest.not_ours'],
    ]);
    expect(await stranger()).toEqual(before);

    // It moves out, and the removal goes on from where it stopped.
    await done(await product.lab('POST', `${lxc}/${vmid}/status/stop`));
    await done(await product.lab('DELETE', `${lxc}/${vmid}`));
    await product.ask('POST', `/runs/${removal.run}/retry`, {});
    await product.ends(removal.run, 'succeeded', 180_000);
    expect((await look(world)).machines).toEqual([]);
  }, 900_000);
});

async function restarted(server: PrivateServer): Promise<void> {
  await server.stop();
  await delay(800);
  await server.start();
}

async function flushed(url: string): Promise<void> {
  const admin = new Redis(url);
  await admin.flushall();
  admin.disconnect();
}
