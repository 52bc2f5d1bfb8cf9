import { createHash } from 'node:crypto';
import { comparePlanBasis } from './plan-basis.js';
import { renderPlan } from './render-plan.js';
import { ids, inPlace, Planning, told, touched, withGuests } from './testing/planning.js';
import { BASE, CATALOGUE, catalogueWith, observedLab, office, SITE, team, wantedStack } from './testing/sample-site.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('a first install', () => {
  it('has all steps of every guest, in an order that can be carried out', () => {
    const planning = new Planning(sha256);
    const plan = planning.apply(team());
    expect(plan.findings).toEqual([]);
    expect(plan.operation).toBe('install');
    expect(ids(plan)).toMatchSnapshot();
    expect(renderPlan(plan)).toMatchSnapshot();
  });

  it('leaves nothing to do', () => {
    const again = inPlace(sha256, team()).plan(team());
    expect(again).toMatchObject({ findings: [], steps: [], blastRadius: [], reservations: [], operation: 'change' });
    expect(renderPlan(again)).toContain('Nothing is to be done.');
  });

  it('takes about its longest chain, not its sum, and counts on what was measured', () => {
    const plan = new Planning(sha256).plan(team(), { durations: { 'hook.run:wiki:install': 600_000 } });
    expect(plan.estimate.longestChain).toContain('hook.install:wiki.app');
    expect(plan.estimate.wallMs).toBeGreaterThan(600_000);
    expect(plan.estimate.sumMs).toBeGreaterThan(plan.estimate.wallMs);
    const installs = plan.steps.filter((step) => step.id.startsWith('hook.install'));
    expect(new Set(installs.map((step) => step.layer)).size).toBe(1);
  });

  it('is finished by the next plan wherever it was broken off', () => {
    const total = new Planning(sha256).plan(office()).steps.length;
    const whole = inPlace(sha256, office()).world;
    for (let count = 0; count < total; count += 1) {
      const planning = new Planning(sha256);
      planning.apply(office(), {}, count);
      planning.apply(office());
      expect(ids(planning.plan(office()))).toEqual([]);
      expect(planning.world.recorded.guests.map((guest) => guest.spec.key).sort()).toEqual(
        whole.recorded.guests.map((guest) => guest.spec.key).sort(),
      );
    }
  });

  it('gives the same plan again while an earlier one holds its reservations, and other stacks keep off them', () => {
    const planning = new Planning(sha256);
    const first = planning.plan(team());
    const reserved = { ...planning.world.recorded, reservations: first.reservations };
    expect(planning.plan(team(), { recorded: reserved }).reservations).toEqual(first.reservations);
    const other = planning.plan(office(), { recorded: reserved });
    const values = new Set(first.reservations.map(({ kind, value }) => `${kind} ${value}`));
    expect(other.reservations.filter(({ kind, value }) => values.has(`${kind} ${value}`))).toEqual([]);
  });

  it('keeps off ids of strangers and off the gateway address', () => {
    const strangers = [100, 102].map((vmid) => ({
      vmid,
      node: 'pve1',
      kind: 'vm' as const,
      name: 'x',
      status: 'running' as const,
    }));
    const plan = new Planning(sha256).plan(team(), {
      observed: { lab1: observedLab({ guests: strangers }) },
      site: { ...SITE, zones: { ...SITE.zones, apps: { ...SITE.zones.apps!, gateway: '10.90.2.10' } } },
    });
    expect(plan.reservations.map(({ value }) => value)).toEqual([
      '101',
      '10.90.3.10',
      '103',
      '10.90.1.10',
      '104',
      '10.90.2.11',
    ]);
  });

  it('fetches an image first where the node does not have it', () => {
    const plan = new Planning(sha256).plan(team(), { observed: { lab1: observedLab({ images: [] }) } });
    const create = plan.steps.find((step) => step.id === 'guest.create:wiki.app');
    expect(create?.after).toEqual(['image.ensure:lab1/pve1/local:vztmpl/debian-12.tar.zst']);
  });

  it('asks the name server of the stack first, and the name server asks upstream', () => {
    const plan = new Planning(sha256).plan(team());
    const servers = plan.steps.flatMap(({ step }) =>
      step.kind === 'guest.create' ? [[step.guest.hostname, step.guest.nameservers]] : [],
    );
    expect(Object.fromEntries(servers)).toEqual({
      'team-dns': ['9.9.9.9'],
      'team-gateway': ['10.90.3.10', '9.9.9.9'],
      'team-wiki': ['10.90.3.10', '9.9.9.9'],
    });
  });
});

describe('a site that has a foundation', () => {
  it('uses it for the next stack, and the plan shows what is touched there', () => {
    const plan = inPlace(sha256, BASE).apply(team());
    expect(told(plan)).toEqual(['info compose.reused dns', 'info compose.reused gateway']);
    expect(ids(plan).filter((id) => id.startsWith('guest.create'))).toEqual(['guest.create:wiki.app']);
    expect(plan.steps.find((step) => step.id === 'bind:wiki.route')?.subject).toBe('wiki → base/gateway (route)');
    expect(touched(plan)).toContain('changed guest base-gateway (lab1/101)');
  });

  it('opens and closes the firewall of a provider in another stack', () => {
    const planning = inPlace(sha256, BASE);
    const files = office({ components: { files: true } });
    const database = wantedStack({ name: 'db', blueprint: { name: 'db', version: '1.0.0' } });
    const catalogue = catalogueWith({
      blueprints: [
        {
          ...CATALOGUE.blueprints[0]!,
          name: 'db',
          modules: { postgres: { module: 'postgres', version: '^1', config: {}, bindings: {}, guests: {} } },
        },
      ],
    });
    planning.apply(database, { catalogue });
    const plan = planning.apply(files, { catalogue });
    expect(ids(plan)).toContain('guest.firewall:db/postgres.app');
    expect(touched(plan)).toContain('changed firewall-rule db-postgres (lab1/102)');
    const gone = planning.apply({ ...files, state: 'removed' }, { catalogue });
    const close = gone.steps.find((step) => step.id === 'guest.firewall:db/postgres.app');
    expect(close?.after).toEqual(['guest.destroy:files.app']);
    expect(planning.plan(database, { catalogue }).steps).toEqual([]);
  });

  it('cannot lose it while another stack uses it', () => {
    const planning = inPlace(sha256, BASE, team());
    const plan = planning.plan({ ...BASE, state: 'removed' });
    expect(told(plan)).toEqual(['error stack.in_use base/dns', 'error stack.in_use base/gateway']);
    expect(plan.findings[0]?.details).toEqual({ consumers: ['team/wiki'] });
    expect(plan.steps).toEqual([]);
  });

  it('stays with the provider it has when another one comes', () => {
    const planning = inPlace(sha256, office());
    const database = wantedStack({ name: 'db', blueprint: { name: 'db', version: '1.0.0' } });
    const catalogue = catalogueWith({
      blueprints: [
        {
          ...CATALOGUE.blueprints[0]!,
          name: 'db',
          modules: { postgres: { module: 'postgres', version: '^1', config: {}, bindings: {}, guests: {} } },
        },
      ],
    });
    planning.apply(database, { catalogue });
    expect(ids(planning.plan(office(), { catalogue }))).toEqual([]);
  });
});

describe('an interface that nothing provides', () => {
  it('brings its default provider in, says so, and the provider goes with the last that needs it', () => {
    const planning = new Planning(sha256);
    const plan = planning.apply(office());
    expect(told(plan)).toEqual(['info binding.provider_added postgres']);
    expect(ids(plan)).toContain('guest.create:postgres.app');
    const without = planning.apply(office({ components: { files: false } }));
    expect(ids(without)).toEqual([
      'hook.remove:files.app',
      'guest.stop:files.app',
      'unbind:files.record@dns',
      'unbind:files.route@gateway',
      'guest.destroy:files.app',
      'guest.stop:postgres.app',
      'instance.forget:files',
      'guest.destroy:postgres.app',
      'instance.forget:postgres',
    ]);
    expect(planning.world.recorded.instances.map((i) => i.name).sort()).toEqual(['dns', 'gateway', 'wiki']);
  });
});

describe('the basis of a plan', () => {
  it('is the same for the same world, whatever is used of it', () => {
    const planning = inPlace(sha256, BASE);
    const first = planning.plan(team());
    const busy = observedLab({
      ...planning.world.observed.lab1,
      nodes: observedLab().nodes.map((n) => ({ ...n, freeMemoryMiB: 4_000 })),
    });
    const recorded = { ...planning.world.recorded, reservations: first.reservations };
    expect(comparePlanBasis(first.basis, planning.plan(team(), { observed: { lab1: busy }, recorded }).basis)).toEqual(
      [],
    );
  });

  it('names what changed: a guest stopped by hand, a module edited, a site setting', () => {
    const planning = inPlace(sha256, BASE);
    const first = planning.plan(team());
    const stopped = withGuests(planning.world, (guests) =>
      guests.map((g) => (g.name === 'base-gateway' ? { ...g, status: 'stopped' as const } : g)),
    );
    expect(comparePlanBasis(first.basis, planning.plan(team(), stopped).basis)).toEqual(['guest base/gateway/app']);
    const edited = catalogueWith({
      modules: [{ ...CATALOGUE.modules.find((m) => m.name === 'wiki')!, digest: 'edited' }],
    });
    expect(comparePlanBasis(first.basis, planning.plan(team(), { catalogue: edited }).basis)).toEqual(['module wiki']);
    expect(comparePlanBasis(first.basis, planning.plan(team(), { site: { ...SITE, resolvers: [] } }).basis)).toEqual([
      'site demo',
    ]);
  });

  it('and the hash change with what the admin reviewed', () => {
    const planning = new Planning(sha256);
    const hashes = [team(), team({ config: { wiki: { title: 'y' } } }), office()].map(
      (wanted) => planning.plan(wanted).hash,
    );
    expect(new Set(hashes).size).toBe(3);
  });
});
