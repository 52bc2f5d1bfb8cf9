import { privatePostgres, privateRedis } from '../engine/private-servers.js';
import { type BundledWorker, bundleWorker } from './bundled-worker.js';
import { Product } from './product.js';
import { WorkerCrew } from './worker-crew.js';

/** The whole product over an API-only lab: everything is real but the inside of the guests. */
describe('a module without a guest', () => {
  const postgres = privatePostgres();
  const redis = privateRedis();
  let town: Product;
  let worker: BundledWorker;
  let crew: WorkerCrew;

  beforeAll(async () => {
    worker = await bundleWorker();
    town = new Product({ databaseUrl: postgres.url, redisUrl: redis.url, name: `bare${process.pid % 1000}` });
    await town.startLab(88);
    await town.startApi();
    await town.connect('town', 88);
    crew = new WorkerCrew(town, worker.script, { count: 1, world: town.world('all'), sweepMs: 500 });
    await crew.start();
  }, 180_000);

  afterAll(async () => {
    await crew?.stop().catch(() => {});
    worker.remove();
    await town.close();
  }, 90_000);

  it('is bound to the site’s identity, becomes a provider of the dashboard, and is withdrawn without a trace', async () => {
    await town.ends(
      (await town.begin({ site: 'town', stack: 'base', blueprint: 'foundation' })).run,
      'succeeded',
      120_000,
    );
    const parameters = { address: 'http://localhost:7080', host: 'localhost' };
    const bare = { site: 'town', stack: 'dashboard-sign-in', blueprint: 'dashboard-sign-in', parameters };
    const { plan, run } = await town.begin(bare);
    expect(plan.steps.map(({ step }) => step.kind)).toEqual(['binding.provide']);
    await town.ends(run, 'succeeded', 60_000);
    const { stacks } = await town.ask('GET', '/identity-providers');
    expect(stacks).toEqual([{ site: 'town', stack: 'base', bound: expect.stringMatching(/^stk_/) }]);
    const again = await town.ask('POST', '/plans', bare);
    expect(again.steps).toEqual([]);
    await town.ends((await town.begin({ site: 'town', stack: bare.stack, remove: true })).run, 'succeeded', 60_000);
    expect((await town.ask('GET', '/identity-providers')).stacks).toEqual([{ site: 'town', stack: 'base' }]);
  }, 300_000);
});
