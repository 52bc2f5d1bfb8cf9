import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { EngineDatabase } from '../../../test/engine/engine-database.js';
import { eventually } from '../../../test/engine/eventually.js';
import { fresh, recordedGuest, recordedInstance, type StepSketch, storedPlan } from '../../../test/engine/plans.js';
import { privatePostgres } from '../../../test/engine/private-servers.js';
import { FollowRun } from '../../application/runs/follow-run.js';
import {
  type Claim,
  decideCancel,
  decideClaim,
  decideExpire,
  decideFailure,
  decideHandOver,
  decideLeave,
  decideRetry,
  decideSucceed,
  decideUndo,
} from '../../application/runs/run-decisions.js';
import type { RunId, StepId } from '../../domain/ids.js';
import type { Plan } from '../../domain/plan/plan.js';
import { deriveRun } from '../../domain/run/derive.js';
import { SystemClock } from '../clock/system-clock.js';
import { migrate } from './migrate.js';

const id = (name: string): StepId => name as StepId;
const CLAIM = { leaseMs: 60_000, maxStarts: 5 };
const FAILURE = { code: 'test.broken', retryable: 'never', message: 'broken' } as const;

describe('run store on PostgreSQL', () => {
  const postgres = privatePostgres();
  let engine: EngineDatabase;
  beforeAll(async () => {
    engine = new EngineDatabase({ url: postgres.url });
    await migrate(engine.database.db);
  });
  afterAll(() => engine.close());

  const started = async (
    steps: readonly StepSketch[],
    over: Partial<Plan> = {},
  ): Promise<{ run: RunId; plan: Plan }> => {
    const plan = await storedPlan(engine, steps, over);
    const { run } = await engine.runs.create(plan, { id: fresh('run') as RunId, actor: 'admin' });
    return { run: run.id, plan };
  };
  const claim = async (run: RunId, step: string, holder = 'w1', options = CLAIM): Promise<Claim | undefined> =>
    (await engine.runs.commit(run, (snapshot) => decideClaim(snapshot, id(step), holder, options)))?.claim;
  const claimed = async (run: RunId, step: string, holder = 'w1', options = CLAIM): Promise<Claim> => {
    const got = await claim(run, step, holder, options);
    if (got === undefined) throw new Error(`${step} could not be claimed`);
    return got;
  };
  const succeed = async (run: RunId, step: string) => {
    const { lease } = await claimed(run, step);
    return engine.runs.commit(run, (snapshot) => decideSucceed(snapshot, lease, { ok: true }, []));
  };
  const states = async (run: RunId): Promise<Record<string, string>> => {
    const snapshot = await engine.runs.get(run);
    return Object.fromEntries([...(snapshot?.steps ?? [])].map(([step, status]) => [step, status.state]));
  };
  const expectLogToTellTheSame = async (run: RunId, plan: Plan): Promise<void> => {
    const snapshot = await engine.runs.get(run);
    const derived = deriveRun(
      plan.steps.map((step) => step.id),
      await engine.runs.entries(run, 0, 10_000),
    );
    expect(derived.state).toBe(snapshot?.run.state);
    expect(derived.seq).toBe(snapshot?.run.lastSeq);
    for (const [step, record] of derived.steps) {
      const stored = { ...snapshot?.steps.get(step) } as Record<string, unknown>;
      for (const key of ['after', 'weightMs', 'deadlineMs', 'leaseUntil', 'outsideTask']) delete stored[key];
      expect(stored).toEqual(record);
    }
  };

  it('starts a run with its first steps ready, and goes on as steps succeed', async () => {
    const plan = await storedPlan(engine, [{ id: 'a' }, { id: 'b', after: ['a'] }, { id: 'c', after: ['b'] }]);
    const run = fresh('run') as RunId;
    const created = await engine.runs.create(plan, { id: run, actor: 'admin' });
    expect(created.rings).toEqual([{ run, step: 'a', epoch: 0 }]);
    expect(created.run).toMatchObject({ state: 'running', actor: 'admin', site: 'demo', lastSeq: 2 });
    expect(await succeed(run, 'a')).toMatchObject({ outcome: { rings: [{ step: 'b', epoch: 0 }] } });
    expect(await states(run)).toEqual({ a: 'succeeded', b: 'ready', c: 'waiting' });
    await succeed(run, 'b');
    expect(await succeed(run, 'c')).toMatchObject({ outcome: { state: 'succeeded' } });
    expect((await engine.runs.get(run))?.run.finishedAt).toBeGreaterThan(0);
    await expectLogToTellTheSame(run, plan);
  });

  it('lets a plan without steps succeed at once', async () => {
    const { run } = await started([]);
    expect((await engine.runs.get(run))?.run.state).toBe('succeeded');
  });

  it('gives a step to one of many claimants', async () => {
    const { run } = await started([{ id: 'a' }]);
    const claims = await Promise.all(Array.from({ length: 12 }, (_, i) => claim(run, 'a', `w${i}`)));
    expect(claims.filter((got) => got !== undefined)).toHaveLength(1);
  });

  it('lets one run of a stack be under way, however many are started at once', async () => {
    const plan = await storedPlan(engine, [{ id: 'a' }]);
    const starts = await Promise.allSettled(
      Array.from({ length: 8 }, () => engine.runs.create(plan, { id: fresh('run') as RunId, actor: 'admin' })),
    );
    expect(starts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const start of starts) {
      if (start.status === 'rejected') expect(start.reason).toMatchObject({ problem: { code: 'stack.busy' } });
    }
  });

  it('wants what a plan wants from its run on, and not when it is refused: a removal that comes too early hides no stack', async () => {
    const { plan } = await started([{ id: 'a' }]);
    const removal = { ...plan, id: fresh('pln') as Plan['id'], operation: 'remove' as const };
    const gone = { ...removal, wanted: { ...plan.wanted, state: 'removed' as const } };
    await engine.plans.makeAndPut('demo', Date.now() + 60_000, async () => gone);
    const create = engine.runs.create(gone, { id: fresh('run') as RunId, actor: 'admin' });
    await expect(create).rejects.toMatchObject({ problem: { code: 'stack.busy' } });
    expect(await engine.stacks.findStack('demo', plan.stackName)).toEqual(plan.wanted);
  });

  it('starts no run of a new stack whose name another one has by then', async () => {
    const { plan } = await started([{ id: 'a' }]);
    const other = { ...plan.wanted, id: fresh('stk') as Plan['stack'] };
    const late = { ...plan, id: fresh('pln') as Plan['id'], stack: other.id, wanted: other };
    await engine.plans.makeAndPut('demo', Date.now() + 60_000, async () => late);
    const create = engine.runs.create(late, { id: fresh('run') as RunId, actor: 'admin' });
    await expect(create).rejects.toMatchObject({ problem: { code: 'conflict', subject: `stack ${plan.stackName}` } });
    expect(await engine.stacks.getStack(other.id)).toBeUndefined();
  });

  it('changes the domain of a site with the run that carries it out, which has the site for itself', async () => {
    const order = { from: 'demo.test', to: 'town.example', rewrite: true, values: [] };
    const other = await storedPlan(engine, [{ id: 'a' }]);
    const alongside = { ...other.wanted, config: { wiki: { contact: 'it@town.example' } } };
    const plan = await storedPlan(engine, [{ id: 'a' }], { orders: { domain: order }, alongside: [alongside] });
    const begin = (of: Plan) => engine.runs.create(of, { id: fresh('run') as RunId, actor: 'admin' });
    const busy = { problem: { code: 'stack.busy' } };
    const first = (await begin(other)).run.id;
    const inTheWay = await engine.runs.list({ site: 'demo', states: ['running', 'cancelling', 'undoing'] });
    await expect(begin(plan)).rejects.toMatchObject(busy);
    expect((await engine.stacks.getSite('demo'))?.domain).toBe('demo.test');
    // Runs that other tests left open are in the way too.
    for (const { id: open } of inTheWay)
      await engine.database.db.updateTable('runs').set({ state: 'left' }).where('id', '=', open).execute();
    expect(inTheWay.map((run) => run.id)).toContain(first);

    const { run } = await begin(plan);
    expect(await engine.stacks.getSite('demo')).toMatchObject({
      domain: 'town.example',
      adminEmail: 'admin@town.example',
    });
    expect(await engine.stacks.getStack(other.stack)).toEqual(alongside);
    await expect(begin(other)).rejects.toMatchObject(busy);
    await succeed(run.id, 'a');
    await begin(other);
  });

  it('writes success, what it unblocks and what it records as one: a change that cannot be written undoes all', async () => {
    const { run, plan } = await started([{ id: 'a' }, { id: 'b', after: ['a'] }]);
    const { lease } = await claimed(run, 'a');
    const missing = { type: 'guest-host-keys', guest: recordedGuest(plan.wanted, 'nobody').id, hostKeys: [] } as const;
    await expect(engine.runs.commit(run, (snapshot) => decideSucceed(snapshot, lease, {}, [missing]))).rejects.toThrow(
      'is not recorded',
    );
    expect(await states(run)).toEqual({ a: 'running', b: 'waiting' });
    const key = `${plan.stackName}/wiki/app`;
    const changes = [
      { type: 'instance-put', instance: recordedInstance(plan.wanted) },
      { type: 'guest-put', guest: recordedGuest(plan.wanted, key) },
    ] as const;
    await engine.runs.commit(run, (snapshot) => decideSucceed(snapshot, lease, {}, changes));
    expect(await states(run)).toEqual({ a: 'succeeded', b: 'ready' });
    expect(await engine.stacks.findGuest(plan.site, key)).toMatchObject({ node: 'lab1' });
  });

  it('answers a success that is told twice with the same', async () => {
    const { run, plan } = await started([{ id: 'a' }]);
    const { lease } = await claimed(run, 'a');
    const tell = () => engine.runs.commit(run, (snapshot) => decideSucceed(snapshot, lease, {}, []));
    await tell();
    expect(await tell()).toMatchObject({ lost: false });
    await expectLogToTellTheSame(run, plan);
  });

  it('takes a step from a silent holder, who can write nothing any more; the new one gets the outside task', async () => {
    const { run, plan } = await started([{ id: 'a' }]);
    const first = await claimed(run, 'a', 'w1', { leaseMs: 50, maxStarts: 5 });
    expect(await engine.runs.saveTask(first.lease, 'UPID:1')).toBe(true);
    await delay(80);
    const due = await engine.runs.due(1_000);
    const ring = due?.expired.find((expired) => expired.run === run);
    expect(ring).toMatchObject({ step: 'a', epoch: 1 });
    if (ring === undefined) return;
    await engine.runs.commit(run, (snapshot) => decideExpire(snapshot, ring));
    const second = await claimed(run, 'a', 'w2');
    expect(second).toMatchObject({ attempt: 2, outsideTask: 'UPID:1', lease: { epoch: 2 } });
    expect(await engine.runs.heartbeat(first.lease, 1_000)).toEqual({ held: false, cancelling: false });
    expect(await engine.runs.append(first.lease, [{ type: 'log', lines: [] }])).toBe(false);
    expect(await engine.runs.saveTask(first.lease, 'UPID:2')).toBe(false);
    const late = await engine.runs.commit(run, (snapshot) => decideSucceed(snapshot, first.lease, {}, []));
    expect(late).toEqual({ lost: true });
    expect(await engine.runs.heartbeat(second.lease, 1_000)).toEqual({ held: true, cancelling: false });
    await expectLogToTellTheSame(run, plan);
  });

  it('does not take a step from a holder who answered in the last moment', async () => {
    const { run } = await started([{ id: 'a' }]);
    const { lease } = await claimed(run, 'a', 'w1', { leaseMs: 30, maxStarts: 5 });
    await delay(60);
    await engine.runs.heartbeat(lease, 60_000);
    const outcome = await engine.runs.commit(run, (snapshot) =>
      decideExpire(snapshot, { run, step: id('a'), epoch: 1 }),
    );
    expect(outcome).toBeUndefined();
    expect(await states(run)).toEqual({ a: 'running' });
  });

  it('takes a step out of the way that was started five times and never ended', async () => {
    const { run, plan } = await started([{ id: 'a' }, { id: 'b', after: ['a'] }]);
    for (let i = 1; i <= 5; i += 1) {
      await claimed(run, 'a', `w${i}`, { leaseMs: 1, maxStarts: 5 });
      await delay(5);
      await engine.runs.commit(run, (snapshot) => decideExpire(snapshot, { run, step: id('a'), epoch: i }));
    }
    expect(await claim(run, 'a')).toBeUndefined();
    expect(await states(run)).toEqual({ a: 'quarantined', b: 'blocked' });
    const snapshot = await engine.runs.get(run);
    expect(snapshot?.run.state).toBe('failed');
    expect(snapshot?.steps.get(id('a'))?.failure?.message).toContain('Started 5 times');
    await engine.runs.commit(run, (now) => decideRetry(now, 'admin', [id('a')]));
    expect(await states(run)).toEqual({ a: 'ready', b: 'waiting' });
    await expectLogToTellTheSame(run, plan);
  });

  it('retries by the class of the failure, and rings when the time has come', async () => {
    const { run, plan } = await started([{ id: 'a' }]);
    const { lease } = await claimed(run, 'a');
    const failure = { code: 'substrate.unreachable', retryable: 'now', message: 'no answer' } as const;
    const policy = { now: { firstMs: 60, maxMs: 60, retries: 1 }, later: { firstMs: 1, maxMs: 1 } };
    const settled = await engine.runs.commit(run, (snapshot) =>
      decideFailure(snapshot, lease, failure, { jitter: 0, policy }),
    );
    expect(settled).toMatchObject({ outcome: { later: [{ ring: { step: 'a', epoch: 1 } }] } });
    expect(await claim(run, 'a')).toBeUndefined();
    await eventually(async () => {
      expect((await engine.runs.due(1_000))?.ready).toContainEqual({ run, step: 'a', epoch: 1 });
    });
    const again = await claimed(run, 'a');
    expect(again).toMatchObject({ attempt: 2, retries: 1 });
    await engine.runs.commit(run, (snapshot) => decideFailure(snapshot, again.lease, failure, { jitter: 0, policy }));
    expect(await states(run)).toEqual({ a: 'failed' });
    await expectLogToTellTheSame(run, plan);
  });

  it('remembers an outside task over a hand-over, and forgets it with a recorded failure', async () => {
    const { run } = await started([{ id: 'a' }]);
    const first = await claimed(run, 'a');
    await engine.runs.saveTask(first.lease, 'UPID:7');
    await engine.runs.commit(run, (snapshot) => decideHandOver(snapshot, first.lease, 'worker stops'));
    const second = await claimed(run, 'a', 'w2');
    expect(second.outsideTask).toBe('UPID:7');
    await engine.runs.commit(run, (snapshot) => decideFailure(snapshot, second.lease, FAILURE, { jitter: 0 }));
    await engine.runs.commit(run, (snapshot) => decideRetry(snapshot, 'admin'));
    expect((await claimed(run, 'a')).outsideTask).toBeUndefined();
  });

  it('remembers an outside task over a try that failed for our own database, so that no other begins beside it', async () => {
    const { run } = await started([{ id: 'a' }]);
    const first = await claimed(run, 'a');
    await engine.runs.saveTask(first.lease, 'bastide-run-7-a-1');
    const away = { code: 'database.unavailable', retryable: 'now', message: 'PostgreSQL does not answer' } as const;
    const policy = { now: { firstMs: 1, maxMs: 1, retries: 3 }, later: { firstMs: 1, maxMs: 1 } };
    await engine.runs.commit(run, (snapshot) => decideFailure(snapshot, first.lease, away, { jitter: 0, policy }));
    await eventually(async () => expect((await claimed(run, 'a', 'w2')).outsideTask).toBe('bastide-run-7-a-1'));
  });

  it('cancels what has not started at once, and lets a running step hear it', async () => {
    const { run, plan } = await started([{ id: 'a' }, { id: 'b' }, { id: 'c', after: ['a'] }]);
    const { lease } = await claimed(run, 'a');
    const heard: string[] = [];
    const stop = engine.runs.watch(run, (what) => heard.push(what));
    await engine.runs.commit(run, (snapshot) => decideCancel(snapshot, 'admin'));
    expect(await states(run)).toEqual({ a: 'running', b: 'cancelled', c: 'cancelled' });
    expect(await engine.runs.heartbeat(lease, 1_000)).toEqual({ held: true, cancelling: true });
    expect(heard).toContain('run');
    stop();
    await engine.runs.commit(run, (snapshot) => decideSucceed(snapshot, lease, {}, []));
    expect((await engine.runs.get(run))?.run.state).toBe('cancelled');
    await expectLogToTellTheSame(run, plan);
  });

  it('refuses to go on with a run while another one of the stack is under way', async () => {
    const { run, plan } = await started([{ id: 'a' }]);
    const { lease } = await claimed(run, 'a');
    await engine.runs.commit(run, (snapshot) => decideFailure(snapshot, lease, FAILURE, { jitter: 0 }));
    await engine.runs.create(plan, { id: fresh('run') as RunId, actor: 'admin' });
    await expect(engine.runs.commit(run, (snapshot) => decideRetry(snapshot, 'admin'))).rejects.toMatchObject({
      problem: { code: 'stack.busy' },
    });
  });

  it('lets only the undoing run in while a run is being undone, and closes it when that one has succeeded', async () => {
    const { run, plan } = await started([{ id: 'a' }, { id: 'b', after: ['a'] }]);
    const { lease } = await claimed(run, 'a');
    await engine.runs.commit(run, (snapshot) => decideFailure(snapshot, lease, FAILURE, { jitter: 0 }));
    await engine.runs.commit(run, (snapshot) => decideUndo(snapshot, 'admin'));
    await expect(engine.runs.create(plan, { id: fresh('run') as RunId, actor: 'admin' })).rejects.toMatchObject({
      problem: { code: 'stack.busy' },
    });
    const undoing = await engine.runs.create(plan, { id: fresh('run') as RunId, actor: 'admin', undoes: run });
    await succeed(undoing.run.id, 'a');
    await succeed(undoing.run.id, 'b');
    expect((await engine.runs.due(1_000))?.undone).toContain(run);
  });

  it('keeps reservations of what exists, and gives back those of what was never started', async () => {
    const owner = (name: string): string => `x/${name}/app`;
    const held = async (): Promise<string[]> =>
      (await engine.stacks.recorded('demo')).reservations.filter((r) => r.scope === 'leave').map((r) => r.owner);
    const reserve = (name: string, value: string) =>
      ({ kind: 'guest-id', scope: 'leave', value, owner: owner(name) }) as const;
    const { run, plan } = await started([{ id: 'a' }], {
      reservations: [reserve('there', '1'), reserve('never', '2')],
    });
    expect(await held()).toEqual([owner('there'), owner('never')]);
    const { lease } = await claimed(run, 'a');
    await engine.runs.commit(run, (snapshot) => ({
      ...decideFailure(snapshot, lease, FAILURE, { jitter: 0 }),
      changes: [{ type: 'guest-put', guest: recordedGuest(plan.wanted, owner('there')) }],
    }));
    await engine.runs.commit(run, (snapshot) => decideLeave(snapshot, 'admin'));
    expect(await held()).toEqual([owner('there')]);
  });

  it('numbers entries without gaps in the order of their commits, however many write at once', async () => {
    const { run } = await started([{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
    const claims = await Promise.all(['a', 'b', 'c'].map((step) => claimed(run, step)));
    const seen: number[] = [];
    let done = false;
    const reader = (async () => {
      let last = 0;
      while (!done) {
        for (const entry of await engine.runs.entries(run, last, 1_000)) {
          last = entry.seq;
          seen.push(entry.seq);
        }
      }
    })();
    await Promise.all(
      claims.map(async ({ lease }) => {
        for (let i = 0; i < 30; i += 1) {
          await engine.runs.append(lease, [{ type: 'log', lines: [{ at: i, stream: 'stdout', text: `${i}` }] }]);
        }
      }),
    );
    await delay(50);
    done = true;
    await reader;
    // A reader that only ever asks for "after" has missed nothing.
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => i + 1));
    expect(seen.length).toBe((await engine.runs.get(run))?.run.lastSeq);
  });

  it('never lets the run log be changed', async () => {
    const { run } = await started([{ id: 'a' }]);
    for (const statement of ['update run_events set type = type', 'delete from run_events', 'truncate run_events']) {
      await expect(sql.raw(statement).execute(engine.database.db)).rejects.toThrow('only grows');
    }
    expect((await engine.runs.entries(run, 0, 10)).length).toBeGreaterThan(0);
  });

  it('frees the run when a worker is suspended in the middle of a transaction', async () => {
    const { run } = await started([{ id: 'a' }]);
    const suspended = new EngineDatabase({ url: postgres.url, idleInTransactionMs: 300 });
    let resume: () => void = () => {};
    let locked: () => void = () => {};
    const isLocked = new Promise<void>((resolve) => {
      locked = resolve;
    });
    const held = suspended.database.db.transaction().execute(async (tx) => {
      await tx.selectFrom('runs').selectAll().where('id', '=', run).forUpdate().execute();
      locked();
      await new Promise<void>((resolve) => {
        resume = resolve;
      });
      await tx.selectFrom('runs').selectAll().execute();
    });
    const failed = expect(held).rejects.toThrow();
    await isLocked;
    expect(await claim(run, 'a')).toBeDefined();
    resume();
    await failed;
    await suspended.close();
  });

  it('hands every entry to all who follow, from wherever they come, while several steps write', async () => {
    const { run } = await started([{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
    const leases = await Promise.all(['a', 'b', 'c'].map(async (step) => (await claimed(run, step)).lease));
    // Another process reads than the one that writes.
    const reading = new EngineDatabase({ url: postgres.url });
    const follow = new FollowRun(reading.runs, new SystemClock());
    const read = async (after: number): Promise<number[]> => {
      const seqs: number[] = [];
      for await (const portion of follow.execute(run, after, new AbortController().signal))
        seqs.push(...portion.map(({ seq }) => seq));
      return seqs;
    };
    const readers = Array.from({ length: 10 }, () => read(0));
    for (let round = 0; round < 30; round += 1) {
      if (round % 10 === 5) readers.push(read(round));
      const lines = [{ at: round, stream: 'stdout' as const, text: `${round}` }];
      await Promise.all(leases.map((lease) => engine.runs.append(lease, [{ type: 'log', lines }])));
    }
    for (const lease of leases) await engine.runs.commit(run, (now) => decideSucceed(now, lease, {}, []));
    const last = (await engine.runs.head(run))?.lastSeq ?? 0;
    const told = await Promise.all(readers);
    for (const [at, seqs] of told.entries()) {
      const after = at < 10 ? 0 : (at - 10) * 10 + 5;
      expect(seqs).toEqual(Array.from({ length: last - after }, (_, index) => after + index + 1));
    }
    expect(follow.open).toBe(0);
    await reading.close();
  });

  it('calls watchers of other processes', async () => {
    const other = new EngineDatabase({ url: postgres.url });
    const { run } = await started([{ id: 'a' }]);
    const heard: string[] = [];
    const stop = other.runs.watch(run, (what) => heard.push(what));
    await eventually(() => expect(heard).toContain('run'));
    heard.length = 0;
    const { lease } = await claimed(run, 'a');
    await eventually(() => expect(heard).toContain('log'));
    await engine.runs.commit(run, (snapshot) => decideSucceed(snapshot, lease, {}, []));
    await eventually(() => expect(heard).toContain('run'));
    stop();
    await other.close();
  });

  it('lists runs newest first, page by page', async () => {
    const { run: first, plan } = await started([]);
    const runs = [first];
    for (let i = 0; i < 4; i += 1) {
      const { run } = await engine.runs.create(plan, { id: fresh('run') as RunId, actor: 'admin' });
      runs.unshift(run.id);
    }
    const page = await engine.runs.list({ stack: plan.stack, limit: 2 });
    expect(page.map((run) => run.id)).toEqual(runs.slice(0, 2));
    const before = page[1]!.id;
    expect((await engine.runs.list({ stack: plan.stack, before })).map((run) => run.id)).toEqual(runs.slice(2));
    expect((await engine.runs.latestOf(plan.stack))?.id).toBe(runs[0]);
  });

  it('carries a plan of 500 steps', async () => {
    const { run } = await started(
      Array.from({ length: 500 }, (_, i) => ({ id: `s${i}`, after: i === 0 ? [] : ['s0'] })),
    );
    const settled = await succeed(run, 's0');
    expect(settled).toMatchObject({ lost: false });
    expect((await engine.runs.due(1_000))?.ready.filter((ring) => ring.run === run)).toHaveLength(499);
  });
});
