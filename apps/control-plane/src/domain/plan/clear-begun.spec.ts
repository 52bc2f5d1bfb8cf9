import { createHash } from 'node:crypto';
import type { GuestId } from '../ids.js';
import type { BegunGuest } from '../stack/stack.js';
import type { Plan } from './plan.js';
import { ids, inPlace, Planning, touched, withGuests } from './testing/planning.js';
import { office, team } from './testing/sample-site.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What the creation of one guest of a plan stores before it asks; `there`: it was made, and its end never recorded. */
function cutOff(planning: Planning, plan: Plan, key: string, there: boolean): BegunGuest {
  const create = plan.steps.find(({ step }) => step.kind === 'guest.create' && step.guest.key === key)?.step;
  if (create?.kind !== 'guest.create') throw new Error(`the plan does not create ${key}`);
  const { guest: spec } = create;
  const begun: BegunGuest = { spec, stack: plan.stack, vmids: [spec.vmid] };
  const { world } = planning;
  const stacks = [{ id: plan.stack, name: plan.stackName }];
  const recorded = { ...world.recorded, stacks, begun: [...(world.recorded.begun ?? []), begun] };
  const made = { vmid: spec.vmid, node: spec.node, kind: spec.kind, name: spec.hostname, stamp: spec.id };
  planning.world = {
    ...withGuests(world, (guests) => (there ? [...guests, { ...made, status: 'stopped' as const }] : guests)),
    recorded,
  };
  return begun;
}

describe('what an unfinished creation has left', () => {
  for (const there of [true, false]) {
    it(`goes with the stack, also when nothing else of it was made (${there ? 'it is there' : 'it is not'})`, () => {
      const planning = new Planning(sha256);
      const { spec } = cutOff(planning, planning.plan(office()), 'office/wiki/app', there);
      const removal = planning.apply(office({ state: 'removed' }));
      expect(ids(removal)).toEqual([`guest.clear:wiki.app@${spec.vmid}`]);
      expect(touched(removal)).toEqual([`removed guest ${spec.hostname} (lab1/${spec.vmid})`]);
      expect(planning.world.observed.lab1?.guests).toEqual([]);
      expect(ids(planning.plan(office({ state: 'removed' })))).toEqual([]);
    });
  }

  it('goes with the stack wherever its install stopped: no guest of ours is left', () => {
    const total = new Planning(sha256).plan(office());
    for (const [count, { step }] of total.steps.entries()) {
      if (step.kind !== 'guest.create') continue;
      const planning = new Planning(sha256);
      const plan = planning.apply(office(), {}, count);
      cutOff(planning, plan, step.guest.key, true);
      planning.apply(office({ state: 'removed' }));
      expect(planning.world.observed.lab1?.guests).toEqual([]);
      expect(planning.world.recorded).toMatchObject({ instances: [], guests: [], bindings: [] });
      expect(planning.world.recorded.begun).toBeUndefined();
    }
  });

  it('goes before the same guest is made anew, which gets another id', () => {
    const planning = new Planning(sha256);
    const { spec } = cutOff(planning, planning.plan(office()), 'office/wiki/app', true);
    const plan = planning.apply(office());
    const clear = `guest.clear:wiki.app@${spec.vmid}`;
    const create = plan.steps.find(({ id }) => id === 'guest.create:wiki.app');
    expect(create?.after).toContain(clear);
    expect(planning.world.recorded.guests.find((guest) => guest.spec.key === spec.key)?.vmid).not.toBe(spec.vmid);
    expect(planning.world.observed.lab1?.guests.some((guest) => guest.stamp === spec.id)).toBe(false);
    expect(ids(planning.plan(office()))).toEqual([]);
  });

  it('of another stack is no business of this plan', () => {
    const planning = new Planning(sha256);
    cutOff(planning, planning.plan(office()), 'office/wiki/app', true);
    const other = planning.plan({ ...team(), id: 'stk_other' as never, name: 'other', blueprint: office().blueprint });
    expect(ids(other).filter((id) => id.startsWith('guest.clear'))).toEqual([]);
  });

  it('is part of what a plan rests on: one made before is stale', () => {
    const planning = new Planning(sha256);
    const before = planning.plan(office({ state: 'removed' }));
    cutOff(planning, planning.plan(office()), 'office/wiki/app', false);
    expect(planning.plan(office({ state: 'removed' })).basis).not.toEqual(before.basis);
  });

  it('of a guest that is made again counts as missing, whatever carries its stamp: nothing is installed in it', () => {
    const planning = inPlace(sha256, office());
    const guest = planning.world.recorded.guests.find(({ spec }) => spec.key === 'office/wiki/app')!;
    planning.world = {
      ...planning.world,
      recorded: { ...planning.world.recorded, begun: [{ spec: guest.spec, stack: guest.stack, vmids: [guest.vmid] }] },
    };
    expect(ids(planning.plan(office()))).toEqual(
      expect.arrayContaining(['guest.create:wiki.app', 'hook.install:wiki.app']),
    );
    expect(ids(planning.plan(office())).some((id) => id.startsWith('guest.clear'))).toBe(false);
  });

  it('at ids that a guest did not get is looked at when the guest goes, and never before', () => {
    const planning = inPlace(sha256, office());
    const guest = planning.world.recorded.guests.find(({ spec }) => spec.key === 'office/wiki/app')!;
    const begun: BegunGuest = { spec: guest.spec, stack: guest.stack, vmids: [4711], elsewhere: true };
    planning.world = { ...planning.world, recorded: { ...planning.world.recorded, begun: [begun] } };
    expect(ids(planning.plan(office()))).toEqual([]);
    const removal = planning.plan(office({ state: 'removed' }));
    expect(ids(removal)).toContain('guest.clear:wiki.app@4711');
    expect(removal.steps.find(({ id }) => id.startsWith('guest.clear'))?.after).toEqual(['guest.destroy:wiki.app']);
  });

  it('names every id that was asked for', () => {
    const planning = new Planning(sha256);
    const begun = cutOff(planning, planning.plan(office()), 'office/wiki/app', false);
    const two = { ...begun, vmids: [begun.spec.vmid, 999] };
    planning.world = { ...planning.world, recorded: { ...planning.world.recorded, begun: [two] } };
    expect(touched(planning.plan(office({ state: 'removed' })))).toHaveLength(2);
    const other: BegunGuest = { ...two, spec: { ...two.spec, id: 'gst_other' as GuestId } };
    planning.world = { ...planning.world, recorded: { ...planning.world.recorded, begun: [two, other] } };
    expect(ids(planning.plan(office({ state: 'removed' })))).toHaveLength(2);
  });
});
