import type { InterfaceDefinition } from '../../module/interface.js';
import type { Requirement } from '../../module/manifest.js';
import { isInRange } from '../../module/version-range.js';
import type { Draft, Member, WantedMember } from '../draft.js';
import { externalMember } from '../members.js';

/** Somebody who could serve a requirement. */
export interface Candidate {
  readonly member: Member;
  /** Key in its `provides`. */
  readonly provided: string;
  /** Of the service behind it. */
  readonly version: string;
}

/** What a member offers under an interface. */
export function offersOf(member: Member, interfaceName: string): readonly Candidate[] {
  return Object.entries(member.manifest?.provides ?? {})
    .filter(([, offer]) => offer.interface === interfaceName)
    .map(([provided, offer]) => ({ member, provided, version: offer.version ?? member.appVersion }))
    .sort((a, b) => (a.provided < b.provided ? -1 : 1));
}

/** Instances of this stack, and those that take the place of one. */
export const inComposition = (draft: Draft, consumer: Member, interfaceName: string): readonly Candidate[] =>
  [...draft.members.values(), ...draft.reused.values()]
    .filter((member) => member.id !== consumer.id)
    .flatMap((member) => offersOf(member, interfaceName));

/** Foundation instances of the site's other stacks. */
export function inSite(draft: Draft, interfaceName: string): readonly Candidate[] {
  const found: Candidate[] = [];
  for (const module of draft.index.providingModules.get(interfaceName) ?? []) {
    if (draft.index.modules.get(module)?.[0]?.tier !== 'foundation') continue;
    for (const instance of draft.index.instancesByModule.get(module) ?? []) {
      if (instance.stack === draft.input.wanted.id) continue;
      const member = externalMember(draft, instance.id);
      if (member) found.push(...offersOf(member, interfaceName));
    }
  }
  return found;
}

/** The provider that the binding had, when it can still be had. */
export function recordedChoice(draft: Draft, consumer: WantedMember, requirement: string): Candidate | undefined {
  const interfaceName = consumer.manifest.requires[requirement]?.interface;
  for (const binding of draft.index.bindingsByConsumer.get(consumer.id) ?? []) {
    if (binding.requirement !== requirement || binding.interface !== interfaceName) continue;
    const provider = draft.index.instances.get(binding.provider);
    if (provider === undefined) continue;
    const member =
      provider.stack === draft.input.wanted.id
        ? draft.members.get(provider.name)
        : externalMember(draft, binding.provider);
    const offer = member && offersOf(member, interfaceName).find(({ provided }) => provided === binding.provided);
    if (offer && offer.member.id === binding.provider) return offer;
  }
  return undefined;
}

export const fits = (candidate: Candidate, requirement: Requirement): boolean =>
  isInRange(candidate.version, requirement.version);

/** A provider that serves one consumer only, and has another one already. */
export function isTaken(
  draft: Draft,
  consumer: Member,
  definition: InterfaceDefinition,
  { member, provided }: Candidate,
): boolean {
  if (definition.shared) return false;
  const planned = draft.bindings.some((b) => b.provider === member && b.provided === provided);
  if (planned) return true;
  return (draft.index.bindingsByProvider.get(member.id) ?? []).some(
    (b) =>
      b.provided === provided &&
      b.consumer !== consumer.id &&
      draft.index.instances.get(b.consumer)?.stack !== draft.input.wanted.id,
  );
}
