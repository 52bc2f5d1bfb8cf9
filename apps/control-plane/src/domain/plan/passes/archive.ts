import { type Draft, guestName, type Member, report } from '../draft.js';
import { externalMember } from '../members.js';
import { addStep, stepIds } from '../step-drafts.js';

/**
 * The whole of a plan that archives: every guest of the stack is stopped and kept, consumers before those they lean on.
 * Disks, addresses, names, accounts, secrets and configuration stay; whoever wakes the stack finds all of it.
 */
export function archive(draft: Draft): void {
  const members = [...draft.index.own.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((instance) => externalMember(draft, instance.id) ?? []);
  for (const member of members) refuseWhileUsed(draft, member);
  for (const member of members) {
    const before = consumers(draft, member)
      .flatMap((id) => members.find((other) => other.id === id) ?? [])
      .filter((consumer) => !leansOn(draft, member, consumer))
      .flatMap((consumer) => consumer.guests.map((guest) => stepIds.guest(draft, 'stop', guest)));
    for (const guest of member.guests) {
      if (guest.presence === 'unknown') {
        report(draft, 'error', {
          code: 'drift.guest_unknown',
          subject: guest.key,
          message: `Nothing can be said about guest ${guest.recorded?.vmid}, so it cannot be put to rest.`,
          remedy: 'Bring its node online, or resume it, and plan again.',
        });
        continue;
      }
      // A guest that was stopped by hand still starts with its node; archived twice, there is nothing to do.
      if (
        guest.presence === 'missing' ||
        (guest.presence === 'stopped' && draft.index.archived.has(draft.input.wanted.id))
      )
        continue;
      guest.work.stop = true;
      const step = { kind: 'guest.stop', guest: guest.key, rests: true } as const;
      addStep(draft, stepIds.guest(draft, 'stop', guest), step, guestName(draft, guest), before);
    }
  }
}

function refuseWhileUsed(draft: Draft, member: Member): void {
  const users = consumers(draft, member)
    .flatMap((id) => draft.index.instances.get(id) ?? [])
    .filter(({ stack }) => stack !== draft.input.wanted.id && !draft.index.archived.has(stack))
    .map((consumer) => `${draft.index.stackNames.get(consumer.stack) ?? consumer.stack}/${consumer.name}`);
  if (users.length === 0) return;
  const list = [...new Set(users)].sort();
  report(draft, 'error', {
    code: 'stack.in_use',
    subject: `${member.stack}/${member.name}`,
    message: `${member.stack}/${member.name} still serves ${list.join(', ')}.`,
    remedy: 'Archive or remove those first.',
    details: { consumers: list },
  });
}

const consumers = (draft: Draft, member: Member) =>
  (draft.index.bindingsByProvider.get(member.id) ?? []).map((binding) => binding.consumer);

/** In a circle of two, the order of their names decides. */
const leansOn = (draft: Draft, member: Member, other: Member): boolean =>
  member.name < other.name && consumers(draft, other).includes(member.id);
