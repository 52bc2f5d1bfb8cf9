import type { JsonObject } from '../../ids.js';
import { factsIn, resolveBindingFacts } from '../../module/interpolation.js';
import type { RecordedBinding } from '../../stack/stack.js';
import { type Draft, type Member, report } from '../draft.js';
import { recordedBinding, recordedMember } from '../members.js';

/**
 * When composition and bindings are known, what is recorded but not among them is leaving. Before placing, because what
 * somebody else still uses must not leave, and then nothing else of the plan matters.
 */
export function leave(draft: Draft): void {
  const { index, input } = draft;
  for (const instance of [...index.own.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (draft.members.get(instance.name)?.id === instance.id) continue;
    draft.leaving.push(recordedMember(draft, instance, 'leaving'));
  }
  for (const member of draft.leaving) {
    const users = (index.bindingsByProvider.get(member.id) ?? [])
      .flatMap((binding) => index.instances.get(binding.consumer) ?? [])
      .filter((consumer) => consumer.stack !== input.wanted.id)
      .map((consumer) => `${index.stackNames.get(consumer.stack) ?? consumer.stack}/${consumer.name}`);
    if (users.length === 0) continue;
    const list = [...new Set(users)].sort();
    report(draft, 'error', {
      code: 'stack.in_use',
      subject: `${member.stack}/${member.name}`,
      message: `${member.stack}/${member.name} still serves ${list.join(', ')}.`,
      remedy: 'Remove those first, or bind them to another provider.',
      details: { consumers: list },
    });
  }
  withdraw(draft);
}

function withdraw(draft: Draft): void {
  const kept = new Set(draft.bindings.map((binding) => binding.id));
  const own: readonly Member[] = [...draft.members.values(), ...draft.leaving];
  for (const member of own) {
    for (const recorded of draft.index.bindingsByConsumer.get(member.id) ?? []) {
      if (kept.has(recorded.id)) continue;
      const binding = recordedBinding(draft, recorded);
      if (binding === undefined) continue;
      // A provider that leaves as well takes everything it provided to the leaving with it.
      if (binding.provider.role === 'leaving' && member.role === 'leaving') continue;
      draft.withdrawn.push({ ...binding, request: settled(draft, recorded) });
    }
  }
}

/** The request without facts of sibling offers: these may be withdrawn before, so they are filled in now. */
function settled(draft: Draft, recorded: RecordedBinding): JsonObject {
  const siblings = draft.index.bindingsByConsumer.get(recorded.consumer) ?? [];
  const offers = Object.fromEntries(siblings.map((sibling) => [sibling.requirement, sibling.offer]));
  const { request } = resolveBindingFacts(recorded.request, offers);
  return Object.fromEntries(Object.entries(request).filter(([, value]) => factsIn(value).length === 0));
}
