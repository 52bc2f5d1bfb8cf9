import { type Draft, type DraftBinding, guestName, type Member, nameOf, report } from '../draft.js';
import { refOf } from '../members.js';
import { addHook, addStep, bindingPlan, bindingSubject, stepIds } from '../step-drafts.js';
import { DEFAULT_HOOK_TIMEOUT } from '../step-timing.js';
import { hookGuest } from './diff-bindings.js';

/**
 * What goes: consumers before their providers; each first cleans up outside its own guests, stops, is unbound from
 * providers that stay (on their guests, so its own may be broken), is destroyed, and is forgotten when nothing of it is
 * left.
 */
export function deriveRemoval(draft: Draft): void {
  const rank = removalRanks(draft);
  for (const member of draft.leaving) {
    const waits = waitsFor(draft, member, rank);
    const removes = member.guests.map((guest) => stepIds.hook(draft, 'remove', guest));
    const stops = member.guests.map((guest) => stepIds.guest(draft, 'stop', guest));
    const unbinds = draft.withdrawn.filter((b) => b.consumer === member).map((b) => stepIds.unbind(draft, b));
    for (const guest of member.guests) {
      const { key, work } = guest;
      const subject = guestName(draft, guest);
      if (work.remove) addHook(draft, guest, 'remove', waits);
      const stop = stepIds.guest(draft, 'stop', guest);
      if (work.stop) addStep(draft, stop, { kind: 'guest.stop', guest: key }, subject, [...waits, ...removes]);
      const destroy = stepIds.guest(draft, 'destroy', guest);
      addStep(draft, destroy, { kind: 'guest.destroy', guest: key }, subject, [...waits, ...removes, stop, ...unbinds]);
    }
    const gone = member.guests.map((guest) => stepIds.guest(draft, 'destroy', guest));
    addStep(
      draft,
      stepIds.forget(draft, member),
      { kind: 'instance.forget', instance: refOf(member) },
      nameOf(draft, member),
      [...gone, ...unbinds, ...waits],
    );
    for (const binding of draft.withdrawn) {
      if (binding.consumer === member) withdrawStep(draft, binding, [...waits, ...removes, ...stops]);
    }
  }
  for (const binding of draft.withdrawn) {
    if (binding.consumer.role === 'leaving') continue;
    // Before the consumer configures itself: it is told the bindings that are recorded, and there must be one of a kind.
    withdrawStep(draft, binding, [stepIds.bind(draft, binding)]);
  }
}

function withdrawStep(draft: Draft, binding: DraftBinding, after: readonly string[]): void {
  const guest = hookGuest(binding);
  const leaves = binding.provider.role === 'leaving';
  if (leaves && guest?.presence !== 'running') return;
  if (guest === undefined || guest.presence === 'missing' || binding.provider.manifest === undefined) {
    const what = binding.provider.manifest === undefined ? `Module ${binding.provider.module}` : 'The guest';
    report(draft, 'warning', {
      code: 'removal.provider_gone',
      subject: `${binding.consumer.name}.${binding.requirement}`,
      message: `${what} of ${nameOf(draft, binding.provider)} is gone, so ${binding.requirement} cannot be withdrawn there.`,
    });
    return;
  }
  addStep(
    draft,
    stepIds.unbind(draft, binding),
    { kind: 'binding.withdraw', binding: bindingPlan(binding), guest: guest.key, timeoutMs: DEFAULT_HOOK_TIMEOUT },
    bindingSubject(draft, binding),
    after,
  );
}

/** Those that use a leaving provider: gone before it when they leave too, switched over when they stay. */
function waitsFor(draft: Draft, member: Member, rank: ReadonlyMap<Member, number>): string[] {
  return consumersOf(draft, member).flatMap((consumer) => {
    if (consumer.role === 'wanted') {
      const moved = draft.withdrawn.filter((b) => b.consumer === consumer && b.provider === member);
      const configures = consumer.guests.map((guest) => stepIds.hook(draft, 'configure', guest));
      return [...configures, ...moved.map((b) => stepIds.unbind(draft, b))];
    }
    if ((rank.get(consumer) ?? 0) >= (rank.get(member) ?? 0)) return [];
    const steps = consumer.guests.map((guest) => stepIds.guest(draft, 'destroy', guest));
    return steps.length > 0 ? steps : [stepIds.forget(draft, consumer)];
  });
}

function consumersOf(draft: Draft, provider: Member): Member[] {
  const ids = new Set((draft.index.bindingsByProvider.get(provider.id) ?? []).map((binding) => binding.consumer));
  return [...draft.members.values(), ...draft.leaving].filter((member) => ids.has(member.id) && member !== provider);
}

/** Consumers get lower ranks. Half-changed stacks could have recorded a circle; the rank breaks it somewhere. */
function removalRanks(draft: Draft): ReadonlyMap<Member, number> {
  const rank = new Map<Member, number>();
  const open = new Set<Member>();
  const visit = (member: Member): void => {
    if (rank.has(member) || open.has(member)) return;
    open.add(member);
    for (const consumer of consumersOf(draft, member)) if (consumer.role === 'leaving') visit(consumer);
    rank.set(member, rank.size);
  };
  for (const member of draft.leaving) visit(member);
  return rank;
}

/** Destruction of the leaving consumers that a member served, for what is done after they are gone. */
export const destroysBefore = (draft: Draft, provider: Member): string[] =>
  draft.withdrawn
    .filter((binding) => binding.provider === provider && binding.consumer.role === 'leaving')
    .flatMap((binding) => binding.consumer.guests.map((guest) => stepIds.guest(draft, 'destroy', guest)));
