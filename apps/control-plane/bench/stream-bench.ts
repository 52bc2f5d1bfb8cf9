/**
 * What it costs to follow a run: 5,000 log lines a second from ten steps of a worker process, read by 50 readers over HTTP from
 * the API process, beside readers that stop reading for the whole time. Every reader must get every line once and in order.
 * Latency is told twice: from the line (what a hook printed) and from the commit of its entry to the reader's socket. Memory and
 * time of the processor are those of the API process alone; the servers are private ones, gone afterwards. After `npm run build`:
 * node dist/apps/control-plane/bench/stream-bench.js [--lines 5000] [--readers 50] [--stalled 2] [--seconds 10] [--disk no]
 * --disk no: commits do not wait for the disk, which on a crowded machine is most of what is measured.
 */
import 'reflect-metadata';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import http from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { sql } from 'kysely';
import { SystemClock } from '../src/adapters/clock/system-clock.js';
import { migrate } from '../src/adapters/database/migrate.js';
import { EmbeddedPostgres } from '../src/adapters/embedded/embedded-postgres.js';
import { SILENT_LOG } from '../src/application/runs/engine-log.port.js';
import { FollowRun } from '../src/application/runs/follow-run.js';
import { RunControl } from '../src/application/runs/run-control.js';
import { decideClaim, decideSucceed } from '../src/application/runs/run-decisions.js';
import type { Lease } from '../src/application/runs/run-store.port.js';
import { StepJournal } from '../src/application/runs/step-journal.js';
import type { RunId, StepId } from '../src/domain/ids.js';
import type { LogEntry } from '../src/domain/run/run.js';
import { furnish } from '../src/http/api.js';
import { RunsController } from '../src/http/controllers/runs.controller.js';
import * as tokens from '../src/http/tokens.js';
import { EngineDatabase } from '../test/engine/engine-database.js';
import { fresh, storedPlan } from '../test/engine/plans.js';
import { scratchDirectory } from '../test/engine/scratch-directory.js';

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '5000' },
    readers: { type: 'string', default: '50' },
    stalled: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '10' },
    disk: { type: 'string', default: 'yes' },
    role: { type: 'string', default: 'api' },
    at: { type: 'string', default: '' },
    run: { type: 'string', default: '' },
  },
});
const PER_SECOND = Number(values.lines);
const READERS = Number(values.readers);
const STALLED = Number(values.stalled);
const SECONDS = Number(values.seconds);
const STEPS = 10;
const TICK_MS = 20;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const ranks = (given: readonly number[]): string => {
  const sorted = [...given].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return `min ${at(0)}, median ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)} ms`;
};

/** A worker: ten steps that print, each through its journal. */
async function write(url: string, run: RunId): Promise<void> {
  const engine = new EngineDatabase({ url });
  const leases: Lease[] = [];
  for (let step = 0; step < STEPS; step += 1) {
    const id = `s${step}` as StepId;
    const claim = await engine.runs.commit(run, (now) =>
      decideClaim(now, id, 'bench', { leaseMs: 600_000, maxStarts: 5 }),
    );
    if (claim?.claim === undefined) throw new Error(`${id} could not be claimed`);
    leases.push(claim.claim.lease);
  }
  const warn = (): void => void process.stdout.write('LINES LOST BY A JOURNAL\n');
  const appends: number[] = [];
  const append: EngineDatabase['runs']['append'] = async (...given) => {
    const before = performance.now();
    const held = await engine.runs.append(...given);
    appends.push(Math.round(performance.now() - before));
    return held;
  };
  const journals = leases.map((lease) => new StepJournal({ append }, lease, { ...SILENT_LOG, warn }));
  const printed = journals.map(() => 0);
  const was = busy();
  const from = Date.now();
  let all = 0;
  while (Date.now() - from < SECONDS * 1_000) {
    // By the clock, not by the tick: a late tick prints more.
    const due = Math.floor(((Date.now() - from) / 1_000) * PER_SECOND);
    const at = Date.now();
    for (; all < due; all += 1) {
      const step = all % STEPS;
      const text = `${printed[step]} Setting up package of many (1.2.3-4), and what else a line of this length may say`;
      printed[step] = (printed[step] ?? 0) + 1;
      journals[step]?.log([{ at, stream: 'stdout', text }]);
    }
    await delay(TICK_MS);
  }
  await Promise.all(journals.map((journal) => journal.close()));
  for (const lease of leases) await engine.runs.commit(run, (now) => decideSucceed(now, lease, {}, []));
  await engine.close();
  process.send?.({ written: all, ms: Date.now() - from, was: was(), appends: ranks(appends) });
}

/** How busy this process was, and how long the machine kept it waiting: on a crowded one that is most of what is measured. */
function busy(): () => string {
  const loop = monitorEventLoopDelay({ resolution: 5 });
  loop.enable();
  const cpu = process.cpuUsage();
  const from = performance.now();
  return () => {
    const used = process.cpuUsage(cpu);
    const share = Math.round((used.user + used.system) / 10 / (performance.now() - from));
    const late = (rank: number): number => Math.round(loop.percentile(rank) / 1e6);
    return `${share} % of a core, event loop late by ${late(50)} ms (median), ${late(99)} ms (p99)`;
  };
}

interface Told {
  readonly seq: number;
  readonly faults: number;
  readonly lines: number;
}

/** Fifty dashboards. Frames are the same for all of them, so each is parsed once. */
async function read(url: string): Promise<void> {
  const was = busy();
  const parsed = new Map<string, LogEntry>();
  const entryOf = (data: string): LogEntry => {
    const known = parsed.get(data);
    if (known) return known;
    const entry = JSON.parse(data) as LogEntry;
    if (parsed.size > 2_000) parsed.delete(parsed.keys().next().value as string);
    parsed.set(data, entry);
    return entry;
  };
  const fromLine: number[] = [];
  const fromCommit: number[] = [];
  const follow = async (stalled: boolean): Promise<Told> => {
    const [response] = (await once(http.get(url, { agent: false }), 'response')) as [http.IncomingMessage];
    if (stalled) {
      response.pause();
      await delay((SECONDS + 1) * 1_000);
      response.resume();
    }
    response.setEncoding('utf8');
    let seq = 0;
    let faults = 0;
    let lines = 0;
    let rest = '';
    const next: Record<string, number> = {};
    for await (const chunk of response) {
      const frames = (rest + (chunk as string)).split('\n\n');
      rest = frames.pop() ?? '';
      const now = Date.now();
      for (const frame of frames) {
        const data = frame.slice(frame.indexOf('\ndata: ') + 7);
        if (!frame.includes('event: entry')) continue;
        const entry = entryOf(data);
        if (entry.seq !== seq + 1) faults += 1;
        seq = entry.seq;
        if (entry.event.type !== 'log') continue;
        if (!stalled) fromCommit.push(now - entry.at);
        for (const line of entry.event.lines) {
          const wanted = next[entry.step as string] ?? 0;
          if (Number(line.text.split(' ', 1)[0]) !== wanted) faults += 1;
          next[entry.step as string] = wanted + 1;
          lines += 1;
          if (!stalled && lines % 10 === 0) fromLine.push(now - line.at);
        }
      }
    }
    return { seq, faults, lines };
  };
  const told = await Promise.all(Array.from({ length: READERS + STALLED }, (_, at) => follow(at >= READERS)));
  process.send?.({ told, fromLine: ranks(fromLine), fromCommit: ranks(fromCommit), was: was() });
}

async function serve(): Promise<void> {
  const directory = scratchDirectory();
  const postgres = new EmbeddedPostgres({ directory, log: SILENT_LOG });
  await postgres.start();
  const engine = new EngineDatabase({ url: postgres.url });
  if (values.disk === 'no') await sql`alter role current_user set synchronous_commit = off`.execute(engine.database.db);
  await migrate(engine.database.db);
  const follow = new FollowRun(engine.runs, new SystemClock());
  const acts = { follow } as unknown as ConstructorParameters<typeof RunControl>[1];
  @Module({
    controllers: [RunsController],
    providers: [
      { provide: tokens.RUN_STORE, useValue: engine.runs },
      { provide: tokens.PLAN_STORE, useValue: engine.plans },
      { provide: tokens.RUN_CONTROL, useValue: new RunControl(engine.runs, acts) },
    ],
  })
  class Api {}
  const app = await NestFactory.create<NestExpressApplication>(Api, { logger: ['error'] });
  furnish(app);
  await app.listen(0, '127.0.0.1');
  const base = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const children: ChildProcess[] = [];
  try {
    const plan = await storedPlan(
      engine,
      Array.from({ length: STEPS }, (_, at) => ({ id: `s${at}` })),
    );
    const { run } = await engine.runs.create(plan, { id: fresh('run') as RunId, actor: 'bench' });
    const child = (role: string, at: string): ChildProcess => {
      const made = fork(process.argv[1] as string, [
        ...process.argv.slice(2),
        '--role',
        role,
        '--at',
        at,
        '--run',
        run.id,
      ]);
      children.push(made);
      made.on('exit', (code) => code === 0 || code === null || process.exit(1));
      return made;
    };
    const reader = child('read', `${base}/api/v1/runs/${run.id}/events`);
    const readEnd = once(reader, 'message');
    await delay(1_500);
    collect();
    const was = busy();
    const writeEnd = once(child('write', postgres.url), 'message');
    const heaps: number[] = [];
    const mib = (): number =>
      Math.round(process.memoryUsage().heapUsed / 2 ** 20 + process.memoryUsage().external / 2 ** 20);
    // As it is: a collection by force would stop the very process whose delays are measured.
    const sampler = setInterval(() => heaps.push(mib()), 1_000);
    const [{ written, ms, was: writer, appends }] = (await writeEnd) as [
      Record<'written' | 'ms', number> & Record<'was' | 'appends', string>,
    ];
    clearInterval(sampler);
    const api = was();
    const [read] = (await readEnd) as [{ told: Told[]; fromLine: string; fromCommit: string; was: string }];
    const { told, fromLine, fromCommit } = read;
    collect();
    const wrong = told.filter(({ faults, lines }) => faults > 0 || lines !== written);
    const entries = told[0]?.seq ?? 0;
    say(
      `${written} lines in ${entries} entries in ${ms} ms (${Math.round((written / ms) * 1_000)}/s) to ${READERS} readers and ${STALLED} that stalled`,
    );
    say(`  from the line: ${fromLine}`);
    say(`  to write a batch of lines, commit included: ${appends}`);
    say(`  from the commit's time in the log: ${fromCommit}`);
    say(`  readers that miss, repeat or mix up lines: ${wrong.length} of ${told.length}`);
    say(`  API: ${api}`);
    say(`  worker: ${writer}`);
    say(`  readers: ${read.was}`);
    say(`  API, heap and buffers by the second, MiB: ${heaps.join(' ')}, after: ${mib()}`);
  } finally {
    for (const each of children) each.kill();
    await app.close();
    await engine.close();
    await postgres.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

if (values.role === 'write') await write(values.at, values.run as RunId);
else if (values.role === 'read') await read(values.at);
else await serve();
process.exit(0);
