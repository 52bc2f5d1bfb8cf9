import { sql } from 'kysely';
import { EngineDatabase } from '../../../test/engine/engine-database.js';
import { fresh, guestSpec, recordedGuest, storedPlan } from '../../../test/engine/plans.js';
import { privatePostgres } from '../../../test/engine/private-servers.js';
import {
  decideCancel,
  decideClaim,
  decideFailure,
  decideHandOver,
  decideLeave,
  decideSucceed,
} from '../../application/runs/run-decisions.js';
import type { Lease } from '../../application/runs/run-store.port.js';
import type { RecordChange } from '../../application/stacks/stack-store.port.js';
import type { RunId, StepId } from '../../domain/ids.js';
import type { Plan } from '../../domain/plan/plan.js';
import type { BegunGuest, Reservation } from '../../domain/stack/stack.js';
import { migrate } from './migrate.js';
import { begunGuests } from './migrations/0043-begun-guests.js';

const FAILURE = { code: 'test.broken', retryable: 'never', message: 'broken' } as const;
const STEP = 'a' as StepId;

describe('what a creation has begun, on PostgreSQL', () => {
  const postgres = privatePostgres();
  let engine: EngineDatabase;
  beforeAll(async () => {
    engine = new EngineDatabase({ url: postgres.url });
    await migrate(engine.database.db);
  });
  afterAll(() => engine.close());

  interface Started {
    readonly plan: Plan;
    readonly run: RunId;
    readonly lease: Lease;
    readonly key: string;
    readonly guest: BegunGuest;
  }
  const claim = async (run: RunId, holder: string): Promise<Lease> => {
    const options = { leaseMs: 60_000, maxStarts: 5 };
    const got = await engine.runs.commit(run, (snapshot) => decideClaim(snapshot, STEP, holder, options));
    return got!.claim!.lease;
  };
  /** A run whose worker is creating one guest with a reserved id and address. */
  const creating = async (): Promise<Started> => {
    const held = fresh('10');
    const of = (plan: Plan) => `${plan.stackName}/${STEP}/app`;
    const made = await storedPlan(engine, [{ id: STEP, kind: 'guest.create' }]);
    const key = of(made);
    const reservations: Reservation[] = [
      { kind: 'guest-id', scope: 'lab', value: held, owner: key },
      { kind: 'address', scope: 'apps', value: held, owner: key },
    ];
    const plan = { ...made, reservations };
    const { run } = await engine.runs.create(plan, { id: fresh('run') as RunId, actor: 'admin' });
    const lease = await claim(run.id, 'w1');
    return { plan, run: run.id, lease, key, guest: { spec: guestSpec(key), stack: plan.stack, vmids: [] } };
  };
  const found = (started: Started) => engine.stacks.findBegun(started.guest.spec.id);
  const held = async ({ key }: Started): Promise<string[]> =>
    (await engine.stacks.recorded('demo')).reservations.filter((r) => r.owner === key).map((r) => r.kind);
  const begin = ({ lease, guest }: Started, ...vmids: number[]) => engine.runs.saveBegun(lease, { ...guest, vmids });
  const succeed = ({ run, lease }: Started, ...changes: RecordChange[]) =>
    engine.runs.commit(run, (snapshot) => decideSucceed(snapshot, lease, {}, changes));
  const fail = ({ run, lease }: Started) =>
    engine.runs.commit(run, (snapshot) => decideFailure(snapshot, lease, FAILURE, { jitter: 0 }));

  it('stays known with every id, whatever becomes of the run, and is part of what is recorded of the site', async () => {
    const started = await creating();
    expect(await begin(started, 7)).toBe(true);
    expect(await begin(started, 8)).toBe(true);
    expect(await begin(started, 7)).toBe(true);
    await fail(started);
    await engine.runs.commit(started.run, (snapshot) => decideLeave(snapshot, 'admin'));
    expect(await found(started)).toMatchObject({ stack: started.plan.stack, vmids: [7, 8] });
    expect((await engine.stacks.recorded('demo')).begun).toContainEqual(await found(started));
    // What may lie there keeps its ids and address until it is cleared.
    expect(await held(started)).toEqual(['address', 'guest-id']);
  });

  it('is written by nobody who has lost the step', async () => {
    const started = await creating();
    await engine.runs.commit(started.run, (snapshot) => decideHandOver(snapshot, started.lease, 'worker stops'));
    const second = await claim(started.run, 'w2');
    expect(await begin(started, 7)).toBe(false);
    expect(await found(started)).toBeUndefined();
    expect(await begin({ ...started, lease: second }, 8)).toBe(true);
  });

  it('goes with the record of the guest, in the same transaction', async () => {
    const started = await creating();
    await begin(started, 100);
    await succeed(started, { type: 'guest-put', guest: recordedGuest(started.plan.wanted, started.key) });
    expect(await found(started)).toBeUndefined();
  });

  it('keeps the ids that the guest did not get', async () => {
    const started = await creating();
    await begin(started, 99, 100);
    await succeed(started, { type: 'guest-put', guest: recordedGuest(started.plan.wanted, started.key) });
    expect(await found(started)).toMatchObject({ vmids: [99], elsewhere: true });
  });

  it('gives ids and address back when it is cleared, once and again', async () => {
    const started = await creating();
    await begin(started, 7);
    await fail(started);
    await engine.runs.commit(started.run, (snapshot) => decideLeave(snapshot, 'admin'));
    const clearing = await creating();
    for (const _twice of [1, 2]) {
      await engine.runs.commit(clearing.run, () => ({
        events: [],
        changes: [{ type: 'guest-cleared', guest: started.guest.spec.id }],
        result: undefined,
      }));
      expect(await found(started)).toBeUndefined();
      expect(await held(started)).toEqual([]);
    }
  });

  it('takes nothing from a run that makes the same guest anew', async () => {
    const started = await creating();
    await begin(started, 7);
    await engine.runs.commit(started.run, (snapshot) => ({
      ...decideCancel(snapshot, 'admin'),
      changes: [{ type: 'guest-cleared', guest: started.guest.spec.id }],
    }));
    expect(await found(started)).toBeUndefined();
    expect(await held(started)).toEqual(['address', 'guest-id']);
  });

  it('keeps the name of a removed stack taken until it is cleared', async () => {
    const started = await creating();
    await begin(started, 7);
    await engine.stacks.putStack({ ...started.plan.wanted, state: 'removed' });
    const names = async () => (await engine.stacks.recorded('demo')).stacks.map(({ name }) => name);
    expect(await names()).toContain(started.plan.stackName);
    await succeed(started, { type: 'guest-cleared', guest: started.guest.spec.id });
    expect(await names()).not.toContain(started.plan.stackName);
  });

  it('is taken over from runs of earlier versions, to be looked for by its stamp alone', async () => {
    const failed = await creating();
    await fail(failed);
    const recorded = await creating();
    await succeed(recorded, { type: 'guest-put', guest: recordedGuest(recorded.plan.wanted, recorded.key) });
    const { db } = engine.database;
    await sql`drop table begun_guests`.execute(db);
    await begunGuests.up(db);
    expect(await found(failed)).toEqual({ spec: failed.guest.spec, stack: failed.plan.stack, vmids: [] });
    expect(await found(recorded)).toBeUndefined();
  });
});
