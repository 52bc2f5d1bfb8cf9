import type { InstanceId } from '../ids.js';
import { type DriftField, driftOf, type IgnoredDrift, ignoredAs } from '../stack/drift.js';
import type { RecordedBinding, RecordedGuest, RecordedInstance } from '../stack/stack.js';
import { type Draft, type DraftBinding, type Member, type MemberGuest, noWork } from './draft.js';
import { manifestOf, type ObservedIndex } from './plan-index.js';
import type { InstanceRef } from './steps.js';

/** An instance that is recorded: one of another stack, or one of ours that is leaving. */
export function recordedMember(draft: Draft, instance: RecordedInstance, role: 'leaving' | 'external'): Member {
  const guests: MemberGuest[] = [];
  const manifest = manifestOf(draft.index, instance);
  const member: Member = {
    role,
    id: instance.id,
    stack: draft.index.stackNames.get(instance.stack) ?? instance.stack,
    name: instance.name,
    module: instance.module,
    version: instance.version,
    appVersion: instance.appVersion,
    // Hooks are delivered from the catalogue, so theirs is the digest that can be run now.
    moduleDigest: manifest?.digest ?? instance.moduleDigest,
    manifest,
    recorded: instance,
    config: instance.config,
    guests,
  };
  for (const recorded of draft.index.guestsByInstance.get(instance.id) ?? []) {
    guests.push({
      key: `${member.stack}/${member.name}/${recorded.name}`,
      name: recorded.name,
      owner: member,
      recorded,
      ...observe(draft, recorded),
      template: undefined,
      spec: recorded.spec,
      work: noWork(),
    });
  }
  guests.sort((a, b) => (a.name < b.name ? -1 : 1));
  return member;
}

/** An instance of another stack, made once. */
export function externalMember(draft: Draft, id: InstanceId): Member | undefined {
  const known = draft.external.get(id);
  if (known) return known;
  const instance = draft.index.instances.get(id);
  if (instance === undefined) return undefined;
  const member = recordedMember(draft, instance, 'external');
  draft.external.set(id, member);
  return member;
}

/** Whoever has this id now: wanted, leaving, or in another stack. */
export function memberById(draft: Draft, id: InstanceId): Member | undefined {
  for (const member of draft.members.values()) if (member.id === id) return member;
  return draft.leaving.find((member) => member.id === id) ?? externalMember(draft, id);
}

export function recordedBinding(draft: Draft, recorded: RecordedBinding): DraftBinding | undefined {
  const consumer = memberById(draft, recorded.consumer);
  const provider = memberById(draft, recorded.provider);
  if (consumer === undefined || provider === undefined) return undefined;
  return {
    id: recorded.id,
    interface: recorded.interface,
    definition: draft.index.interfaces.get(recorded.interface),
    requirement: recorded.requirement,
    consumer,
    provider,
    provided: recorded.provided,
    request: recorded.request,
    recorded,
    provide: false,
  };
}

/** Finds a recorded guest by its stamp, wherever it is now. A guest that only has its number is a stranger. */
export function observe(
  draft: Draft,
  recorded: RecordedGuest,
): Pick<MemberGuest, 'observed' | 'presence' | 'ignored' | 'restore'> {
  const substrate = draft.index.observed.get(recorded.substrate);
  // Being made again, and not done: whatever carries its stamp, nothing is installed in it.
  const observed = draft.index.unfinished.has(recorded.id) ? undefined : substrate?.byStamp.get(recorded.id);
  const words = substrate ? ignoredOf(draft, recorded, observed) : new Map<DriftField, IgnoredDrift>();
  return { ...standing(substrate, recorded, observed), ignored: words, restore: new Set() };
}

function ignoredOf(
  draft: Draft,
  recorded: RecordedGuest,
  observed: MemberGuest['observed'],
): ReadonlyMap<DriftField, IgnoredDrift> {
  const words = draft.index.ignored.get(recorded.id) ?? [];
  if (words.length === 0) return new Map();
  return new Map(
    driftOf(recorded, observed).flatMap((drift) => {
      const word = ignoredAs(recorded.id, drift, words);
      return word ? [[drift.field, word] as const] : [];
    }),
  );
}

function standing(
  substrate: ObservedIndex | undefined,
  recorded: RecordedGuest,
  observed: MemberGuest['observed'],
): Pick<MemberGuest, 'observed' | 'presence'> {
  if (substrate === undefined) return { observed: undefined, presence: 'unknown' };
  if (observed === undefined) {
    return { observed, presence: substrate.onlineNodes.has(recorded.node) ? 'missing' : 'unknown' };
  }
  if (!substrate.onlineNodes.has(observed.node)) return { observed, presence: 'unknown' };
  if (observed.status === 'running') return { observed, presence: 'running' };
  return { observed, presence: observed.status === 'stopped' ? 'stopped' : 'unknown' };
}

export const refOf = (member: Member): InstanceRef => ({
  id: member.id,
  stack: member.stack,
  name: member.name,
  module: member.module,
  version: member.version,
  appVersion: member.appVersion,
  moduleDigest: member.moduleDigest,
  config: member.config,
});
