import { setTimeout as delay } from 'node:timers/promises';
import type { StepWorld } from '../../src/application/runs/executors/step-world.js';
import type { JsonObject } from '../../src/domain/ids.js';
import type { Demo } from '../e2e/demo.js';
import { openDemoWorld } from './demo-world.js';
import { faultsOf, ModuleOnGuest, readCases } from './module-cases.js';

const SITE = 'demo';
const INPUT_WRONG = 64;
const MODULES = ['postgres', 'redis', 'dns', 'directory', 'gateway', 'identity', 'wiki'];

/**
 * Tells modules/<name>/tests/cases.yaml of every module of an installed stack, on its real guests, beside the running
 * control plane and with its own keys: what a hook is given here is what the product gives it.
 */
export function moduleStories(demo: Demo, stackName: string): void {
  let world: StepWorld;
  let close: () => Promise<void>;

  beforeAll(async () => {
    ({ world, close } = await openDemoWorld(demo));
  });

  afterAll(() => close?.());

  const open = async (name: string): Promise<ModuleOnGuest> => {
    const recorded = await world.stacks.recorded(SITE);
    const { modules } = await world.catalogue.load();
    const instance = recorded.instances.find((entry) => entry.module === name)!;
    const guest = recorded.guests.find((entry) => entry.instance === instance.id)!;
    const manifest = modules.find((entry) => entry.name === name)!;
    return new ModuleOnGuest(world, SITE, stackName, instance, guest, manifest);
  };

  it.each(MODULES)(
    'module %s keeps what its cases promise: config, offers that can be used, refusals, a check that tells',
    async (name) => {
      const cases = readCases(name);
      const module = await open(name);
      const domain = (await world.stacks.getSite(SITE))!.domain;
      const healthy = { exitCode: 0 };

      // The config arrives in the app, also the second time; what it was before comes back.
      const config = { ...module.instance.config, ...cases.config };
      expect(await module.hook('configure', config)).toMatchObject(healthy);
      expect(await module.hook('configure', config)).toMatchObject(healthy);
      for (const { run, prints } of module.facts(cases.configured ?? [], domain)) {
        const { exitCode, output } = await module.script(run);
        expect({ run, exitCode, output }).toEqual({ run, exitCode: 0, output: expect.stringContaining(prints) });
      }
      expect(await module.hook('check', config)).toMatchObject(healthy);
      expect(await module.hook('configure')).toMatchObject(healthy);

      // Each request is answered twice with the same offer; the offer is used; withdrawn twice, it is of no use any more.
      const recorded = await world.stacks.recorded(SITE);
      const consumer = recorded.instances.find((entry) => entry.module === 'wiki')!;
      const { interfaces } = await world.catalogue.load();
      const requests = Object.entries(module.facts(cases.provide ?? {}, domain)).flatMap(([provided, list]) =>
        list.map((request) => ({ provided, request: request as JsonObject })),
      );
      const plans = requests.map(({ provided, request }, number) => module.planOf(provided, request, consumer, number));
      const given: { plan: (typeof plans)[number]; offer: JsonObject }[] = [];
      try {
        for (const plan of plans) {
          const definition = interfaces.find((entry) => entry.name === plan.interface)!;
          const first = await module.binding('provide', plan);
          expect({ request: plan.request, ...first }).toMatchObject({ request: plan.request, ...healthy });
          expect(faultsOf(definition, first)).toEqual([]);
          expect((await module.binding('provide', plan)).output).toEqual(first.output);
          given.push({ plan, offer: (first.output as { offer: JsonObject }).offer });
        }
        for (const { plan, offer } of given) {
          const use = module.facts(cases.use?.[plan.provided] ?? 'true', domain);
          const used = await module.script(use, { offer, request: plan.request });
          expect({ request: plan.request, ...used }).toMatchObject({ request: plan.request, ...healthy });
        }
        expect(await module.hook('check')).toMatchObject(healthy);
      } finally {
        for (const { plan } of given) {
          expect(await module.binding('withdraw', plan)).toMatchObject(healthy);
          expect(await module.binding('withdraw', plan)).toMatchObject(healthy);
          await module.forget(plan);
        }
      }
      for (const { plan, offer } of given) {
        const use = module.facts(cases.use?.[plan.provided] ?? 'false', domain);
        const used = await module.script(use, { offer, request: plan.request });
        expect({ withdrawn: plan.request, works: used.exitCode === 0 }).toEqual({
          withdrawn: plan.request,
          works: false,
        });
      }

      // What must not be given is refused in words for the admin, and nothing of it stays.
      for (const [provided, list] of Object.entries(module.facts(cases.refuse ?? {}, domain))) {
        for (const request of list) {
          const plan = module.planOf(provided, request as JsonObject, consumer, 99);
          const refused = await module.binding('provide', plan);
          expect({ request, exitCode: refused.exitCode }).toEqual({ request, exitCode: INPUT_WRONG });
          expect(refused.error ?? '').not.toBe('');
          await module.binding('withdraw', plan);
          await module.forget(plan);
        }
      }

      // What somebody made under a domain that the site had before is carried over, also the second time.
      if (cases.renamed) {
        expect(await module.script(module.facts(cases.renamed.given, domain))).toMatchObject(healthy);
        expect(await module.renamed(['before.example'])).toMatchObject(healthy);
        expect(await module.renamed(['before.example'])).toMatchObject(healthy);
        expect(await module.script(module.facts(cases.renamed.then, domain))).toMatchObject(healthy);
        expect(await module.hook('check')).toMatchObject(healthy);
      }

      // The check is red while the app is away and green when it is back.
      if (cases.broken) {
        expect(await module.script(cases.broken.stop)).toMatchObject(healthy);
        const red = await module.hook('check');
        const back = await module.script(cases.broken.start);
        expect(red.exitCode).not.toBe(0);
        expect(red.error ?? '').not.toBe('');
        expect(back).toMatchObject(healthy);
      }
      // An app answers a moment after its service has started.
      let last = await module.hook('check');
      for (let turn = 0; last.exitCode !== 0 && turn < 10; turn += 1) {
        await delay(2_000);
        last = await module.hook('check');
      }
      expect(last).toMatchObject(healthy);
    },
    4 * 60_000,
  );
}
