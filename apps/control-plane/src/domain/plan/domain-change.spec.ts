import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { hasErrors } from '../diagnostic.js';
import type { DomainOrder } from '../site/domain-change.js';
import type { WantedStack } from '../stack/stack.js';
import type { PlanInput } from './draft.js';
import { renderPlan } from './render-plan.js';
import { ids, inPlace, type Planning, told, touched, withGuests } from './testing/planning.js';
import { BASE, CATALOGUE, catalogueWith, office, SITE, team } from './testing/sample-site.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const to = (domain: string, ...others: readonly WantedStack[]): Partial<PlanInput> => {
  const order: DomainOrder = { from: SITE.domain, to: domain, rewrite: true, values: [] };
  return { orders: { domain: order }, alongside: others, site: { ...SITE, domain } };
};
const below = (domain: string): Partial<PlanInput> => ({ site: { ...SITE, domain } });
const NEW = 'town.example';

/** Everything that is recorded of the site and names a domain. */
const namesIn = (planning: Planning, domain: string): number =>
  JSON.stringify([planning.world.recorded.guests, planning.world.recorded.bindings]).split(domain).length - 1;

/** The sample's wiki, whose pages hold links. */
const wiki = CATALOGUE.modules.find(({ name }) => name === 'wiki')!;
const withLinks = catalogueWith({ modules: [{ ...wiki, hookFiles: [...wiki.hookFiles, 'rename'] }] });

describe('the domain of a site with one stack', () => {
  it('changes every name, provides everything under its new one, and nothing is left to do', () => {
    const planning = inPlace(sha256, team());
    const plan = planning.apply(team(), to(NEW));
    expect(ids(plan)).toEqual([
      'guest.rename:dns.app',
      'guest.rename:gateway.app',
      'guest.rename:wiki.app',
      'hook.configure:dns.app',
      'hook.configure:gateway.app',
      'bind:wiki.route',
      'bind:wiki.record',
      'hook.check:gateway.app',
      'hook.check:dns.app',
      'hook.configure:wiki.app',
      'hook.check:wiki.app',
    ]);
    expect(namesIn(planning, 'demo.test')).toBe(0);
    expect(namesIn(planning, NEW)).toBeGreaterThan(0);
    expect(ids(planning.plan(team(), below(NEW)))).toEqual([]);
    expect(ids(planning.plan(team(), to(NEW)))).toEqual([]);
  });

  it('is told name by name: what becomes what', () => {
    const plan = inPlace(sha256, team()).plan(team(), to(NEW));
    expect(touched(plan)).toEqual([
      'changed guest team-dns (lab1/100)',
      'changed guest team-gateway (lab1/101)',
      'changed guest team-wiki (lab1/102)',
      'changed dns-name wiki.demo.test → wiki.town.example',
      'changed route wiki.demo.test → wiki.town.example',
      'changed certificate gateway ca',
      'changed certificate wiki server',
    ]);
    expect(plan.blastRadius[2]?.detail).toBe('team-wiki.demo.test → team-wiki.town.example, configured');
    expect(told(plan)).toEqual([
      'info domain.names town.example',
      'info domain.sign_in town.example',
      'info domain.delegation town.example',
      'info domain.authority town.example',
    ]);
    expect(renderPlan(plan)).toContain('Plan: change the domain of site demo from demo.test to town.example');
  });

  it('says which values set by hand are rewritten, and warns of those that are not', () => {
    const values = [{ subject: 'site: adminEmail', before: 'admin@demo.test', after: 'admin@town.example' }];
    const order = { from: 'demo.test', to: NEW, rewrite: true, values };
    const planning = inPlace(sha256, team());
    const rewritten = planning.plan(team(), { ...to(NEW), orders: { domain: order } });
    expect(told(rewritten)).toContain('info domain.value_rewritten site: adminEmail');
    const kept = planning.plan(team(), { ...to(NEW), orders: { domain: { ...order, rewrite: false } } });
    expect(told(kept)).toContain('warning domain.value_kept site: adminEmail');
  });

  it('runs a module’s own hook for its data, after it is configured, once', () => {
    const planning = inPlace(sha256, team());
    const plan = planning.apply(team(), { ...to(NEW), catalogue: withLinks });
    const hook = plan.steps.find(({ id }) => id === 'hook.rename:wiki.app');
    expect(hook?.after).toEqual(['hook.configure:wiki.app']);
    expect(plan.steps.find(({ id }) => id === 'hook.check:wiki.app')?.after).toEqual(['hook.rename:wiki.app']);
    expect(ids(planning.plan(team(), { ...below(NEW), catalogue: withLinks }))).toEqual([]);
  });

  it('waits for a guest whose node is away, and starts one that is off', () => {
    const planning = inPlace(sha256, team());
    planning.world = withGuests(planning.world, (guests) =>
      guests.map((guest) => (guest.vmid === 102 ? { ...guest, status: 'stopped' } : guest)),
    );
    const started = planning.plan(team(), to(NEW));
    expect(started.steps.find(({ id }) => id === 'guest.rename:wiki.app')?.after).toEqual(['guest.ready:wiki.app']);
    planning.world = withGuests(planning.world, (guests) =>
      guests.map((guest) => (guest.vmid === 102 ? { ...guest, status: 'unknown' } : guest)),
    );
    expect(told(planning.plan(team(), to(NEW)))).toContain('error drift.guest_unknown team/wiki/app');
  });
});

describe('the domain of a site with several stacks', () => {
  const three = () => inPlace(sha256, BASE, team(), office());

  it('changes in one plan, each stack after the services it uses', () => {
    const planning = three();
    const plan = planning.apply(BASE, to(NEW, team(), office()));
    const layers = new Map(plan.steps.map(({ id, layer }) => [id as string, layer]));
    const order = [
      'guest.rename:team/wiki.app',
      'hook.configure:gateway.app',
      'bind:team/wiki.route',
      'bind:team/wiki.record',
      'hook.configure:team/wiki.app',
      'hook.check:team/wiki.app',
    ]; // prettier-ignore
    const found = order.map((id) => layers.get(id));
    expect(found).toEqual([...found].sort((a, b) => (a ?? -1) - (b ?? -1)));
    expect(found).not.toContain(undefined);
    expect(layers.get('bind:office/files.database')).toBeGreaterThan(layers.get('hook.configure:office/postgres.app')!);
    expect(touched(plan)).toContain('changed route wiki.demo.test → wiki.town.example');
    expect(touched(plan)).toContain('changed dns-name files.demo.test → files.town.example');
    expect(namesIn(planning, 'demo.test')).toBe(0);
    for (const stack of [BASE, team(), office()]) expect(ids(planning.plan(stack, below(NEW)))).toEqual([]);
  });

  it('is refused as a whole while one stack is not as it should be', () => {
    const planning = inPlace(sha256, BASE, team());
    planning.apply(office(), {}, 6);
    const plan = planning.plan(BASE, to(NEW, team(), office()));
    expect(told(plan)).toContain('error domain.stack_unfinished stack office');
    expect(plan.steps).toEqual([]);
  });

  it('is finished before a stack is changed in another way', () => {
    const planning = three();
    planning.apply(BASE, to(NEW, team(), office()), 2);
    expect(told(planning.plan(team(), below(NEW)))).toContain('error domain.unfinished site demo');
    expect(told(planning.plan(team({ state: 'removed' }), below(NEW)))).toEqual([]);
  });

  it('depends on what is wanted of each of them', () => {
    const planning = three();
    const plan = planning.plan(BASE, to(NEW, team(), office()));
    const other = planning.plan(BASE, to(NEW, team({ config: { wiki: { title: 'Other' } } }), office()));
    expect(other.basis['wanted team']).not.toBe(plan.basis['wanted team']);
    expect(other.hash).not.toBe(plan.hash);
  });
});

describe('a change of the domain that is broken off anywhere', () => {
  const cut = fc.nat(45);

  it('is finished by asking again', () => {
    fc.assert(
      fc.property(cut, fc.boolean(), (count, links) => {
        const catalogue = links ? { catalogue: withLinks } : {};
        const planning = inPlace(sha256, BASE, team(), office());
        planning.apply(BASE, { ...to(NEW, team(), office()), ...catalogue }, count);
        planning.apply(BASE, { ...to(NEW, team(), office()), ...catalogue });
        expect(namesIn(planning, 'demo.test')).toBe(0);
        for (const stack of [BASE, team(), office()])
          expect(ids(planning.plan(stack, { ...below(NEW), ...catalogue }))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it('is turned back by asking for the old one', () => {
    fc.assert(
      fc.property(cut, (count) => {
        const planning = inPlace(sha256, BASE, team(), office());
        const before = JSON.stringify(planning.world.recorded.guests.map(({ spec }) => spec));
        planning.apply(BASE, { ...to(NEW, team(), office()), catalogue: withLinks }, count);
        const back = planning.apply(BASE, { ...to('demo.test', team(), office()), catalogue: withLinks });
        expect(hasErrors(back.findings)).toBe(false);
        expect(JSON.stringify(planning.world.recorded.guests.map(({ spec }) => spec))).toBe(before);
        expect(namesIn(planning, NEW)).toBe(0);
        for (const stack of [BASE, team(), office()])
          expect(ids(planning.plan(stack, { catalogue: withLinks }))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});
