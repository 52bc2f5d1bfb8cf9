import { createHash } from 'node:crypto';
import type { IgnoredDrift } from '../stack/drift.js';
import type { ObservedGuest } from '../stack/observed.js';
import type { WantedStack } from '../stack/stack.js';
import { ids, inPlace, Planning, told, touched, withGuests } from './testing/planning.js';
import { BASE, CATALOGUE, catalogueWith, module, office, team } from './testing/sample-site.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('a change', () => {
  it('of configuration configures and checks that instance, and nothing else', () => {
    const planning = inPlace(sha256, office());
    const plan = planning.apply(office({ config: { wiki: { title: 'Our wiki' } } }));
    expect(ids(plan)).toEqual(['hook.configure:wiki.app', 'hook.check:wiki.app']);
    expect(touched(plan)).toEqual(['changed guest office-wiki (lab1/104)']);
    expect(ids(planning.plan(office({ config: { wiki: { title: 'Our wiki' } } })))).toEqual([]);
  });

  it('of size resizes and grows in place', () => {
    const planning = inPlace(sha256, office());
    const plan = planning.apply(office({ size: 'large' }));
    expect(ids(plan)).toEqual(['guest.resize:wiki.app', 'guest.grow-data:wiki.app', 'hook.check:wiki.app']);
    expect(ids(planning.plan(office({ size: 'large' })))).toEqual([]);
    const back = planning.plan(office());
    expect(told(back)).toContain('error change.immutable wiki.guests.app.volumes.data');
    expect(back.steps).toEqual([]);
  });

  it('of one guest alone grows what the admin asked for, and stays', () => {
    const planning = inPlace(sha256, office());
    const wanted = office({ guests: { 'wiki.app': { memoryMiB: 4096, volumes: { data: { sizeGiB: 64 } } } } });
    expect(ids(planning.apply(wanted))).toEqual([
      'guest.resize:wiki.app',
      'guest.grow-data:wiki.app',
      'hook.check:wiki.app',
    ]);
    expect(ids(planning.plan(wanted))).toEqual([]);
    const less = planning.plan(office({ guests: { 'wiki.app': { volumes: { data: { sizeGiB: 32 } } } } }));
    expect(told(less)).toContain('error change.immutable wiki.guests.app.volumes.data');
    const nobody = planning.plan(
      office({ guests: { 'wiki.web': { cpus: 2 }, 'wiki.app': { volumes: { x: { sizeGiB: 1 } } } } }),
    );
    expect(told(nobody)).toEqual([
      'error parameter.unknown guests.wiki.app',
      'error parameter.unknown guests.wiki.web',
      'error change.immutable wiki.guests.app.volumes.data',
      'info binding.provider_added postgres',
    ]);
  });

  it('of the module files, version kept, configures again', () => {
    const planning = inPlace(sha256, team());
    const wiki = CATALOGUE.modules.find((m) => m.name === 'wiki')!;
    const catalogue = catalogueWith({ modules: [{ ...wiki, digest: 'other' }] });
    expect(ids(planning.apply(team(), { catalogue }))).toEqual([
      'artifact.fetch:wiki.server',
      'hook.configure:wiki.app',
      'hook.check:wiki.app',
    ]);
    expect(ids(planning.plan(team(), { catalogue }))).toEqual([]);
  });

  it('of the version is left to the upgrade', () => {
    const wiki = CATALOGUE.modules.find((m) => m.name === 'wiki')!;
    const plan = inPlace(sha256, team()).plan(team(), {
      catalogue: catalogueWith({ modules: [{ ...wiki, version: '1.1.0', appVersion: '2.0' }] }),
    });
    expect(told(plan)).toEqual(['error change.unsupported wiki']);
    expect(plan.findings[0]?.remedy).toContain('upgrade');
  });

  it('of a request provides that binding again, and what depends on its offer', () => {
    const wiki = CATALOGUE.modules.find((m) => m.name === 'wiki')!;
    const other = {
      ...wiki,
      requires: {
        ...wiki.requires,
        route: { ...wiki.requires.route!, request: { host: 'wiki.{{ site.domain }}', port: 9090 } },
      },
    };
    const planning = inPlace(sha256, team());
    const plan = planning.apply(team(), { catalogue: catalogueWith({ modules: [other] }) });
    expect(ids(plan)).toEqual([
      'bind:wiki.route',
      'guest.firewall:wiki.app',
      'bind:wiki.record',
      'hook.configure:wiki.app',
      'hook.check:wiki.app',
    ]);
  });

  it('of a provider reaches its consumers, in other stacks too', () => {
    const planning = inPlace(sha256, BASE, team());
    const gateway = CATALOGUE.modules.find((m) => m.name === 'gateway')!;
    const catalogue = catalogueWith({
      modules: [{ ...gateway, config: { type: 'object', properties: { http3: { type: 'boolean', default: true } } } }],
    });
    const plan = planning.apply(BASE, { catalogue });
    expect(ids(plan)).toEqual([
      'hook.configure:gateway.app',
      'bind:team/wiki.route',
      'hook.check:gateway.app',
      'hook.configure:team/wiki.app',
      'hook.check:team/wiki.app',
    ]);
    expect(touched(plan)).toContain('changed guest team-wiki (lab1/102)');
  });

  it('that a module forbids is refused', () => {
    const fixed = module('wiki', {
      config: { type: 'object', properties: { title: { type: 'string', default: 'x' } } },
      changes: { 'config.title': 'immutable' },
    });
    const catalogue = catalogueWith({ modules: [fixed] });
    const planning = new Planning(sha256, undefined, { catalogue });
    planning.apply(team());
    expect(told(planning.plan(team({ config: { wiki: { title: 'y' } } })))).toEqual([
      'error change.immutable wiki.config.title',
    ]);
  });
});

describe('drift', () => {
  const installed = inPlace(sha256, team());
  const plan = (change: (guests: readonly ObservedGuest[]) => readonly ObservedGuest[]) => {
    const planning = new Planning(sha256, withGuests(installed.world, change));
    return { planning, first: planning.apply(team()) };
  };
  const wiki = (g: ObservedGuest) => g.name === 'team-wiki';

  it('a guest that is gone comes again, with its own number, name and address', () => {
    const before = installed.world.recorded.guests.find((g) => g.spec.hostname === 'team-wiki');
    const { planning, first } = plan((guests) => guests.filter((g) => !wiki(g)));
    expect(told(first)).toEqual(['warning drift.guest_missing team/wiki/app']);
    expect(ids(first)).toEqual(
      expect.arrayContaining(['guest.create:wiki.app', 'hook.install:wiki.app', 'hook.configure:wiki.app']),
    );
    const now = planning.world.recorded.guests.find((g) => g.spec.hostname === 'team-wiki');
    expect(now?.spec).toEqual(before?.spec);
    expect(ids(planning.plan(team()))).toEqual([]);
  });

  it('a stranger that has its number is left alone', () => {
    const { planning, first } = plan((guests) =>
      guests.map(({ stamp, ...g }) => (wiki(g) ? { ...g, name: 'stranger' } : { ...g, ...(stamp ? { stamp } : {}) })),
    );
    const create = first.steps.find((step) => step.id === 'guest.create:wiki.app')?.step;
    expect(create).toMatchObject({ guest: { vmid: 103 } });
    expect(ids(planning.plan(team()))).toEqual([]);
  });

  it('a provider that comes again serves everybody anew', () => {
    const { first } = plan((guests) => guests.filter((g) => g.name !== 'team-gateway'));
    expect(ids(first)).toEqual(
      expect.arrayContaining(['bind:wiki.route', 'bind:wiki.record', 'hook.configure:wiki.app']),
    );
  });

  it('a stopped guest is started', () => {
    const { planning, first } = plan((guests) =>
      guests.map((g) => (wiki(g) ? { ...g, status: 'stopped' as const } : g)),
    );
    expect(told(first)).toEqual(['warning drift.guest_stopped team/wiki/app']);
    expect(ids(first)).toEqual(['guest.start:wiki.app', 'guest.ready:wiki.app', 'hook.check:wiki.app']);
    expect(ids(planning.plan(team()))).toEqual([]);
  });

  it('a guest that moved is told, and nothing is done', () => {
    const { first } = plan((guests) => guests.map((g) => (wiki(g) ? { ...g, node: 'pve2' } : g)));
    expect(told(first)).toEqual(['info drift.guest_moved team/wiki/app']);
    expect(first.steps).toEqual([]);
  });

  it('a size changed by hand is told and left; a plan that changes sizes says that it overwrites it', () => {
    const { planning, first } = plan((guests) => guests.map((g) => (wiki(g) ? { ...g, cpus: 8 } : g)));
    expect(told(first)).toEqual(['info drift.guest_resized team/wiki/app']);
    expect(first.steps).toEqual([]);
    const more = planning.plan(team({ guests: { 'wiki.app': { memoryMiB: 4096 } } }));
    expect(told(more)).toEqual(['warning drift.guest_resized team/wiki/app']);
    expect(more.steps[0]?.step).toMatchObject({ kind: 'guest.resize', cpus: 1, memoryMiB: 4096 });
  });

  it('a disk that the guest’s file system shows smaller is none, one that has grown is not shrunk', () => {
    const size = (diskGiB: number) => plan((guests) => guests.map((g) => (wiki(g) ? { ...g, diskGiB } : g))).planning;
    const root = installed.world.recorded.guests.find((g) => g.spec.key === 'team/wiki/app')!.spec.diskGiB;
    expect(told(size(root * 0.97).plan(team()))).toEqual([]);
    const grown = team({ guests: { 'wiki.app': { diskGiB: root + 1 } } });
    expect(told(size(root + 4).plan(grown))).toEqual(['error change.immutable team/wiki/app']);
  });

  describe('that is to be ignored', () => {
    const guest = installed.world.recorded.guests.find((g) => g.spec.key === 'team/wiki/app')!;
    const ignoring = (
      word: Pick<IgnoredDrift, 'field' | 'observed'>,
      change: (guests: readonly ObservedGuest[]) => readonly ObservedGuest[],
    ) => {
      const world = withGuests(installed.world, change);
      const said = { ...word, guest: guest.id, reason: 'a test', by: 'ada', at: 1 };
      return new Planning(sha256, { ...world, recorded: { ...world.recorded, ignoredDrift: [said] } });
    };
    const stop = (guests: readonly ObservedGuest[]) =>
      guests.map((g) => (wiki(g) ? { ...g, status: 'stopped' as const } : g));
    const stopped = { field: 'status', observed: 'stopped' } as const;

    it('is left as it is by plans for other reasons, which say so', () => {
      const rests = ignoring(stopped, stop).plan(team());
      expect(told(rests)).toEqual(['info drift.ignored team/wiki/app']);
      expect(rests.findings[0]?.message).toContain('ada: a test');
      expect(rests.steps).toEqual([]);
      const gone = ignoring({ field: 'presence', observed: 'gone' }, (guests) => guests.filter((g) => !wiki(g)));
      expect(gone.plan(team()).steps).toEqual([]);
      const resized = ignoring({ field: 'cpus', observed: 8 }, (guests) =>
        guests.map((g) => (wiki(g) ? { ...g, cpus: 8 } : g)),
      );
      expect(told(resized.plan(team()))).toEqual(['info drift.ignored team/wiki/app']);
    });

    it('is told anew when it has become something else', () => {
      const other = ignoring({ field: 'cpus', observed: 8 }, (guests) =>
        guests.map((g) => (wiki(g) ? { ...g, cpus: 6 } : g)),
      );
      expect(told(other.plan(team()))).toEqual(['info drift.guest_resized team/wiki/app']);
    });

    it('stops a plan that has to work on it, before anything is done', () => {
      const change = ignoring(stopped, stop).plan(team({ config: { wiki: { title: 'Other' } } }));
      expect(told(change)).toEqual(['error drift.ignored team/wiki/app']);
      expect(change.steps).toEqual([]);
    });

    it('is put back by a plan that is asked to', () => {
      const planning = ignoring(stopped, stop);
      const back = planning.apply(team(), { orders: { restore: ['wiki.app.status'] } });
      expect(ids(back)).toEqual(['guest.start:wiki.app', 'guest.ready:wiki.app', 'hook.check:wiki.app']);
      expect(ids(planning.plan(team()))).toEqual([]);
    });

    it('does not hold up the removal', () => {
      expect(ids(ignoring(stopped, stop).plan({ ...team(), state: 'removed' }))).toContain('guest.destroy:wiki.app');
    });
  });

  it('is put back where a plan can: size, node; refused where it cannot', () => {
    const by = (change: Partial<ObservedGuest>) =>
      plan((guests) => guests.map((g) => (wiki(g) ? { ...g, ...change } : g))).planning;
    const restore = (field: string) => ({ orders: { restore: [`wiki.app.${field}`] } });
    const sized = by({ cpus: 8 });
    expect(sized.apply(team(), restore('cpus')).steps[0]?.step).toMatchObject({ kind: 'guest.resize', cpus: 1 });
    const home = installed.world.recorded.guests.find((g) => g.spec.key === 'team/wiki/app')!.node;
    const away = installed.world.observed.lab1!.nodes.map(({ name }) => name).find((name) => name !== home)!;
    expect(by({ node: away }).plan(team(), restore('node')).steps[0]?.step).toMatchObject({ node: home });
    expect(told(by({ diskGiB: 64 }).plan(team(), restore('diskGiB')))).toContain(
      'error change.unsupported team/wiki/app',
    );
    expect(told(by({}).plan(team(), restore('cpus')))).toEqual(['info restore.there team/wiki/app']);
    expect(told(by({}).plan(team(), { orders: { restore: ['no.app.cpus'] } }))).toEqual([
      'error parameter.unknown restore.no.app.cpus',
    ]);
  });

  it('a guest on a node that does not answer is not made twice', () => {
    const world = withGuests(installed.world, (guests) => guests.filter((g) => g.node !== 'pve1'));
    const lab1 = {
      ...world.observed.lab1!,
      nodes: world.observed.lab1!.nodes.map((n) => ({ ...n, online: n.name !== 'pve1' })),
    };
    const first = new Planning(sha256, { ...world, observed: { lab1 } }).plan(team());
    expect(told(first)).toContain('warning drift.guest_unknown team/wiki/app');
    expect(ids(first)).toEqual([]);
  });
});

describe('removal', () => {
  it('takes away exactly what the install made, consumers before providers', () => {
    const planning = new Planning(sha256);
    const made = planning.apply(office());
    const plan = planning.apply(office({ state: 'removed' }));
    const things = (effect: string, list: readonly { kind: string; name: string; effect: string }[]) =>
      list
        .filter((thing) => thing.effect === effect)
        .map(({ kind, name }) => `${kind} ${name}`)
        .sort();
    expect(things('removed', plan.blastRadius)).toEqual(things('created', made.blastRadius));
    expect(planning.world.recorded).toMatchObject({ instances: [], guests: [], bindings: [] });
    expect(planning.world.observed.lab1?.guests).toEqual([]);
    const at = (id: string) => ids(plan).indexOf(id);
    expect(at('guest.destroy:wiki.app')).toBeLessThan(at('guest.stop:gateway.app'));
    expect(ids(planning.plan(office({ state: 'removed' })))).toEqual([]);
  });

  it('works wherever an install was broken off', () => {
    const total = new Planning(sha256).plan(office()).steps.length;
    for (let count = 0; count <= total; count += 1) {
      const planning = new Planning(sha256);
      planning.apply(office(), {}, count);
      planning.apply(office({ state: 'removed' }));
      expect(planning.world.recorded).toMatchObject({ instances: [], guests: [], bindings: [] });
    }
  });

  it('is not held up by guests that no longer run, or are gone', () => {
    const planning = inPlace(sha256, BASE, team());
    planning.world = withGuests(planning.world, (guests) => guests.filter((g) => g.name !== 'team-wiki'));
    const plan = planning.apply({ ...team(), state: 'removed' });
    expect(ids(plan)).toEqual(
      expect.arrayContaining(['unbind:wiki.route@base/gateway', 'guest.destroy:wiki.app', 'instance.forget:wiki']),
    );
    expect(ids(plan)).not.toContain('guest.stop:wiki.app');
    expect(planning.world.recorded.bindings).toEqual([]);
  });
});

describe('a stack put to rest', () => {
  const archived = (wanted: WantedStack): WantedStack => ({ ...wanted, state: 'archived' });

  it('has its guests stopped, consumers first, and nothing taken away; a later plan wakes them', () => {
    const planning = inPlace(sha256, team());
    const before = planning.world.recorded;
    const plan = planning.apply(archived(team()));
    expect(plan.operation).toBe('archive');
    expect(plan.steps.every(({ step }) => step.kind === 'guest.stop' && step.rests)).toBe(true);
    expect(plan.steps.length).toBe(before.guests.length);
    const at = (id: string) => ids(plan).indexOf(id);
    expect(at('guest.stop:wiki.app')).toBeLessThan(at('guest.stop:gateway.app'));
    expect(plan.blastRadius.every(({ kind, detail }) => kind === 'guest' && detail === 'is stopped and kept')).toBe(
      true,
    );
    const { stacks: _, ...kept } = planning.world.recorded;
    expect(kept).toEqual({ ...before, stacks: undefined });
    expect(ids(planning.plan(archived(team())))).toEqual([]);

    const awake = planning.apply(team());
    expect(told(awake)).toEqual([]);
    expect(awake.steps.find(({ id }) => id === 'guest.start:wiki.app')?.step).toMatchObject({ wakes: true });
    expect(ids(awake)).toContain('hook.check:wiki.app');
    expect(ids(planning.plan(team()))).toEqual([]);
  });

  it('is refused while others use it, and can be removed', () => {
    const planning = inPlace(sha256, BASE, team());
    expect(told(planning.plan(archived(BASE)))).toContain('error stack.in_use base/gateway');
    planning.apply(archived(team()));
    planning.apply(archived(BASE));
    planning.apply({ ...BASE, state: 'present' });
    planning.apply({ ...team(), state: 'removed' });
    expect(planning.world.recorded.guests.some((guest) => guest.spec.key.startsWith('team/'))).toBe(false);
  });
});

describe('what is asked for once', () => {
  it('moves a guest and waits for it, and is not asked for again by the next plan', () => {
    const planning = inPlace(sha256, team());
    const from = planning.world.recorded.guests.find((guest) => guest.spec.key === 'team/wiki/app')!.node;
    const to = planning.world.observed.lab1!.nodes.map(({ name }) => name).find((name) => name !== from)!;
    const plan = planning.apply(team(), { orders: { move: { 'wiki.app': to } } });
    expect(ids(plan)).toEqual(['guest.move:wiki.app', 'guest.ready-moved:wiki.app', 'hook.check:wiki.app']);
    expect(plan.blastRadius.map(({ effect, detail }) => `${effect} ${detail}`)).toContain(
      `restarted moves from ${from} to ${to}`,
    );
    expect(ids(planning.plan(team()))).toEqual([]);
    expect(told(planning.plan(team(), { orders: { move: { 'wiki.app': to } } }))).toEqual([
      'info move.there team/wiki/app',
    ]);
  });

  it('refuses a node that is not there, is offline, lacks the storage or the memory, and a guest that is not there', () => {
    const planning = inPlace(sha256, team());
    const orders = (move: Record<string, string>) => ({ orders: { move } });
    const from = planning.world.recorded.guests.find((guest) => guest.spec.key === 'team/wiki/app')!.node;
    const lab = planning.world.observed.lab1!;
    const to = lab.nodes.map(({ name }) => name).find((name) => name !== from)!;
    expect(told(planning.plan(team(), orders({ 'wiki.app': 'mars' })))).toEqual([
      'error parameter.unknown move.wiki.app',
    ]);
    expect(told(planning.plan(team(), orders({ 'wiki.web': to })))).toEqual(['error parameter.unknown move.wiki.web']);
    const other = (change: Partial<typeof lab>) => ({
      observed: { lab1: { ...lab, ...change } },
      ...orders({ 'wiki.app': to }),
    });
    const offline = lab.nodes.map((node) => (node.name === to ? { ...node, online: false } : node));
    expect(told(planning.plan(team(), other({ nodes: offline })))).toContain('error parameter.unknown move.wiki.app');
    const full = lab.nodes.map((node) => (node.name === to ? { ...node, freeMemoryMiB: 10 } : node));
    expect(told(planning.plan(team(), other({ nodes: full })))).toEqual([`error capacity.insufficient lab1/${to}`]);
    const storages = lab.storages.filter((storage) => storage.node !== undefined && storage.node !== to);
    expect(told(planning.plan(team(), other({ storages })))).toEqual(['error storage.missing team/wiki/app']);
  });

  it('makes the secrets between two modules anew: provider first, then who uses them', () => {
    const interfaces = CATALOGUE.interfaces.map((one) =>
      one.name === 'postgresql/v1'
        ? { ...one, secrets: { password: { length: 32, alphabet: 'hex' as const, shownToAdmin: false } } }
        : one,
    );
    const planning = inPlace(sha256, office());
    const catalogue = { ...CATALOGUE, interfaces };
    const plan = planning.apply(office(), { catalogue, orders: { rotate: ['files.database'] } });
    expect(ids(plan)).toEqual([
      'secret.rotate:files.database',
      'bind:files.database',
      'hook.configure:files.app',
      'hook.check:files.app',
    ]);
    expect(touched(plan)).toContain('changed secret files database');
    expect(ids(planning.plan(office(), { catalogue }))).toEqual([]);
    expect(told(planning.plan(office(), { catalogue, orders: { rotate: ['files.route'] } }))).toEqual([
      'error parameter.unknown rotate.files.route',
      'info binding.provider_added postgres',
    ]);
    // Killed after the secrets, and the run left: the next plan carries them out.
    planning.apply(office(), { catalogue, orders: { rotate: ['files.database'] } }, 1);
    expect(ids(planning.plan(office(), { catalogue }))).toContain('bind:files.database');
  });

  it('makes a secret of an instance anew and tells everybody who is served by it', () => {
    const wiki = CATALOGUE.modules.find((m) => m.name === 'wiki')!;
    const secrets = { admin: { length: 24, alphabet: 'alphanumeric', shownToAdmin: true } } as const;
    const catalogue = catalogueWith({ modules: [{ ...wiki, secrets }] });
    const planning = inPlace(sha256, team());
    planning.apply(team(), { catalogue });
    const plan = planning.apply(team(), { catalogue, orders: { rotate: ['wiki.admin'] } });
    expect(ids(plan)).toEqual(['secret.rotate:wiki.own', 'hook.configure:wiki.app', 'hook.check:wiki.app']);
    expect(ids(planning.plan(team(), { catalogue }))).toEqual([]);
    // Killed after the secret and before the hook, and left so: the next plan carries it out.
    planning.apply(team(), { catalogue, orders: { rotate: ['wiki.admin'] } }, 1);
    expect(ids(planning.plan(team(), { catalogue }))).toContain('hook.configure:wiki.app');
    const fixed = catalogueWith({ modules: [{ ...wiki, secrets, changes: { 'secrets.admin': 'immutable' } }] });
    expect(
      told(planning.plan(team(), { catalogue: fixed, orders: { rotate: ['wiki.admin', 'wiki.nothing'] } })),
    ).toEqual(['error change.immutable wiki.admin', 'error parameter.unknown rotate.wiki.nothing']);
  });
});
