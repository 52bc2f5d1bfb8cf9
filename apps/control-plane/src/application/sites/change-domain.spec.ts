import { createHash } from 'node:crypto';
import { inPlace, type Planning } from '../../domain/plan/testing/planning.js';
import { BASE, CATALOGUE, observedLab, office, SITE, team } from '../../domain/plan/testing/sample-site.js';
import { Refusal } from '../../domain/problem.js';
import type { Site } from '../../domain/site/site.js';
import type { WantedStack } from '../../domain/stack/stack.js';
import type { PlanWorld } from '../plans/gather-plan-input.js';
import { ChangeDomain } from './change-domain.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A control plane that has these stacks installed on the sample site. */
function given(planning: Planning, stacks: readonly WantedStack[], site: Site = SITE): ChangeDomain {
  let last = 0;
  const newId = {
    next: (prefix: string) => {
      last += 1;
      return `${prefix}_${last}`;
    },
  };
  const world = {
    stacks: {
      getSite: async (name: string) => (name === site.name ? site : undefined),
      listSites: async () => [site, { ...SITE, name: 'village', domain: 'village.example' }],
      listStacks: async () => stacks,
      recorded: async () => planning.world.recorded,
    },
    plans: {
      makeAndPut: async (_site: string, _until: number, make: () => Promise<unknown>) => make(),
      medianDurations: async () => ({}),
    },
    substrates: {
      get: async () => ({
        observe: async () => planning.world.observed.lab1 ?? observedLab(),
        guestSettings: async () => undefined,
      }),
    },
    catalogue: { load: async () => CATALOGUE },
    clock: { now: () => 1_700_000_000_000 },
    newId,
    sha256,
  } as unknown as PlanWorld;
  return new ChangeDomain(world);
}

const refusal = async (act: Promise<unknown>): Promise<string> => {
  const error = await act.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Refusal) return `${error.problem.code}: ${error.problem.message}`;
  throw new Error(`no refusal but ${String(error)}`);
};

describe('another domain for a site', () => {
  const both = [team(), office({ parameters: { title: 'demo.test' } }), BASE];
  const change = () => given(inPlace(sha256, BASE, team(), office()), both);

  it.each([
    [
      'town',
      'parameter.invalid: A domain is made of two or more labels of letters, digits and dashes, such as town.example.',
    ],
    [
      '10.1.2.3',
      'parameter.invalid: A domain is made of two or more labels of letters, digits and dashes, such as town.example.',
    ],
    ['demo.test', 'conflict: The site has the domain demo.test already.'],
    ['Demo.TEST.', 'conflict: The site has the domain demo.test already.'],
    ['village.example', 'conflict: Site village has the domain village.example.'],
  ])('%s is refused: %s', async (domain, message) => {
    expect(await refusal(change().look({ site: 'demo', domain }))).toBe(message);
    expect(await refusal(change().plan({ site: 'demo', domain, rewrite: true }))).toBe(message);
  });

  it('waits for stacks that rest: their guests do not run, so they cannot follow', async () => {
    const asked = given(inPlace(sha256, BASE, team()), [{ ...team(), state: 'archived' }, BASE]);
    expect(await refusal(asked.look({ site: 'demo', domain: 'town.example' }))).toBe(
      'conflict: Archived stacks cannot follow into another domain: team.',
    );
  });

  it('is told before it is planned: which stacks it touches, and what was set by hand', async () => {
    expect(await change().look({ site: 'demo', domain: ' Town.Example ' })).toEqual({
      from: 'demo.test',
      to: 'town.example',
      stacks: ['team', 'office', 'base'],
      values: [
        { subject: 'site: adminEmail', before: 'admin@demo.test', after: 'admin@town.example' },
        { subject: 'stack office: parameters.title', before: 'demo.test', after: 'town.example' },
      ],
    });
  });

  it('is planned under the stack that serves the others, with all of them', async () => {
    const plan = await change().plan({ site: 'demo', domain: 'town.example', rewrite: true });
    expect(plan.stackName).toBe('base');
    expect(plan.alongside?.map(({ name, parameters }) => [name, parameters])).toEqual([
      ['team', {}],
      ['office', { title: 'town.example' }],
    ]);
    expect(plan.findings.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(plan.steps.filter(({ step }) => step.kind === 'guest.rename')).toHaveLength(
      inPlace(sha256, BASE, team(), office()).world.recorded.guests.length,
    );
  });

  it('that was broken off is asked for again by its own name, until nothing is left of the old one', async () => {
    const order = { from: 'demo.test', to: 'town.example', rewrite: true, values: [] };
    const site = { ...SITE, domain: 'town.example' };
    const planning = inPlace(sha256, team());
    planning.apply(team(), { orders: { domain: order }, alongside: [], site }, 1);
    const plan = await given(planning, [team()], site).plan({ site: 'demo', domain: 'town.example', rewrite: true });
    expect(plan.orders?.domain).toMatchObject({ from: 'demo.test', to: 'town.example' });
    expect(plan.steps.length).toBeGreaterThan(0);
    planning.apply(team(), { orders: { domain: order }, alongside: [], site });
    expect(await refusal(given(planning, [team()], site).look({ site: 'demo', domain: 'town.example' }))).toContain(
      'already',
    );
  });

  it('of an empty site needs no plan', async () => {
    const empty = given(inPlace(sha256), []);
    expect(await refusal(empty.plan({ site: 'demo', domain: 'town.example', rewrite: true }))).toContain(
      'Nothing is installed',
    );
  });
});
