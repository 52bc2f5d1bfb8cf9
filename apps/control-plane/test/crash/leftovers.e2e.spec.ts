import { setTimeout as delay } from 'node:timers/promises';
import { faultCall } from '../conformance/lab-substrate.js';
import { EngineDatabase } from '../engine/engine-database.js';
import { privatePostgres, privateRedis } from '../engine/private-servers.js';
import { type BundledWorker, bundleWorker } from './bundled-worker.js';
import { diedIn, type Kills, planKills } from './kill-plan.js';
import { Product } from './product.js';
import { WorkerCrew } from './worker-crew.js';

const STACK = { site: 'town', stack: 'base', blueprint: 'foundation' };

/** The whole product over an API-only lab: creations that are cut off, and what people do with their run then. */
describe('an install whose worker died while guests were being made', () => {
  const postgres = privatePostgres();
  const redis = privateRedis();
  let town: Product;
  let engine: EngineDatabase;
  let worker: BundledWorker;
  let crew: WorkerCrew | undefined;

  const fault = (body: Record<string, unknown> | undefined): Promise<void> => faultCall(town.access, body);
  const staff = async (world: string): Promise<void> => {
    crew = new WorkerCrew(town, worker.script, { count: 1, world, sweepMs: 200 });
    await crew.start();
  };
  /** Guests on the cluster, and disks that belong to a guest id. */
  const onCluster = async (): Promise<readonly string[]> => {
    const guests: { vmid: number }[] = await town.lab('GET', '/cluster/resources?type=vm');
    const disks: { volid: string; vmid?: number }[] = await town.lab('GET', '/nodes/lab1/storage/local-zfs/content');
    return [...guests.map(({ vmid }) => `guest ${vmid}`), ...disks.map(({ volid }) => volid)];
  };
  const nothingIsLeft = async (): Promise<void> => {
    expect(await onCluster()).toEqual([]);
    const { db } = engine.database;
    expect(await db.selectFrom('begun_guests').select('key').execute()).toEqual([]);
    expect(await db.selectFrom('guests').select('key').execute()).toEqual([]);
    expect(await db.selectFrom('reservations').select(['owner', 'value']).execute()).toEqual([]);
  };
  /** An install whose only worker dies where it is told to, and is not replaced; the run is cancelled then. */
  const cutOff = async (world: string, point: 'asking' | 'untold' | 'told'): Promise<string> => {
    const { plan, run } = await town.begin(STACK);
    const creations = plan.steps.filter(({ step }) => step.kind === 'guest.create');
    planKills(world, Object.fromEntries(creations.map(({ id }) => [keyOf(id), [point]])) as Kills);
    const victim = await town.startWorker(worker.script, [world, '0'], {
      BASTIDE_LEASE_MS: '800',
      BASTIDE_SWEEP_MS: '200',
    });
    victim.go();
    await victim.ended;
    expect(diedIn(world)).toContainEqual(expect.stringContaining(`${point} guest-create`));
    await town.ask('POST', `/runs/${run}/cancel`, {});
    // The next one knows nothing of what the first had planned.
    planKills(world, {});
    await staff(world);
    await town.ends(run, 'cancelled', 60_000);
    return run;
  };

  beforeAll(async () => {
    worker = await bundleWorker();
    town = new Product({ databaseUrl: postgres.url, redisUrl: redis.url, name: `rest${process.pid % 1000}` });
    await town.startLab(87, ['--faults']);
    await town.startApi();
    engine = new EngineDatabase({ url: postgres.url });
    await town.connect('town', 87);
  }, 180_000);

  afterEach(() => crew?.stop());
  afterAll(async () => {
    await crew?.stop().catch(() => {});
    worker.remove();
    await engine.close();
    await town.close();
  }, 90_000);

  it.each([
    ['before it asked for one', 'asking'],
    ['before it heard of the task', 'untold'],
    ['while the task ran', 'told'],
  ] as const)(
    '%s: undone, it leaves no guest and no disk on the cluster, recorded or not',
    async (_when, point) => {
      const run = await cutOff(town.world(`undo-${point}`), point);
      expect((await onCluster()).length > 0).toBe(point !== 'asking');
      const undo = await town.ask('POST', `/runs/${run}/undo`, {});
      const { steps } = await town.ends(undo.id, 'succeeded', 120_000);
      const clears = steps.filter(({ id }: { id: string }) => id.startsWith('guest.clear:'));
      // A creation whose task is known is carried to its end and recorded, although the run is cancelled.
      expect(clears.length > 0).toBe(point !== 'told');
      await town.ends(run, 'undone', 10_000);
      await nothingIsLeft();
    },
    240_000,
  );

  it('undone while its creation still runs, waits for its end; the worker that clears away may die too', async () => {
    const world = town.world('slow');
    await fault({ effect: 'task-slow', task: 'vzcreate', seconds: 6, times: 0 });
    const run = await cutOff(world, 'untold');
    await fault(undefined);
    await crew?.stop();
    const undo = await town.ask('POST', `/runs/${run}/undo`, {});
    const { steps } = await town.ask('GET', `/runs/${undo.id}`);
    const clears = steps.map(({ id }: { id: string }) => id).filter((id: string) => id.startsWith('guest.clear'));
    expect(clears).not.toEqual([]);
    planKills(world, Object.fromEntries(clears.map((id: string) => [keyOf(id), ['claimed', 'untold', 'done']])));
    await staff(world);
    await town.ends(undo.id, 'succeeded', 120_000);
    expect(diedIn(world).filter((one) => one.includes('guest-clear')).length).toBeGreaterThan(2);
    await nothingIsLeft();
  }, 240_000);

  it('left as it is and removed later, leaves nothing either, loose disks included; until then it is said what may be there', async () => {
    const run = await cutOff(town.world('left'), 'untold');
    const waits = async () =>
      ((await town.ask('GET', '/overview')).todos as { kind: string }[]).map(({ kind }) => kind);
    expect(await waits()).not.toContain('guests-unfinished');
    await town.ask('POST', `/runs/${run}/leave`, {});
    const [guest] = (await town.lab('GET', '/cluster/resources?type=vm')) as { vmid: number }[];
    expect(await waits()).toContain('guests-unfinished');
    const { stack } = (await town.ask('GET', `/runs/${run}`)).run;
    const { unfinished } = await town.ask('GET', `/stacks/${stack}`);
    expect(unfinished.flatMap(({ vmids }: { vmids: number[] }) => vmids)).toContain(guest!.vmid);
    const lxc = `/nodes/lab1/lxc/${guest!.vmid}`;
    await town.lab('DELETE', lxc);
    while ((await onCluster()).includes(`guest ${guest!.vmid}`)) await delay(100);
    await town.lab('POST', '/nodes/lab1/storage/local-zfs/content', {
      ...{ vmid: `${guest!.vmid}`, filename: `vm-${guest!.vmid}-disk-0`, size: '1G' },
    });
    expect(await onCluster()).toContainEqual(expect.stringContaining(`vm-${guest!.vmid}-disk-0`));
    const removal = await town.begin({ ...STACK, remove: true });
    await town.ends(removal.run, 'succeeded', 120_000);
    await nothingIsLeft();
    expect(await waits()).not.toContain('guests-unfinished');
  }, 240_000);

  it('planned and applied again, has each guest once; removed, nothing is left', async () => {
    const run = await cutOff(town.world('again'), 'untold');
    await town.ask('POST', `/runs/${run}/leave`, {});
    await town.ends((await town.begin(STACK)).run, 'succeeded', 180_000);
    const guests: { name: string }[] = await town.lab('GET', '/cluster/resources?type=vm');
    expect(guests.map(({ name }) => name).sort()).toEqual([...new Set(guests.map(({ name }) => name))].sort());
    expect(guests).toHaveLength((await engine.database.db.selectFrom('guests').select('key').execute()).length);
    expect((await town.ask('POST', '/plans', STACK)).steps).toEqual([]);
    await town.ends((await town.begin({ ...STACK, remove: true })).run, 'succeeded', 120_000);
    await nothingIsLeft();
  }, 300_000);

  it('with a guest that only root can unlock, says which, and goes on once that is done', async () => {
    const run = await cutOff(town.world('locked'), 'untold');
    const [guest] = (await town.lab('GET', '/cluster/resources?type=vm')) as { vmid: number }[];
    await fault({ effect: 'lock', vmid: guest!.vmid, lock: 'create' });
    const undo = await town.ask('POST', `/runs/${run}/undo`, {});
    const { steps } = await town.ends(undo.id, 'failed', 120_000);
    const failed = steps.filter(({ state }: { state: string }) => state === 'failed');
    expect(failed.map(({ problem }: any) => [problem.code, problem.remedy])).toEqual([
      ['guest.unfinished', expect.stringContaining(`pct unlock ${guest!.vmid}`)],
    ]);
    expect(await onCluster()).toContain(`guest ${guest!.vmid}`);
    await fault({ effect: 'unlock', vmid: guest!.vmid });
    // Asked for once more it is a new plan of what is left, though nobody wants the stack any more.
    const again = await town.ask('POST', `/runs/${run}/undo`, {});
    await town.ends(again.id, 'succeeded', 120_000);
    await town.ends(run, 'undone', 10_000);
    await nothingIsLeft();
  }, 240_000);
});

const keyOf = (step: string): string => step.toLowerCase().replace(/[^a-z0-9-]+/g, '-');
