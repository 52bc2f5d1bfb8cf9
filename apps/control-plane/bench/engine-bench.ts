// What the engine costs: steps per second with steps that do nothing, against bare BullMQ jobs on the same Redis; and the
// time from kill -9 of a worker to the step being carried on. Private servers in a scratch directory, gone afterwards.
// Run: node --import ./apps/control-plane/test/engine/ts-loader.mjs apps/control-plane/bench/engine-bench.ts
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker as BareWorker, Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { migrate } from '../src/adapters/database/migrate.js';
import { EmbeddedPostgres } from '../src/adapters/embedded/embedded-postgres.js';
import { EmbeddedRedis } from '../src/adapters/embedded/embedded-redis.js';
import { SILENT_LOG } from '../src/application/runs/engine-log.port.js';
import type { Executors } from '../src/application/runs/executor.js';
import type { RunId, StepId } from '../src/domain/ids.js';
import { EngineDatabase } from '../test/engine/engine-database.js';
import { type EngineSettings, EngineWorker } from '../test/engine/engine-worker.js';
import { FileWorld } from '../test/engine/file-world.js';
import { fresh, storedPlan } from '../test/engine/plans.js';
import { scratchDirectory } from '../test/engine/scratch-directory.js';
import { WorkerFleet } from '../test/engine/worker-fleet.js';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const rate = (count: number, ms: number): string => `${Math.round((count / ms) * 1_000)}/s`;

const directory = scratchDirectory();
const postgres = new EmbeddedPostgres({ directory, log: SILENT_LOG });
const redis = new EmbeddedRedis({ directory, log: SILENT_LOG });
await Promise.all([postgres.start(), redis.start()]);
const engine = new EngineDatabase({ url: postgres.url });
await migrate(engine.database.db);

const settings = (over: Partial<EngineSettings> = {}): EngineSettings => ({
  databaseUrl: postgres.url,
  redisUrl: redis.url,
  prefix: fresh('bench'),
  leaseMs: 30_000,
  sweepMs: 15_000,
  graceMs: 5_000,
  concurrency: 8,
  maxStarts: 5,
  ...over,
});

async function bareJobs(count: number, concurrency: number): Promise<number> {
  const prefix = fresh('bare');
  const asking = new Redis(redis.url, { maxRetriesPerRequest: null });
  const queue = new Queue('bare', { connection: asking, prefix });
  let done = 0;
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const countOne = async (): Promise<void> => {
    done += 1;
  };
  const from = performance.now();
  const worker = new BareWorker('bare', countOne, { connection, prefix, concurrency, removeOnComplete: { count: 0 } });
  for (let i = 0; i < count; i += 100)
    await queue.addBulk(Array.from({ length: 100 }, () => ({ name: 'x', data: {} })));
  while (done < count) await delay(5);
  const ms = performance.now() - from;
  await worker.close();
  await queue.close();
  connection.disconnect();
  asking.disconnect();
  return ms;
}

/** Runs of a chain and a fan each, all at once. */
async function engineSteps(runs: number, steps: number, concurrency: number): Promise<number> {
  const noop = async () => ({ output: {}, changes: [] });
  const executors = new Proxy({} as Executors, { get: () => noop });
  const worker = await EngineWorker.open(settings({ concurrency }), { executors }, SILENT_LOG);
  const sketch = Array.from({ length: steps }, (_, i) => ({
    id: `s${i}`,
    after: i === 0 ? [] : [`s${Math.floor((i - 1) / 4)}`],
  }));
  const plans = await Promise.all(Array.from({ length: runs }, () => storedPlan(engine, sketch)));
  await worker.worker.start();
  const from = performance.now();
  const ids = await Promise.all(
    plans.map(async (plan) => {
      const { run, rings } = await engine.runs.create(plan, { id: fresh('run') as RunId, actor: 'bench' });
      await Promise.all(rings.map((ring) => worker.queue.ring(ring)));
      return run.id;
    }),
  );
  for (;;) {
    const { open } = await engine.database.db
      .selectFrom('runs')
      .where('id', 'in', ids)
      .where('state', '=', 'running')
      .select((select) => select.fn.countAll<string>().as('open'))
      .executeTakeFirstOrThrow();
    if (Number(open) === 0) break;
    await delay(10);
  }
  const ms = performance.now() - from;
  await worker.close();
  return ms;
}

async function resumeAfterKill(leaseMs: number, sweepMs: number): Promise<number> {
  const world = new FileWorld(mkdtempSync(path.join(tmpdir(), 'bst-bench-')));
  const fleet = new WorkerFleet(world.directory, settings({ leaseMs, sweepMs }));
  world.script('a', { ms: 600_000 });
  const plan = await storedPlan(engine, [{ id: 'a', deadlineMs: 900_000 }]);
  await Promise.all([fleet.start(), fleet.start()]);
  const { run } = await engine.runs.create(plan, { id: fresh('run') as RunId, actor: 'bench' });
  const step = async () => (await engine.runs.get(run.id))?.steps.get('a' as StepId);
  while ((await step())?.outsideTask === undefined) await delay(20);
  const holder = (await step())?.holder ?? '';
  await fleet.kill(holder);
  const from = performance.now();
  while ((await step())?.epoch !== 2) await delay(10);
  const ms = performance.now() - from;
  await fleet.close();
  await engine.database.db.updateTable('runs').set({ state: 'left' }).where('id', '=', run.id).execute();
  rmSync(world.directory, { recursive: true, force: true });
  return ms;
}

try {
  for (const concurrency of [8, 32]) {
    await bareJobs(500, concurrency);
    say(`bare BullMQ jobs, concurrency ${concurrency}: ${rate(5_000, await bareJobs(5_000, concurrency))}`);
    say(
      `engine steps, 20 runs of 50, concurrency ${concurrency}: ${rate(1_000, await engineSteps(20, 50, concurrency))}`,
    );
  }
  say(`engine steps, 1 run of 500, concurrency 8: ${rate(500, await engineSteps(1, 500, 8))}`);
  for (const [lease, sweep] of [
    [1_000, 300],
    [30_000, 15_000],
  ] as const) {
    say(
      `kill -9 to carried on, lease ${lease} ms, sweep ${sweep} ms: ${Math.round(await resumeAfterKill(lease, sweep))} ms`,
    );
  }
} finally {
  await engine.close();
  await Promise.all([postgres.stop(), redis.stop()]);
  rmSync(directory, { recursive: true, force: true });
}
