import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { EngineDatabase } from '../../../test/engine/engine-database.js';
import { eventually } from '../../../test/engine/eventually.js';
import { fresh, plan, recordedGuest, recordedInstance, site, stack, storedPlan } from '../../../test/engine/plans.js';
import { privatePostgres } from '../../../test/engine/private-servers.js';
import type { Limit, LimitHolder } from '../../application/runs/limits.port.js';
import type { SecretRow } from '../../application/secrets/secret-rows.port.js';
import type { RecordChange } from '../../application/stacks/stack-store.port.js';
import type { BindingId, RunId, StepId } from '../../domain/ids.js';
import type { Reservation, WantedStack } from '../../domain/stack/stack.js';
import { openDatabase } from './database.js';
import { KyselyDriftBook } from './kysely-drift-book.js';
import { KyselySecretRows } from './kysely-secret-rows.js';
import { migrate } from './migrate.js';
import { applyRecordChange } from './record-changes.js';

describe('stores on PostgreSQL', () => {
  const postgres = privatePostgres();
  let engine: EngineDatabase;
  beforeAll(async () => {
    engine = new EngineDatabase({ url: postgres.url });
    // Several processes start at once: one of them migrates, all of them may go on.
    const others = Array.from({ length: 3 }, () => openDatabase({ url: postgres.url }));
    const applied = await Promise.all([engine.database, ...others].map(({ db }) => migrate(db)));
    const all = readdirSync(new URL('./migrations', import.meta.url)).map((file) => basename(file, '.ts'));
    expect(applied.flat()).toEqual(all.sort());
    await Promise.all(others.map((other) => other.close()));
    await engine.stacks.putSite(site('demo'));
  });
  afterAll(() => engine.close());

  const newStack = async (name = fresh('s')): Promise<WantedStack> => {
    const wanted = stack('demo', name);
    await engine.stacks.putStack(wanted);
    return wanted;
  };
  const change = (...changes: RecordChange[]): Promise<void> =>
    engine.database.db.transaction().execute(async (tx) => {
      for (const one of changes) await applyRecordChange(tx, 'demo', one);
    });

  describe('stacks', () => {
    it('keeps sites and stacks as they were given', async () => {
      const wanted = await newStack();
      expect(await engine.stacks.getSite('demo')).toEqual(site('demo'));
      expect(await engine.stacks.getStack(wanted.id)).toEqual(wanted);
      expect(await engine.stacks.findStack('demo', wanted.name)).toEqual(wanted);
      expect(await engine.stacks.getSite('nowhere')).toBeUndefined();
    });

    it('allows a name once per site, and again when its stack is removed', async () => {
      const wanted = await newStack();
      await expect(newStack(wanted.name)).rejects.toMatchObject({ problem: { code: 'conflict' } });
      await engine.stacks.putStack({ ...wanted, state: 'removed' });
      const second = await newStack(wanted.name);
      expect(await engine.stacks.findStack('demo', wanted.name)).toEqual(second);
    });

    it('records what steps did, also when it is told twice, and forgets it without a trace', async () => {
      const wanted = await newStack();
      const instance = recordedInstance(wanted);
      const guest = recordedGuest(wanted, `${wanted.name}/wiki/app`);
      const binding = {
        id: `bnd_${wanted.name}` as BindingId,
        consumer: instance.id,
        requirement: 'database',
        provider: instance.id,
        provided: 'database',
        interface: 'postgresql/v1',
        request: {},
        offer: { host: 'db' },
        offerDigest: 'd',
      };
      const now = { moduleDigest: 'digest', version: '1.0.0', appVersion: '1', config: { a: [1, 2] } };
      const puts: RecordChange[] = [
        { type: 'instance-put', instance },
        { type: 'guest-put', guest },
        { type: 'guest-host-keys', guest: guest.id, hostKeys: ['ssh-ed25519 AAAA'] },
        { type: 'guest-firewall', guest: guest.id, digest: 'f' },
        { type: 'instance-installed', instance: instance.id, guest: 'app' },
        { type: 'instance-configured', instance: instance.id, guest: 'app', digest: 'c', now },
        { type: 'binding-put', binding },
      ];
      await change(...puts);
      await change(...puts.slice(2));
      expect(await engine.stacks.findGuest('demo', guest.spec.key)).toEqual({
        ...guest,
        hostKeys: ['ssh-ed25519 AAAA'],
        firewallDigest: 'f',
      });
      expect(await engine.stacks.findInstance(instance.id)).toEqual({
        ...instance,
        installed: ['app'],
        configured: { app: 'c' },
        config: { a: [1, 2] },
      });
      expect(await engine.stacks.findBinding(binding.id)).toEqual(binding);
      expect((await engine.stacks.recorded('demo')).bindings).toContainEqual(binding);
      await engine.stacks.putStack({ ...wanted, state: 'removed' });
      // Removed but still there: the planner has to know.
      expect((await engine.stacks.recorded('demo')).stacks.map(({ id }) => id)).toContain(wanted.id);
      await change({ type: 'guest-removed', guest: guest.id }, { type: 'instance-removed', instance: instance.id });
      expect(await engine.stacks.findGuest('demo', guest.spec.key)).toBeUndefined();
      expect(await engine.stacks.findBinding(binding.id)).toBeUndefined();
      expect((await engine.stacks.recorded('demo')).stacks.map(({ id }) => id)).not.toContain(wanted.id);
    });

    it('keeps what people said about drift, and takes what is there into the record as one', async () => {
      const book = new KyselyDriftBook(engine.database);
      const wanted = await newStack();
      const guest = recordedGuest(wanted, `${wanted.name}/wiki/app`);
      await change({ type: 'instance-put', instance: recordedInstance(wanted) }, { type: 'guest-put', guest });
      const word = { guest: guest.id, field: 'cpus', observed: 4, reason: 'a test', by: 'ada', at: 1_000 } as const;
      await book.ignore('demo', { ...word, reason: 'first' });
      await book.ignore('demo', word);
      expect(await book.ignored('demo')).toContainEqual(word);
      expect((await engine.stacks.recorded('demo')).ignoredDrift).toContainEqual(word);
      expect(await book.withdraw(guest.id, 'cpus')).toBe(true);
      expect(await book.withdraw(guest.id, 'cpus')).toBe(false);

      await book.ignore('demo', word);
      const after = { ...guest, spec: { ...guest.spec, cpus: 4 } };
      const bigger = { ...wanted, guests: { 'wiki.app': { cpus: 4 } } };
      const size = { guest: 'wiki.app', size: { cpus: 4 } };
      const adoption = { stack: wanted.id, field: 'cpus', before: guest, after, size } as const;
      await book.adopt(adoption);
      expect(await engine.stacks.findGuest('demo', guest.spec.key)).toEqual(after);
      expect(await engine.stacks.getStack(wanted.id)).toEqual(bigger);
      expect(await book.ignored('demo')).not.toContainEqual(word);
      // The record has moved on: who answers has seen something else.
      await expect(book.adopt(adoption)).rejects.toMatchObject({ problem: { code: 'conflict' } });
      // It goes with its guest.
      await book.ignore('demo', word);
      await change({ type: 'guest-removed', guest: guest.id });
      expect(await book.ignored('demo')).not.toContainEqual(word);
      await expect(book.ignore('demo', word)).rejects.toMatchObject({ problem: { code: 'conflict' } });
    });

    it('takes the sizes of two guests over at once without losing one, nor what else became wanted meanwhile', async () => {
      const book = new KyselyDriftBook(engine.database);
      const wanted = await newStack();
      const names = ['wiki', 'files'];
      const guests = names.map((name) => ({
        ...recordedGuest(wanted, `${wanted.name}/${name}/app`),
        instance: recordedInstance(wanted, name).id,
      }));
      for (const [at, guest] of guests.entries())
        await change(
          { type: 'instance-put', instance: recordedInstance(wanted, names[at]) },
          { type: 'guest-put', guest },
        );
      await engine.stacks.putStack({ ...wanted, parameters: { domain: 'new.example' } });
      await Promise.all(
        guests.map((guest, at) =>
          book.adopt({
            ...{ stack: wanted.id, field: 'cpus', before: guest },
            after: { ...guest, spec: { ...guest.spec, cpus: 4 } },
            size: { guest: `${names[at]}.app`, size: { cpus: 4 } },
          }),
        ),
      );
      expect(await engine.stacks.getStack(wanted.id)).toEqual({
        ...wanted,
        parameters: { domain: 'new.example' },
        guests: { 'wiki.app': { cpus: 4 }, 'files.app': { cpus: 4 } },
      });
    });

    it('lets a word lapse that is about a value seen, and not the one that was said since', async () => {
      const book = new KyselyDriftBook(engine.database);
      const wanted = await newStack();
      const guest = recordedGuest(wanted, `${wanted.name}/wiki/app`);
      await change({ type: 'instance-put', instance: recordedInstance(wanted) }, { type: 'guest-put', guest });
      const word = {
        guest: guest.id,
        field: 'node',
        observed: 'pve2',
        reason: 'a test',
        by: 'ada',
        at: 1_000,
      } as const;
      await book.ignore('demo', word);
      expect(await book.withdraw(guest.id, 'node', 'pve3')).toBe(false);
      expect(await book.ignored('demo')).toContainEqual(word);
      expect(await book.withdraw(guest.id, 'node', 'pve2')).toBe(true);
    });

    it('loses nothing when two guests of one instance are configured at once', async () => {
      const wanted = await newStack();
      const instance = recordedInstance(wanted);
      await change({ type: 'instance-put', instance });
      const guests = Array.from({ length: 8 }, (_, i) => `g${i}`);
      await Promise.all(guests.map((guest) => change({ type: 'instance-installed', instance: instance.id, guest })));
      expect([...((await engine.stacks.findInstance(instance.id))?.installed ?? [])].sort()).toEqual(guests);
    });
  });

  describe('plans', () => {
    const reservation = (value: string, owner: string, scope = 'lab'): Reservation => ({
      kind: 'guest-id',
      scope,
      value,
      owner,
    });
    const inAnHour = (): number => Date.now() + 3_600_000;

    it('makes one plan of a site at a time: each sees what the ones before it reserved', async () => {
      const scope = fresh('scope');
      const wanted = await newStack();
      const makeOne = (i: number) => async () => {
        const taken = (await engine.stacks.recorded('demo')).reservations.filter((r) => r.scope === scope);
        await delay(5);
        return plan(wanted, [], { reservations: [reservation(String(100 + taken.length), `o${i}`, scope)] });
      };
      // More than there are connections: waiting plans must not starve the one that is being made.
      await Promise.all(Array.from({ length: 30 }, (_, i) => engine.plans.makeAndPut('demo', inAnHour(), makeOne(i))));
      const values = (await engine.stacks.recorded('demo')).reservations.filter((r) => r.scope === scope);
      expect(new Set(values.map(({ value }) => value)).size).toBe(30);
    });

    it('passes on what went wrong while planning, and keeps nothing of it', async () => {
      const wanted = await newStack();
      const unreachable = Object.assign(new Error('no route'), { code: 'ECONNREFUSED' });
      await expect(engine.plans.makeAndPut('demo', inAnHour(), () => Promise.reject(unreachable))).rejects.toBe(
        unreachable,
      );
      const stored = await engine.plans.makeAndPut('demo', inAnHour(), async () => plan(wanted, []));
      expect(await engine.plans.get(stored.id)).toEqual(stored);
    });

    it('lets reservations of a plan run out, and keeps those of an applied one', async () => {
      const scope = fresh('scope');
      const wanted = await newStack();
      const soon = Date.now() + 300;
      const make = (value: string) => async () =>
        plan(wanted, [], { reservations: [reservation(value, `${value}/x/y`, scope)] });
      await engine.plans.makeAndPut('demo', soon, make('1'));
      const applied = await engine.plans.makeAndPut('demo', soon, make('2'));
      await engine.runs.create(applied, { id: fresh('run') as RunId, actor: 'admin' });
      await delay(400);
      const left = (await engine.stacks.recorded('demo')).reservations.filter((r) => r.scope === scope);
      expect(left.map(({ value }) => value)).toEqual(['2']);
    });

    it('refuses to apply a plan whose reservation ran out and went to somebody else', async () => {
      const scope = fresh('scope');
      const [wanted, other] = [await newStack(), await newStack()];
      const late = await engine.plans.makeAndPut('demo', Date.now() + 20, async () =>
        plan(wanted, [], { reservations: [reservation('7', 'late/x/y', scope)] }),
      );
      await delay(50);
      await engine.plans.makeAndPut('demo', inAnHour(), async () =>
        plan(other, [], { reservations: [reservation('7', 'quick/x/y', scope)] }),
      );
      await expect(engine.runs.create(late, { id: fresh('run') as RunId, actor: 'admin' })).rejects.toMatchObject({
        problem: { code: 'plan.stale', details: { value: '7' } },
      });
    });

    it('reserves another value when a stranger took the planned one, unless somebody of ours has it', async () => {
      const scope = fresh('scope');
      const wanted = await newStack();
      const owner = `${wanted.name}/wiki/app`;
      expect(await engine.plans.reserve('demo', reservation('100', owner, scope))).toBe(true);
      expect(await engine.plans.reserve('demo', reservation('100', owner, scope))).toBe(true);
      expect(await engine.plans.reserve('demo', reservation('100', `${wanted.name}/other/app`, scope))).toBe(false);
      expect(await engine.plans.reserve('demo', reservation('101', owner, scope))).toBe(true);
      const held = (await engine.stacks.recorded('demo')).reservations.filter((r) => r.scope === scope);
      expect(held.map(({ value }) => value)).toEqual(['100', '101']);
    });

    it('measures how long steps take', async () => {
      const made = await storedPlan(engine, [
        { id: 'a', kind: 'hook.run' },
        { id: 'b', kind: 'guest.create' },
      ]);
      const run = fresh('run') as RunId;
      await engine.runs.create(made, { id: run, actor: 'admin' });
      for (const [step, seconds] of [
        ['a', 4],
        ['b', 9],
      ] as const) {
        await sql`update run_steps set state = 'succeeded', started_at = now(), finished_at = now() + ${seconds} * interval '1 second'
          where run = ${run} and step = ${step}`.execute(engine.database.db);
      }
      expect(await engine.plans.medianDurations('demo')).toMatchObject({
        'hook.run:wiki:install': 4_000,
        'guest.create': 9_000,
      });
    });
  });

  describe('limits', () => {
    const holder = (step: string, epoch = 1): LimitHolder => ({ run: 'run_l' as RunId, step: step as StepId, epoch });
    const limit = (key: string, slots = 1): Limit => ({ key, slots, what: `the other one of ${key}` });
    const context = (over: { leaseMs?: number; signal?: AbortSignal; waits?: string[] } = {}) => ({
      leaseMs: over.leaseMs ?? 60_000,
      signal: over.signal ?? new AbortController().signal,
      waitingFor: (what: string) => void over.waits?.push(what),
    });

    it('lets so many at a time through as there are slots, and says what the others wait for', async () => {
      const key = fresh('clones');
      let now = 0;
      let most = 0;
      const waits: string[] = [];
      await Promise.all(
        Array.from({ length: 6 }, async (_, i) => {
          const held = await engine.limits.acquire([limit(key, 2)], holder(`s${key}${i}`), context({ waits }));
          now += 1;
          most = Math.max(most, now);
          await delay(30);
          now -= 1;
          await held.release();
        }),
      );
      expect(most).toBe(2);
      expect(waits).toContain(`the other one of ${key}`);
    });

    it('takes all or none: nobody holds one while waiting for another', async () => {
      const [a, b] = [fresh('a'), fresh('b')];
      const first = await engine.limits.acquire([limit(a)], holder(`1${a}`), context());
      const giveUp = new AbortController();
      const waiting = engine.limits.acquire([limit(a), limit(b)], holder(`2${a}`), context({ signal: giveUp.signal }));
      await delay(50);
      const third = await engine.limits.acquire([limit(b)], holder(`3${a}`), context());
      giveUp.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
      await Promise.all([first.release(), third.release()]);
    });

    it('takes over from a holder that died, and lets the old one see that it lost', async () => {
      const key = fresh('dead');
      const dead = await engine.limits.acquire([limit(key)], holder(`1${key}`), context({ leaseMs: 100 }));
      const next = await engine.limits.acquire([limit(key)], holder(`2${key}`), context());
      expect(await dead.renew()).toBe(false);
      await dead.release();
      expect(await next.renew()).toBe(true);
      await next.release();
    });

    it('gives a step that was taken over its limits at once', async () => {
      const key = fresh('again');
      const step = `1${key}`;
      const old = await engine.limits.acquire([limit(key)], holder(step, 1), context());
      const waits: string[] = [];
      const taken = await engine.limits.acquire([limit(key)], holder(step, 2), context({ waits }));
      expect(waits).toEqual([]);
      await old.release();
      expect(await taken.renew()).toBe(true);
      await taken.release();
    });
  });

  describe('secret rows', () => {
    const rows = (): KyselySecretRows => new KyselySecretRows(engine.database);
    const row = (name: string, text: string): SecretRow => ({
      name,
      keyId: 'k1',
      wrappedKey: Buffer.from('wrapped'),
      nonce: Buffer.from([0, 255]),
      ciphertext: Buffer.from(text),
    });

    it('gives all concurrent callers the row of the first one', async () => {
      const name = `site/${fresh('x')}`;
      const stored = await Promise.all(Array.from({ length: 10 }, (_, i) => rows().insertIfAbsent(row(name, `${i}`))));
      expect(new Set(stored.map(({ ciphertext }) => ciphertext.toString())).size).toBe(1);
      expect(await rows().get(name)).toEqual(stored[0]);
    });

    it('lists and removes by prefix, taken literally', async () => {
      const prefix = `instance/${fresh('100%_x')}`;
      for (const name of [`${prefix}/b`, `${prefix}/a`, prefix.replace('%', 'z')]) await rows().put(row(name, name));
      expect((await rows().listUnder(`${prefix}/`)).map(({ name }) => name)).toEqual([`${prefix}/a`, `${prefix}/b`]);
      await rows().removeUnder(`${prefix}/`);
      expect(await rows().listUnder(prefix)).toEqual([]);
      expect(await rows().get(prefix.replace('%', 'z'))).toBeDefined();
      await expect(rows().removeUnder('')).rejects.toThrow('all secrets');
    });
  });

  it('says that the server is away when it is, and works again when it is back', async () => {
    await postgres.stop();
    await expect(engine.stacks.listSites()).rejects.toMatchObject({
      failure: { code: 'database.unavailable', retryable: 'now' },
    });
    await postgres.start();
    await eventually(async () => expect(await engine.stacks.getSite('demo')).toEqual(site('demo')));
  }, 30_000);
});
