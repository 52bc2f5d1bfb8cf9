import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunId } from '../../src/domain/ids.js';
import { Product, type StartedWorker } from '../crash/product.js';
import { EngineDatabase } from '../engine/engine-database.js';
import { privatePostgres, privateRedis } from '../engine/private-servers.js';
import { writeTrio } from './trio.js';

const KILLS = 5;
const possible = process.getuid?.() === 0 && existsSync('/usr/bin/lxc-start');
const story = possible ? describe : describe.skip;
if (!possible)
  process.stderr.write(
    'SKIPPED: the crash test with real guests needs root and LXC (infra/setup/setup.sh installs it)\n',
  );

/** Real guests, real SSH, the workers as they are delivered; killed at five random events of one install. */
story('an install on real guests whose worker dies', () => {
  const postgres = privatePostgres();
  const redis = privateRedis();
  const network = 100 + ((process.pid + 50) % 100);
  let product: Product;
  let engine: EngineDatabase;
  let worker: StartedWorker;
  const work = (): void => {
    worker = product.startProductionWorker({ BASTIDE_LEASE_MS: '2000', BASTIDE_SWEEP_MS: '500' });
  };

  beforeAll(async () => {
    product = new Product({ databaseUrl: postgres.url, redisUrl: redis.url, name: `real${process.pid % 1000}` });
    writeTrio(join(product.state, 'extra'));
    await product.startLab(network, ['--guests', 'lxc']);
    await product.lab('PUT', '/cluster/firewall/options?enable=1');
    await product.startApi();
    engine = new EngineDatabase({ url: postgres.url });
    await product.connect('town', network);
  }, 12 * 60_000);

  afterAll(async () => {
    await engine.close();
    await product.close();
  }, 5 * 60_000);

  const volumes = async (): Promise<string[]> =>
    (await product.lab('GET', '/nodes/lab1/storage/local-zfs/content')).map(({ volid }: { volid: string }) => volid);
  const machines = async (): Promise<{ vmid: number; name: string; status: string }[]> =>
    product.lab('GET', '/cluster/resources?type=vm');

  it(
    'B5: succeeds after five kills at random events, with every guest, volume, name and account once, and all of it works',
    async () => {
      const seed = Number(process.env.CRASH_SEED ?? Date.now() % 1_000_000);
      const { plan, run } = await product.begin({ site: 'town', stack: 'trio', blueprint: 'trio' });
      const at = killsAt(seed, 2 * plan.steps.length - 2);
      process.stderr.write(`CRASH_SEED=${seed}: kills after events ${at.join(', ')} of ${2 * plan.steps.length}\n`);
      const log = () => engine.runs.entries(run as RunId, 0, 100_000);
      const begun = Date.now();
      work();
      const waits: number[] = [];
      for (const count of at) {
        await until(async () => {
          const events = (await log()).filter(({ event }) => event.type === 'started' || event.type === 'succeeded');
          return events.length >= count;
        }, 120_000);
        await worker.kill();
        const died = Date.now();
        work();
        await until(
          async () => (await log()).some((entry) => entry.event.type === 'started' && entry.at > died),
          60_000,
        );
        waits.push(Date.now() - died);
      }
      await product.ends(run, 'succeeded', 240_000);
      process.stderr.write(
        `crash score: ${KILLS} of ${KILLS} kills survived on real guests in ${Date.now() - begun} ms; from kill -9 to the ` +
          `resumed step (with the start of a worker): ${waits.join(', ')} ms\n`,
      );

      expect((await product.ask('POST', '/plans', { site: 'town', stack: 'trio', blueprint: 'trio' })).steps).toEqual(
        [],
      );
      const { guests, bindings } = await recorded();
      expect((await machines()).map(({ name, vmid, status }) => `${name} ${vmid} ${status}`).sort()).toEqual(
        guests.map(({ spec, vmid }) => `${spec.hostname} ${vmid} running`).sort(),
      );
      expect(await volumes()).toHaveLength(guests.reduce((sum, { spec }) => sum + 1 + spec.volumes.length, 0));
      // A second account would have got another name.
      expect(bindings.map(({ offer }) => String(offer.username ?? offer.fqdn)).sort()).toEqual([
        'trio.visitor',
        'visitor.town.test',
      ]);
      const [stack] = await product.ask('GET', '/stacks?site=town');
      const checks = await product.ask('POST', `/stacks/${stack.id}/check`, {});
      expect(
        checks.map(({ instance, healthy }: { instance: string; healthy: boolean }) => [instance, healthy]).sort(),
      ).toEqual(['dns', 'redis', 'visitor'].map((instance) => [instance, true]));
    },
    8 * 60_000,
  );

  it(
    'B5: a removal whose worker dies leaves nothing',
    async () => {
      const { run } = await product.begin({ site: 'town', stack: 'trio', remove: true });
      await until(async () => (await machines()).some(({ status }) => status === 'stopped'), 60_000);
      await worker.kill();
      work();
      await product.ends(run, 'succeeded', 120_000);
      expect(await machines()).toEqual([]);
      expect(await volumes()).toEqual([]);
      expect(await recorded()).toEqual({ guests: [], bindings: [] });
    },
    4 * 60_000,
  );

  async function recorded() {
    const { db } = engine.database;
    const guests = await db.selectFrom('guests').select('body').execute();
    const bindings = await db.selectFrom('bindings').select('body').execute();
    return { guests: guests.map(({ body }) => body), bindings: bindings.map(({ body }) => body) };
  }
});

async function until(holds: () => Promise<boolean>, withinMs: number): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`it did not come to that within ${withinMs} ms`);
    await delay(40);
  }
}

/** Different numbers from 1 to `most`, growing; the same for the same seed. */
function killsAt(seed: number, most: number): number[] {
  const found = new Set<number>();
  for (let x = seed + 1; found.size < KILLS; ) {
    x = (x * 48_271) % 2_147_483_647;
    found.add(1 + (x % most));
  }
  return [...found].sort((a, b) => a - b);
}
