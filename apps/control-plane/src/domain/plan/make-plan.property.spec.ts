import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { hasErrors } from '../diagnostic.js';
import type { JsonObject } from '../ids.js';
import type { ModuleManifest } from '../module/manifest.js';
import { ids, Planning } from './testing/planning.js';
import {
  blueprint,
  CATALOGUE,
  definition,
  guest,
  module,
  observedLab,
  requires,
  SITE,
  wantedStack,
} from './testing/sample-site.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Modules in a row; each requires some interfaces of those before it, so that there is no circle. */
const composition = fc
  .array(
    fc.record({
      needs: fc.array(fc.nat(7), { maxLength: 3 }),
      sibling: fc.boolean(),
      guests: fc.integer({ min: 1, max: 3 }),
      hooks: fc.subarray(['install', 'configure', 'check', 'remove']),
      memoryMiB: fc.integer({ min: 64, max: 512 }),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((drawn) => {
    const modules: ModuleManifest[] = drawn.map(({ needs, sibling, guests, hooks, memoryMiB }, i) => {
      const used = [...new Set(needs.filter((n) => n < i))];
      const request = (at: number): JsonObject =>
        sibling && at > 0 ? { uses: `{{ binding.r${used[at - 1]}.url }}` } : { of: '{{ instance.name }}' };
      return module(`m${i}`, {
        tier: i % 2 === 0 ? 'foundation' : 'app',
        guests: Object.fromEntries(Array.from({ length: guests }, (_, g) => [`g${g}`, guest({ memoryMiB })])),
        provides: { it: { interface: `i${i}/v1`, guest: 'g0' } },
        requires: Object.fromEntries(used.map((n, at) => [`r${n}`, requires(`i${n}/v1`, { request: request(at) })])),
        hookFiles: hooks,
      });
    });
    const flows = [{ from: 'consumer' as const, to: 'provider' as const, port: 1234, protocol: 'tcp' as const }];
    const interfaces = modules.map((_, i) => definition(`i${i}/v1`, { flows }));
    return {
      modules,
      interfaces,
      blueprints: [
        ...CATALOGUE.blueprints,
        blueprint(
          'drawn',
          modules.map((m) => m.name),
        ),
      ],
    };
  });
const wanted = wantedStack({ blueprint: { name: 'drawn', version: '1.0.0' } });
const RUNS = { numRuns: 60 };

describe('whatever modules a blueprint is composed of', () => {
  it('the graph is sound: ids are unique, every wait exists and lies in an earlier layer, equal input gives an equal plan', () => {
    fc.assert(
      fc.property(composition, (catalogue) => {
        const plan = new Planning(sha256).plan(wanted, { catalogue });
        expect(hasErrors(plan.findings)).toBe(false);
        const layers = new Map(plan.steps.map((step) => [step.id, step.layer]));
        expect(layers.size).toBe(plan.steps.length);
        for (const step of plan.steps) {
          for (const other of step.after) expect(layers.get(other)).toBeLessThan(step.layer);
          expect(step.deadlineMs).toBeGreaterThan(0);
        }
        expect(new Planning(sha256).plan(wanted, { catalogue })).toEqual(plan);
      }),
      RUNS,
    );
  });

  it('an install, also one that is broken off anywhere, ends where the next plan is empty; removal leaves nothing', () => {
    fc.assert(
      fc.property(composition, fc.nat(60), (catalogue, count) => {
        const planning = new Planning(sha256, undefined, { catalogue });
        planning.apply(wanted, {}, count);
        planning.apply(wanted);
        expect(ids(planning.plan(wanted))).toEqual([]);
        planning.apply({ ...wanted, state: 'removed' }, {}, count);
        planning.apply({ ...wanted, state: 'removed' });
        expect(planning.world.recorded).toMatchObject({ instances: [], guests: [], bindings: [] });
        expect(planning.world.observed.lab1?.guests).toEqual([]);
      }),
      RUNS,
    );
  });

  it('another domain, also when its change is broken off anywhere or turned back, ends where the next plan is empty', () => {
    fc.assert(
      fc.property(composition, fc.nat(60), fc.boolean(), (catalogue, count, back) => {
        const planning = new Planning(sha256, undefined, { catalogue });
        planning.apply(wanted);
        const below = (domain: string) => ({ site: { ...SITE, domain } });
        const into = (domain: string) => ({
          ...below(domain),
          orders: { domain: { from: SITE.domain, to: domain, rewrite: true, values: [] } },
        });
        planning.apply(wanted, into('town.example'), count);
        const end = back ? SITE.domain : 'town.example';
        planning.apply(wanted, into(end));
        expect(ids(planning.plan(wanted, below(end)))).toEqual([]);
        expect(planning.world.recorded.guests.filter(({ spec }) => spec.domain !== end)).toEqual([]);
      }),
      RUNS,
    );
  });

  it('every guest that a step touches is in the blast radius', () => {
    fc.assert(
      fc.property(composition, (catalogue) => {
        const planning = new Planning(sha256, undefined, { catalogue });
        for (const stack of [wanted, { ...wanted, state: 'removed' as const }]) {
          const plan = planning.apply(stack);
          const names = plan.blastRadius
            .filter((thing) => thing.kind === 'guest')
            .map((thing) => thing.name.split(' ')[0]);
          const guests = plan.steps.flatMap(({ step }) =>
            'guest' in step && typeof step.guest === 'string' ? [step.guest] : [],
          );
          for (const key of guests) {
            const [stackName, instance, name] = key.split('/');
            const several = catalogue.modules.find((m) => m.name === instance)?.guests.g1 !== undefined;
            expect(names).toContain(several ? `${stackName}-${instance}-${name}` : `${stackName}-${instance}`);
          }
        }
      }),
      RUNS,
    );
  });

  it('no two guests share an id, address, name or hardware address, and strangers keep theirs', () => {
    fc.assert(
      fc.property(
        composition,
        fc.uniqueArray(fc.integer({ min: 100, max: 130 }), { maxLength: 20 }),
        (catalogue, taken) => {
          const strangers = taken.map((vmid) => ({
            vmid,
            node: 'pve1',
            kind: 'vm' as const,
            name: 's',
            status: 'running' as const,
          }));
          const planning = new Planning(sha256, undefined, { catalogue });
          const plan = planning.plan(wanted, { observed: { lab1: observedLab({ guests: strangers }) } });
          const specs = plan.steps.flatMap(({ step }) => (step.kind === 'guest.create' ? [step.guest] : []));
          const marks = specs.map(({ vmid, network, hostname }) => [
            String(vmid),
            network.address,
            hostname,
            network.mac,
          ]);
          expect(new Set(marks.flat()).size).toBe(4 * specs.length);
          expect(specs.filter((spec) => taken.includes(spec.vmid))).toEqual([]);
        },
      ),
      RUNS,
    );
  });
});
