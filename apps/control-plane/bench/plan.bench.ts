/**
 * How long the planner takes on a site with many guests: a thousand stacks, ten thousand guests, half of which hang on
 * one gateway. Build, then `node dist/control-plane/bench/plan.bench.js`. Prints the times; a plan of one
 * stack stays below a second.
 */
import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { BindingId, GuestId, InstanceId, StackId } from '../src/domain/ids.js';
import { makePlan } from '../src/domain/plan/make-plan.js';
import { Planning } from '../src/domain/plan/testing/planning.js';
import {
  BASE,
  CATALOGUE,
  catalogueWith,
  observedLab,
  planInput,
  SITE,
  team,
} from '../src/domain/plan/testing/sample-site.js';
import type { World } from '../src/domain/plan/testing/simulate.js';

const GUESTS = 10_000;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The sample site's foundation with one wiki, the wiki repeated until there are enough. */
function crowded(): World {
  const planning = new Planning(sha256);
  planning.apply(BASE);
  planning.apply(team());
  const { recorded, observed } = planning.world;
  const wiki = recorded.guests.find((guest) => guest.spec.key === 'team/wiki/app');
  const instance = recorded.instances.find((entry) => entry.name === 'wiki');
  const bindings = recorded.bindings.filter((binding) => binding.consumer === instance?.id);
  const lab1 = observed.lab1;
  if (!wiki || !instance || !lab1) throw new Error('the sample site has changed');
  const copies = Array.from({ length: GUESTS - recorded.guests.length }, (_, i) => {
    const stack = `stk_${i % 1000}` as StackId;
    const id = `ins_c${i}` as InstanceId;
    const address = `10.100.${Math.floor(i / 250)}.${(i % 250) + 1}`;
    const key = `s${i % 1000}/w${i}/app`;
    return {
      stack: { id: stack, name: `s${i % 1000}` },
      instance: { ...instance, id, stack, name: `w${i}` },
      guest: {
        ...wiki,
        id: `gst_c${i}` as GuestId,
        stack,
        instance: id,
        vmid: 1000 + i,
        spec: {
          ...wiki.spec,
          key,
          vmid: 1000 + i,
          hostname: `w${i}`,
          network: { ...wiki.spec.network, address, mac: `m${i}` },
        },
      },
      bindings: i % 2 === 0 ? bindings.map((b) => ({ ...b, id: `${b.id}_c${i}` as BindingId, consumer: id })) : [],
    };
  });
  return {
    recorded: {
      ...recorded,
      stacks: [...recorded.stacks, ...new Map(copies.map(({ stack }) => [stack.id, stack])).values()],
      instances: [...recorded.instances, ...copies.map((copy) => copy.instance)],
      guests: [...recorded.guests, ...copies.map((copy) => copy.guest)],
      bindings: [...recorded.bindings, ...copies.flatMap((copy) => copy.bindings)],
    },
    observed: {
      lab1: observedLab({
        ...lab1,
        guests: [
          ...lab1.guests,
          ...copies.map(({ guest }) => ({
            vmid: guest.vmid,
            node: guest.node,
            kind: 'container' as const,
            name: guest.spec.hostname,
            status: 'running' as const,
            stamp: guest.id,
          })),
        ],
      }),
    },
  };
}

const lab1 = SITE.substrates.lab1;
if (!lab1) throw new Error('the sample site has changed');
const site = { ...SITE, substrates: { lab1: { ...lab1, guestIds: { from: 100, to: 99_999 } } } };
const world = crowded();
const gateway = CATALOGUE.modules.find((module) => module.name === 'gateway');
if (!gateway) throw new Error('the sample site has changed');
const config = { type: 'object' as const, properties: { http3: { type: 'boolean' as const, default: true } } };
const cases = {
  'install a stack': { wanted: team({ name: 'another' }) },
  'change a stack': { wanted: team({ config: { wiki: { title: 'Other' } } }) },
  'nothing to do': { wanted: team() },
  'remove a stack': { wanted: team({ state: 'removed' }) },
  'change the gateway that half of them use': {
    wanted: BASE,
    catalogue: catalogueWith({ modules: [{ ...gateway, config }] }),
  },
};
for (const [name, over] of Object.entries(cases)) {
  const times: number[] = [];
  let steps = 0;
  for (let round = 0; round < 5; round += 1) {
    const before = performance.now();
    const plan = makePlan(planInput(sha256, { ...world, site, ...over }));
    times.push(performance.now() - before);
    steps = plan.steps.length;
    const error = plan.findings.find((finding) => finding.severity === 'error');
    if (error) throw new Error(`${name}: ${error.code} ${error.subject}: ${error.message}`);
  }
  times.sort((a, b) => a - b);
  process.stdout.write(
    `${name}: ${steps} steps, median ${Math.round(times[2] ?? 0)} ms, slowest ${Math.round(times.at(-1) ?? 0)} ms\n`,
  );
}
