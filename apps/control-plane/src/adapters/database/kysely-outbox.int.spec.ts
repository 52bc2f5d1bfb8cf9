import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { EngineDatabase } from '../../../test/engine/engine-database.js';
import { eventually } from '../../../test/engine/eventually.js';
import { fresh, site, stack, storedPlan } from '../../../test/engine/plans.js';
import { privatePostgres } from '../../../test/engine/private-servers.js';
import { DEFAULT_DELIVERY, DeliverNotifications } from '../../application/notifications/deliver-notifications.js';
import { SILENT_LOG } from '../../application/runs/engine-log.port.js';
import { decideClaim, decideFailure } from '../../application/runs/run-decisions.js';
import type { RunId, StepId } from '../../domain/ids.js';
import { GATHER_MS, GIVE_UP_MS, PAUSE_MS } from '../../domain/notification/delivery.js';
import type { NotificationEvent } from '../../domain/notification/event.js';
import type { NotificationTarget } from '../../domain/notification/target.js';
import { FakeMessenger } from '../fake/fake-messenger.js';
import { KyselyCheckHistory } from './kysely-check-history.js';
import { KyselyEventInlet } from './kysely-event-inlet.js';
import { KyselyNotificationTargets } from './kysely-notification-targets.js';
import { KyselyOutbox } from './kysely-outbox.js';
import { migrate } from './migrate.js';

const HOUR = 3600_000;

describe('the outbox of notifications on PostgreSQL', () => {
  const postgres = privatePostgres();
  let engine: EngineDatabase;
  let inlet: KyselyEventInlet;
  let outbox: KyselyOutbox;
  let targets: KyselyNotificationTargets;
  let messenger: FakeMessenger;
  let now = 1_800_000_000_000;
  let serial = 0;

  beforeAll(async () => {
    engine = new EngineDatabase({ url: postgres.url });
    await migrate(engine.database.db);
    inlet = new KyselyEventInlet(engine.database);
    outbox = new KyselyOutbox(engine.database);
    targets = new KyselyNotificationTargets(engine.database);
  });
  afterAll(() => engine.close());
  beforeEach(async () => {
    messenger = new FakeMessenger();
    for (const { id } of await targets.list()) await targets.remove(id);
    await outbox.spread();
    now += 100 * HOUR;
  });

  const target = async (more: Partial<NotificationTarget> = {}): Promise<NotificationTarget> => {
    const made: NotificationTarget = {
      id: fresh('ntf'),
      name: fresh('office'),
      language: 'en',
      filter: { severity: 'info', sites: [], kinds: [] },
      paused: false,
      route: { kind: 'webhook', url: 'https://chat.test', privateAddresses: false },
      createdAt: now,
      ...more,
    };
    expect(await targets.insert(made)).toBe(true);
    return made;
  };
  const event = (more: Partial<NotificationEvent> = {}): NotificationEvent => ({
    kind: 'run-failed',
    key: `test/${serial++}`,
    at: now,
    site: 'town',
    facts: { stack: 'team', operation: 'install' },
    ...more,
  });
  const worker = (sendMs = 1_000): DeliverNotifications =>
    new DeliverNotifications(
      outbox,
      targets,
      { mail: messenger, webhook: messenger },
      { get: async () => 'key' },
      { now: () => now },
      { next: (prefix) => `${prefix}_${serial++}` as never },
      SILENT_LOG,
      () => 0.5,
      { ...DEFAULT_DELIVERY, sendMs },
    );
  const deliver = (signal = new AbortController().signal) => worker().execute(signal);
  const told = () => messenger.received.map(({ subject }) => subject);

  it('tells an event once, however often it is written and however many tell', async () => {
    await target();
    const same = event();
    await Promise.all(Array.from({ length: 5 }, () => inlet.record([same])));
    now += GATHER_MS;
    await Promise.all(Array.from({ length: 5 }, () => deliver()));
    now += PAUSE_MS;
    await deliver();
    expect(told()).toEqual(['[Bastide] error: The installation of team has failed.']);
  });

  it('many events in a short time are one message, and the next one waits a while', async () => {
    const { id } = await target();
    await inlet.record([event(), event({ kind: 'stack-unhealthy', facts: { stack: 'team', parts: 'wiki' } })]);
    await deliver();
    expect(told()).toEqual([]);
    await inlet.record([event({ kind: 'run-succeeded' })]);
    now += GATHER_MS;
    await deliver();
    expect(told()).toEqual(['[Bastide] error: 3 events']);
    expect(messenger.received[0]!.text).toContain('team does not work: the check of wiki fails.');
    await inlet.record(Array.from({ length: 120 }, () => event()));
    now += GATHER_MS;
    await deliver();
    expect(told()).toHaveLength(1);
    now += PAUSE_MS;
    await deliver();
    expect(told()).toEqual(['[Bastide] error: 3 events', '[Bastide] error: 120 events']);
    expect(messenger.received[1]!.text).toContain('and 70 more');
    expect(await outbox.deliveries({ target: id, limit: 10 })).toMatchObject([
      { state: 'sent', attempts: 1, answer: '250 yes' },
      { state: 'sent', attempts: 1 },
    ]);
  });

  it('what is about a person goes to their own address too, in their language, once, over the first mail server', async () => {
    const mail = (recipients: readonly string[]): NotificationTarget['route'] => ({
      kind: 'mail',
      host: 'mail.test',
      port: 587,
      security: 'starttls',
      sender: 'bastide@test',
      recipients,
    });
    await target({ route: mail(['later@test']), createdAt: now + 1 });
    const first = await target({
      route: mail(['office@test']),
      filter: { severity: 'error', sites: [], kinds: [] },
      createdAt: now - 1,
    });
    const about = (email: string) =>
      event({
        kind: 'new-device',
        facts: { account: 'eva', address: '192.0.2.7', program: 'Firefox' },
        person: { email, language: 'de' },
      });
    await inlet.record([about('eva@test'), about('later@test'), about('x@test, y@test'), about('eva@test')]);
    now += GATHER_MS;
    await deliver();
    const letters = messenger.received.map(({ subject }, at) => ({ subject, to: messenger.recipients[at] }));
    expect(letters).toHaveLength(2);
    expect(letters).toEqual(
      expect.arrayContaining([
        { subject: '[Bastide] Warnung: 2 Ereignisse', to: ['eva@test'] },
        { subject: '[Bastide] warning: 4 events', to: ['later@test'] },
      ]),
    );
    expect(await outbox.deliveries({ target: first.id, limit: 9 })).toMatchObject([{ recipient: 'eva@test' }]);
  });

  it('an address that takes no mail does not make the office’s target look broken', async () => {
    const route = { host: 'mail.test', port: 25, sender: 'a@test', recipients: ['office@test'] } as const;
    await target({
      route: { kind: 'mail', security: 'none', ...route },
      filter: { severity: 'error', sites: [], kinds: [] },
    });
    await inlet.record([event({ kind: 'new-device', facts: { account: 'eva' }, person: { email: 'eva@test' } })]);
    now += GATHER_MS;
    messenger.behaviour = 'refuses';
    await deliver();
    now += GIVE_UP_MS;
    await deliver();
    expect(await outbox.failingTargets()).toBe(0);
  });

  it('tells each target what it wants to hear, and one that is paused nothing', async () => {
    const all = await target();
    const grave = await target({ filter: { severity: 'error', sites: [], kinds: [] } });
    const village = await target({ filter: { severity: 'info', sites: ['village'], kinds: [] } });
    const disks = await target({ filter: { severity: 'info', sites: [], kinds: ['disk-low'] } });
    const paused = await target({ paused: true });
    await inlet.record([
      event(),
      event({ kind: 'stack-healthy', facts: { stack: 'team' } }),
      { kind: 'disk-low', key: fresh('disk'), at: now, facts: { host: 'here', percent: 3 } },
    ]);
    now += GATHER_MS;
    await deliver();
    const heard = async ({ id }: NotificationTarget) =>
      (await outbox.deliveries({ target: id, limit: 9 })).flatMap(({ events }) => events.map(({ kind }) => kind));
    expect(await heard(all)).toEqual(['run-failed', 'stack-healthy', 'disk-low']);
    expect(await heard(grave)).toEqual(['run-failed']);
    expect(await heard(village)).toEqual(['disk-low']);
    expect(await heard(disks)).toEqual(['disk-low']);
    expect(await heard(paused)).toEqual([]);
  });

  it('tries again with growing pauses and the same id, and after a day says that it has given up', async () => {
    const { id } = await target();
    messenger.behaviour = 'refuses';
    await inlet.record([event()]);
    now += GATHER_MS;
    const begun = now;
    const pauses: number[] = [];
    for (let last = now; ; last = now) {
      await deliver();
      const [latest] = await outbox.deliveries({ target: id, limit: 1 });
      if (latest!.state !== 'open') break;
      now = latest!.nextAt!;
      pauses.push(now - last);
    }
    expect(pauses.slice(0, 4)).toEqual([15_000, 30_000, 60_000, 120_000]);
    expect(Math.max(...pauses)).toBe(30 * 60_000);
    expect(now - begun).toBe(GIVE_UP_MS);
    expect(await outbox.deliveries({ target: id, limit: 5 })).toMatchObject([
      { state: 'given-up', answer: '550 no', remedy: 'Ask it why.' },
    ]);
    expect(await outbox.failingTargets()).toBe(1);
    messenger.behaviour = 'takes';
    await inlet.record([event()]);
    now += HOUR;
    await deliver();
    expect(await outbox.failingTargets()).toBe(0);
  }, 60_000);

  it('a message that was being sent when its process was ended is sent by the next one', async () => {
    const { id } = await target();
    messenger.behaviour = 'hangs';
    await inlet.record([event()]);
    now += GATHER_MS;
    const end = new AbortController();
    const ending = deliver(end.signal);
    await eventually(async () => expect((await outbox.deliveries({ target: id, limit: 1 }))[0]?.attempts).toBe(1));
    end.abort();
    await ending;
    messenger.behaviour = 'takes';
    await deliver();
    expect(told()).toHaveLength(1);
  });

  it('is not lost with a process that was killed while it held a message, nor taken from one that is at it', async () => {
    await target();
    await inlet.record([event()]);
    now += GATHER_MS;
    await outbox.spread();
    await outbox.bundle(now, () => fresh('msg'));
    // The process that took this one is never heard of again.
    const held = await outbox.claim(now, now + 90_000);
    await deliver();
    expect(told()).toEqual([]);
    now += 90_000;
    await deliver();
    expect(messenger.received.map(({ id }) => id)).toEqual([held!.id]);
    // It was only slow, and has sent it after all: nothing more is sent.
    await outbox.settle(held!, { state: 'sent', at: now, answer: 'late yes' });
    now += HOUR;
    await deliver();
    expect(told()).toHaveLength(1);
  });

  it('the end of a run is written with the event that tells of it, as one plain line', async () => {
    await target({ language: 'fr' });
    const plan = await storedPlan(engine, [{ id: 'a' }]);
    const run = fresh('run') as RunId;
    await engine.runs.create(plan, { id: run, actor: 'admin' });
    const options = { leaseMs: 60_000, maxStarts: 5 };
    const claim = (await engine.runs.commit(run, (snapshot) => decideClaim(snapshot, 'a' as StepId, 'w1', options)))!
      .claim!;
    const failure = { code: 'test.broken', retryable: 'never', message: 'the\nlamp is\u001b[31m broken' } as const;
    const decide = (snapshot: Parameters<typeof decideFailure>[0]) =>
      decideFailure(snapshot, claim.lease, failure, { jitter: 0 });
    const events = () =>
      engine.database.db
        .selectFrom('notification_events')
        .select('body')
        .where('key', 'like', `run/${run}/%`)
        .execute();
    expect(await events()).toEqual([]);
    await engine.runs.commit(run, decide);
    expect(await events()).toMatchObject([
      {
        body: {
          kind: 'run-failed',
          site: 'demo',
          run,
          facts: { stack: plan.stackName, step: 'a', message: 'the lamp is [31m broken' },
        },
      },
    ]);
    now = Date.now() + HOUR;
    await deliver();
    expect(told()).toEqual([`[Bastide] erreur: Échec : installation de ${plan.stackName}. a: the lamp is [31m broken`]);
  });

  it('checks are told when they flip, not each time', async () => {
    await target();
    const of = stack('town', fresh('stack'));
    await engine.stacks.putSite(site('town'));
    await engine.stacks.putStack(of);
    const history = new KyselyCheckHistory(engine.database);
    const look = async (...healthy: boolean[]): Promise<void> => {
      now += HOUR;
      await history.append(
        of.id,
        healthy.map((fine, index) => ({
          at: now,
          by: 'schedule',
          instance: `part${index}`,
          guest: 'app',
          healthy: fine,
          tail: ['s3cret'],
        })),
      );
      now += HOUR;
      await deliver();
    };
    for (const looks of [
      [true, true],
      [true, false],
      [true, false],
      [false, false],
      [true, true],
      [true, true],
    ])
      await look(...looks);
    expect(told()).toEqual([
      `[Bastide] error: ${of.name} does not work: the check of part1 fails.`,
      `[Bastide] info: ${of.name} works again.`,
    ]);
    expect(JSON.stringify(messenger.received)).not.toContain('s3cret');
  });

  it('forgets what is long over, and nothing that is still to be told', async () => {
    const { id } = await target();
    await inlet.record([event()]);
    now += GATHER_MS;
    await deliver();
    messenger.behaviour = 'away';
    now += PAUSE_MS;
    await inlet.record([event()]);
    now += GATHER_MS;
    await deliver();
    await outbox.forget(now + HOUR);
    expect(await outbox.deliveries({ target: id, limit: 9 })).toMatchObject([{ state: 'open', events: [{}] }]);
  });

  it('processes that are killed at any moment lose nothing, and tell nothing under a second id', async () => {
    const heard = new Map<string, number>();
    let kill: (() => void) | undefined;
    const receiver = createServer((request, response) => {
      const id = String(request.headers['idempotency-key']);
      heard.set(id, (heard.get(id) ?? 0) + 1);
      // The message has arrived; whoever brought it does not live to hear so.
      if (kill) kill();
      else response.end('thank you');
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    const { id } = await target({ route: { kind: 'webhook', url, privateAddresses: true } });
    const here = (file: string): string => fileURLToPath(new URL(`../../../test/engine/${file}`, import.meta.url));
    const start = async (): Promise<ChildProcess> => {
      const child = spawn(
        process.execPath,
        ['--import', here('ts-loader.mjs'), here('outbox-process.ts'), postgres.url],
        { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH } },
      );
      await once(child.stdout!, 'data');
      return child;
    };
    await inlet.record([event({ at: Date.now() })]);
    let child: ChildProcess | undefined;
    try {
      const killed = new Promise<void>((resolve) => {
        kill = () => {
          kill = undefined;
          child?.once('exit', () => resolve());
          child?.kill('SIGKILL');
        };
      });
      child = await start();
      await killed;
      expect((await outbox.deliveries({ target: id, limit: 9 })).map(({ state }) => state)).toEqual(['open']);
      child = await start();
      await eventually(async () =>
        expect((await outbox.deliveries({ target: id, limit: 9 })).map(({ state }) => state)).toEqual(['sent']),
      );
      expect([...heard.values()]).toEqual([2]);
    } finally {
      child?.kill('SIGKILL');
      receiver.closeAllConnections();
      await new Promise((resolve) => receiver.close(resolve));
    }
  }, 60_000);
});
