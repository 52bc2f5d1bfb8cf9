import type { GuestId, StepId } from '../../ids.js';
import { type BegunGuest, unfinishedOf } from '../../stack/stack.js';
import type { Draft } from '../draft.js';
import { addStep } from '../step-drafts.js';

/**
 * After all other steps, because it joins them: whatever an unfinished creation of this stack may have left is taken away
 * before the same guest is made anew, and with everything else when the stack goes. A creation that this plan makes under
 * the same identity tidies up itself.
 */
export function clearBegun(draft: Draft): void {
  const made = new Set<string>();
  for (const { step } of draft.steps.values()) if (step.kind === 'guest.create') made.add(step.guest.id);
  for (const left of toClear(draft)) {
    if (made.has(left.spec.id)) continue;
    const subject = left.spec.key.split('/').slice(1).join('.');
    const id = clearId(draft, subject, left);
    const destroy = `guest.destroy:${subject}`;
    addStep(draft, id, { kind: 'guest.clear', guest: left.spec.key, id: left.spec.id }, subject, [destroy]);
    draft.steps.get(`guest.create:${subject}` as StepId)?.after.add(id);
  }
}

export function toClear(draft: Draft): readonly BegunGuest[] {
  const { recorded, wanted } = draft.input;
  const going = new Set(draft.leaving.flatMap(({ guests }) => guests.map((guest) => guest.recorded?.id)));
  const stays = (guest: GuestId): boolean => draft.index.guestsById.has(guest) && !going.has(guest);
  return unfinishedOf(wanted.id, recorded, stays);
}

function clearId(draft: Draft, subject: string, { spec, vmids }: BegunGuest): string {
  const id = `guest.clear:${subject}@${vmids[0] ?? spec.vmid}`;
  return draft.steps.has(id) ? `${id} ${spec.id}` : id;
}
