import type { RunId } from '../../src/domain/ids.js';
import { EngineDatabase } from '../engine/engine-database.js';
import { privatePostgres, privateRedis } from '../engine/private-servers.js';
import { type EndState, endState } from './end-state.js';
import { deathsIn, diedIn, everyBoundary, faultsOf, planKills } from './kill-plan.js';
import { Product } from './product.js';
import { hooksIn } from './scripted-guest-shell.js';
import { type CrewOptions, WorkerCrew } from './worker-crew.js';

/** The whole product, with an API-only lab: everything is real but the inside of the guests. */
describe('an install of team whose workers die', () => {
  const postgres = privatePostgres();
  const redis = privateRedis();
  let product: Product;
  let engine: EngineDatabase;
  let crew: WorkerCrew | undefined;
  let nothing: EndState;
  let calm: EndState;

  const team = { site: 'town', stack: 'team', blueprint: 'team' };
  const look = (world: string): Promise<EndState> => endState(product, engine, 'town', world);
  const staff = async (options: CrewOptions): Promise<WorkerCrew> => {
    crew = new WorkerCrew(product, options);
    await crew.start();
    return crew;
  };
  /** Each hook of each guest, for each of its consumers: how often it ran. */
  const doubled = (world: string): string[] => {
    const ran = hooksIn(world).map(({ guest, hook, binding }) => `${guest} ${hook} ${binding ?? ''}`);
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
  const remove = async (world: string): Promise<void> => {
    await staff({ count: 1, world });
    await product.ends((await product.begin({ site: 'town', stack: 'team', remove: true })).run, 'succeeded', 60_000);
    await crew?.stop();
    const left = await look(product.world('nothing'));
    expect(left).toEqual({
      ...nothing,
      secrets: expect.not.arrayContaining([expect.stringMatching(/^(instance|binding|offer)/)]),
    });
  };

  beforeAll(async () => {
    product = new Product({ databaseUrl: postgres.url, redisUrl: redis.url, name: `crash${process.pid % 1000}` });
    await product.startLab(90);
    await product.startApi();
    engine = new EngineDatabase({ url: postgres.url });
    await product.connect('town', 90);
    nothing = await look(product.world('nothing'));
    const world = product.world('calm');
    await staff({ count: 1, world });
    await product.ends((await product.begin(team)).run, 'succeeded', 60_000);
    calm = await look(world);
    expect(doubled(world)).toEqual([]);
    await crew?.stop();
    await remove(world);
  }, 180_000);

  afterEach(() => crew?.stop());
  afterAll(async () => {
    await crew?.stop().catch(() => {});
    await engine.close();
    await product.close();
  }, 60_000);

  it('B5: ends like an undisturbed one, though the worker was killed after every event and within every step', async () => {
    const world = product.world('boundaries');
    const { plan, run } = await product.begin(team);
    const kills = everyBoundary(plan.steps);
    planKills(world, kills);
    const begun = Date.now();
    await staff({ count: 1, world });
    await product.ends(run, 'succeeded', 240_000);
    const tookMs = Date.now() - begun;
    await crew?.stop();
    expect(diedIn(world)).toEqual(faultsOf(kills));
    expect(doubled(world)).toEqual([]);
    expect(await look(world)).toEqual(calm);
    const waits = await resumed(run, world);
    process.stderr.write(
      `crash score: ${diedIn(world).length} of ${faultsOf(kills).length} faults survived in ${deathsIn(world).length} kills ` +
        `(${plan.steps.length} steps, ${tookMs} ms); from kill -9 to the resumed step: median ${waits[waits.length >> 1]} ms, ` +
        `longest ${waits.at(-1)} ms\n`,
    );
    await remove(world);
  }, 300_000);
});
