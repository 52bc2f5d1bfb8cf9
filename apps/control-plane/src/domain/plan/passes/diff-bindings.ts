import { sameJson } from '../../module/hash.js';
import { referencedRequirements, resolveBindingFacts } from '../../module/interpolation.js';
import {
  type Draft,
  type DraftBinding,
  hasHook,
  type Member,
  type MemberGuest,
  providingGuests,
  report,
  type WantedMember,
} from '../draft.js';
import { recordedBinding } from '../members.js';
import { isRenamed } from './rename.js';

/**
 * Which bindings are provided (again): new ones, those whose request differs, and those whose provider starts anew or is
 * configured differently, because its answer may be another one then. Each makes its consumer configure itself.
 */
export function diffBindings(draft: Draft): void {
  // A binding whose sibling is provided again may get another answer itself, hence until nothing changes.
  for (let again = true; again; ) {
    again = false;
    for (const binding of draft.bindings) {
      if (binding.provide || !needsProviding(draft, binding)) continue;
      binding.provide = true;
      again = true;
    }
  }
  for (const member of draft.members.values()) {
    if (providerChanged(member)) provideToOthers(draft, member);
  }
  for (const binding of [...draft.bindings, ...draft.reprovided]) {
    if (binding.provide) {
      configureAgain(binding.consumer);
      checkProvider(draft, binding);
    }
  }
  for (const binding of draft.withdrawn) if (binding.consumer.role === 'wanted') configureAgain(binding.consumer);
}

function needsProviding(draft: Draft, binding: DraftBinding): boolean {
  const { recorded, consumer } = binding;
  if (binding.rotate || isRenamed(consumer)) return true;
  if (recorded === undefined || recorded.offerDigest === '' || providerChanged(binding.provider)) return true;
  const siblings = draft.bindings.filter((other) => other.consumer === consumer);
  const needed = referencedRequirements(binding.request).map((name) => siblings.find((s) => s.requirement === name));
  if (needed.some((sibling) => sibling === undefined || sibling.provide)) return true;
  const offers = Object.fromEntries(siblings.map((s) => [s.requirement, s.recorded?.offer]));
  const { request, missing } = resolveBindingFacts(binding.request, offers);
  return missing.length > 0 || !sameJson(request, resolveBindingFacts(recorded.request, offers).request);
}

function providerChanged(provider: Member): boolean {
  if (isRenamed(provider)) return true;
  if (provider.role !== 'wanted') return false;
  const { configChanged, rotate } = provider as WantedMember;
  return configChanged || rotate.size > 0 || provider.guests.some(({ work }) => work.create || work.install);
}

/** Consumers of other stacks are served by the same hooks, so they are part of this plan and of its blast radius. */
function provideToOthers(draft: Draft, provider: Member): void {
  for (const recorded of draft.index.bindingsByProvider.get(provider.id) ?? []) {
    if (draft.index.instances.get(recorded.consumer)?.stack === draft.input.wanted.id) continue;
    const binding = recordedBinding(draft, recorded);
    if (binding === undefined) continue;
    binding.provide = true;
    draft.reprovided.push(binding);
  }
}

function configureAgain(consumer: Member): void {
  if (!hasHook(consumer, 'configure')) return;
  for (const guest of consumer.guests) {
    if (consumer.role === 'wanted' || guest.presence === 'running') guest.work.configure = true;
  }
}

/** Other stacks' guests are not started or created here; one that cannot serve is told of before the run fails on it. */
function checkProvider(draft: Draft, { provider, provided, consumer }: DraftBinding): void {
  if (provider.role !== 'external') return;
  for (const guest of providingGuests(provider, provided)) {
    if (guest.presence === 'running') continue;
    const code = guest.presence === 'missing' ? 'drift.guest_missing' : 'drift.guest_stopped';
    if (draft.findings.some((finding) => finding.code === code && finding.subject === guest.key)) continue;
    report(draft, 'warning', {
      code,
      subject: guest.key,
      message: `${guest.key} serves ${consumer.name}, but does not run.`,
      remedy: `Apply a plan of stack ${provider.stack} first.`,
    });
  }
}

/** Where provide and withdraw hooks run. */
export const hookGuest = (binding: DraftBinding): MemberGuest | undefined =>
  providingGuests(binding.provider, binding.provided)[0];
