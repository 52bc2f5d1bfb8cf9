import { join } from 'node:path';
import { writeTrio } from '../e2e/trio.js';
import { privatePostgres, privateRedis } from '../engine/private-servers.js';
import { type BundledWorker, bundleWorker } from './bundled-worker.js';
import { Product } from './product.js';
import { hooksIn } from './scripted-guest-shell.js';
import { WorkerCrew } from './worker-crew.js';

const STACKS = 20;

/** Many at once, over the whole product with an API-only lab: everything is real but the inside of the guests. */
describe('many installs at once', () => {
  const servers = [
    { postgres: privatePostgres(), redis: privateRedis() },
    { postgres: privatePostgres(), redis: privateRedis() },
  ];
  let town: Product;
  let school: Product;
  let worker: BundledWorker;
  const crews: WorkerCrew[] = [];

  beforeAll(async () => {
    worker = await bundleWorker();
    const [one, two] = servers.map(({ postgres, redis }) => ({ databaseUrl: postgres.url, redisUrl: redis.url }));
    town = new Product({ ...one!, name: `crowd${process.pid % 1000}` });
    school = new Product({ ...two!, name: `crowd${process.pid % 1000}` });
    for (const product of [town, school]) writeTrio(join(product.state, 'extra'));
    await town.startLab(89);
    school.access = town.access;
    await town.startApi();
    await town.startApi();
    await school.startApi();
    await town.connect('town', 89);
    await school.connect('school', 89);
  }, 180_000);

  afterAll(async () => {
    for (const crew of crews) await crew.stop().catch(() => {});
    worker.remove();
    await school.close();
    await town.close();
  }, 90_000);

  const staff = async (product: Product, count: number): Promise<void> => {
    const crew = new WorkerCrew(product, worker.script, { count, world: product.world('all'), sweepMs: 500 });
    crews.push(crew);
    await crew.start();
  };
  const guests = async (): Promise<{ vmid: number; name: string; tags?: string }[]> =>
    await town.lab('GET', '/cluster/resources?type=vm');
  const addressOf = async (vmid: number): Promise<string> =>
    /ip=([\d.]+)/.exec((await town.lab('GET', `/nodes/lab1/lxc/${vmid}/config`)).net0)?.[1] ?? '';
  const failedTasks = async (): Promise<string[]> =>
    (await town.lab('GET', '/nodes/lab1/tasks?limit=2000'))
      .filter((task: { status: string }) => !/^(OK|WARNINGS)/.test(task.status))
      .map((task: { type: string; status: string }) => `${task.type}: ${task.status}`);

  it('P2: twenty stacks at once, planned at two control planes and carried out by two workers, all succeed without a failed lock', async () => {
    await staff(town, 2);
    const begun = await Promise.all(
      Array.from({ length: STACKS }, (_, at) =>
        town.begin({ site: 'town', stack: `trio-${at}`, blueprint: 'trio' }, at % 2),
      ),
    );
    for (const { run } of begun) await town.ends(run, 'succeeded', 240_000);
    const made = await guests();
    expect(made).toHaveLength(3 * STACKS);
    expect(new Set(made.map(({ vmid }) => vmid)).size).toBe(made.length);
    const addresses = await Promise.all(made.map(({ vmid }) => addressOf(vmid)));
    expect(addresses).not.toContain('');
    expect(new Set(addresses).size).toBe(made.length);
    expect(await failedTasks()).toEqual([]);
  }, 300_000);

  it('P3: two installations that know nothing of each other share a range of ids: no guest is made twice, none is taken over', async () => {
    const before = new Set((await guests()).map(({ vmid }) => vmid));
    await staff(school, 1);
    const wanted = (product: Product, site: string) =>
      Array.from({ length: 9 }, (_, at) => product.begin({ site, stack: `more-${at}`, blueprint: 'trio' }));
    const [ours, theirs] = await Promise.all([
      Promise.all(wanted(town, 'town')),
      Promise.all(wanted(school, 'school')),
    ]);
    for (const { run } of ours) await town.ends(run, 'succeeded', 240_000);
    for (const { run } of theirs) await school.ends(run, 'succeeded', 240_000);
    const made = (await guests()).filter(({ vmid }) => !before.has(vmid));
    expect(made).toHaveLength(2 * 9 * 3);
    // Each product's records name exactly the guests that carry its stamp.
    const recorded = async (product: Product): Promise<number[]> => {
      const stacks = (await product.ask('GET', '/stacks')) as { id: string; name: string }[];
      const views = await Promise.all(
        stacks.filter(({ name }) => name.startsWith('more-')).map(({ id }) => product.ask('GET', `/stacks/${id}`)),
      );
      return views.flatMap((view) =>
        view.instances.flatMap((one: { guests: { vmid: number }[] }) => one.guests.map(({ vmid }) => vmid)),
      );
    };
    const all = [...(await recorded(town)), ...(await recorded(school))];
    expect(new Set(all).size).toBe(all.length);
    const byNumber = (a: number, b: number): number => a - b;
    expect(all.toSorted(byNumber)).toEqual(made.map(({ vmid }) => vmid).toSorted(byNumber));
  }, 300_000);

  it('two sites with a stack of one name keep out of each other’s guests', async () => {
    // Another range of ids; everything else as on the other site.
    await town.connect('village', 89, (document) => document.replace('1000', '6000').replace('1999', '6999'));
    const before = hooksIn(town.world('all')).length;
    const [here, there] = await Promise.all([
      town.begin({ site: 'town', stack: 'twin', blueprint: 'trio' }),
      town.begin({ site: 'village', stack: 'twin', blueprint: 'trio' }),
    ]);
    for (const { run } of [here, there]) await town.ends(run, 'succeeded', 120_000);
    const stacks = (await town.ask('GET', '/stacks')) as { id: string; name: string; site: string }[];
    const ranges = new Map<string, number[]>();
    for (const stack of stacks.filter(({ name }) => name === 'twin')) {
      const view = await town.ask('GET', `/stacks/${stack.id}`);
      ranges.set(
        stack.site,
        view.instances.flatMap((one: { guests: { vmid: number }[] }) => one.guests.map(({ vmid }) => vmid)),
      );
    }
    expect(ranges.get('town')?.every((vmid) => vmid < 2_000)).toBe(true);
    expect(ranges.get('village')?.every((vmid) => vmid >= 6_000)).toBe(true);
    const ran = hooksIn(town.world('all'))
      .slice(before)
      .filter(({ hook, unit }) => hook === 'install' && unit.startsWith('bastide-run-'))
      .map(({ guest }) => guest);
    expect(ran).toHaveLength(6);
    expect(new Set(ran).size).toBe(6);
  }, 180_000);

  it('a name is not given again before everything of the removed stack is gone', async () => {
    const { run } = await town.begin({ site: 'village', stack: 'twin', remove: true });
    await expect(town.begin({ site: 'village', stack: 'twin', blueprint: 'trio' })).rejects.toThrow('is being removed');
    await town.ends(run, 'succeeded', 120_000);
    const again = await town.begin({ site: 'village', stack: 'twin', blueprint: 'trio' });
    await town.ends(again.run, 'succeeded', 120_000);
  }, 300_000);
});
