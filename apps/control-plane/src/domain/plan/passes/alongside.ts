import { hasErrors } from '../../diagnostic.js';
import type { WantedStack } from '../../stack/stack.js';
import { type Draft, type DraftBinding, type Member, type MemberGuest, report } from '../draft.js';
import { memberById } from '../members.js';

/**
 * Last of its group: the site's other stacks, where one plan carries all of them over into a new domain. Each is planned as
 * its own plan would do it (`apart`), and what that finds to do on its guests and relations becomes part of this plan, in
 * one graph: so a wiki is configured once its sign-in of another stack has its new name, and never before.
 */
export function alongside(draft: Draft, apart: (wanted: WantedStack) => Draft): void {
  const requests = new Map<string, DraftBinding>();
  for (const wanted of draft.input.alongside ?? []) {
    const other = apart(wanted);
    if (refuse(draft, other, wanted.name)) continue;
    for (const member of [...other.members.values(), ...other.external.values()]) join(draft, member);
    for (const binding of [...other.bindings, ...other.reprovided]) {
      // Its own stack knows what it asks for now; others only what it asked for before.
      if (binding.provide && (binding.consumer.role === 'wanted' || !requests.has(binding.id)))
        requests.set(binding.id, binding);
    }
  }
  for (const binding of requests.values()) provide(draft, binding);
}

/** What stands in the way of one stack stands in the way of all: half a site in a new domain helps nobody. */
function refuse(draft: Draft, other: Draft, name: string): boolean {
  for (const finding of other.findings) {
    if (finding.severity !== 'info') draft.findings.push({ ...finding, subject: `${name}: ${finding.subject}` });
  }
  if (hasErrors(other.findings)) return true;
  const open = [...other.members.values()]
    .flatMap(({ guests }) => guests)
    .filter(({ work }) => work.create || work.start || work.ready || work.install);
  if (open.length === 0 && other.leaving.length === 0 && other.bindings.every(({ recorded }) => recorded)) return false;
  report(draft, 'error', {
    code: 'domain.stack_unfinished',
    subject: `stack ${name}`,
    message: `The stack is not as it should be${open[0] ? ` (${open[0].key})` : ''}, so it cannot be given other names.`,
    remedy: `Plan and apply stack ${name} first.`,
  });
  return true;
}

function join(draft: Draft, other: Member): void {
  const member = memberById(draft, other.id);
  if (member === undefined) return;
  if (other.role === 'wanted') member.config = other.config;
  for (const guest of member.guests) {
    const found = other.guests.find(({ name }) => name === guest.name);
    if (found) joinWork(guest, found, other.role === 'wanted');
  }
}

function joinWork(guest: MemberGuest, found: MemberGuest, own: boolean): void {
  const { work } = guest;
  if (own) {
    if (found.spec) guest.spec = found.spec;
    if (found.work.rename) work.rename = found.work.rename;
    work.renameHook = found.work.renameHook;
    work.restart ||= found.work.restart;
  }
  work.configure ||= found.work.configure;
  work.check ||= found.work.check;
}

function provide(draft: Draft, found: DraftBinding): void {
  const known = [...draft.bindings, ...draft.reprovided].find(({ id }) => id === found.id);
  if (known) {
    if (known.consumer.role !== 'wanted') known.request = found.request;
    known.provide = true;
    return;
  }
  const consumer = memberById(draft, found.consumer.id);
  const provider = memberById(draft, found.provider.id);
  if (consumer && provider) draft.reprovided.push({ ...found, consumer, provider });
}
