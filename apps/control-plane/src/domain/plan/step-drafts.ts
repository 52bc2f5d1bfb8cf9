import type { StepId } from '../ids.js';
import type { LifecycleHook } from '../module/manifest.js';
import { type Draft, type DraftBinding, guestName, type Member, type MemberGuest, nameOf } from './draft.js';
import { refOf } from './members.js';
import { deadlineOf, expectedDuration, hookTimeout } from './step-timing.js';
import { type AnyStep, type BindingPlan, STEP_TRAITS } from './steps.js';

/** The names of steps: readable, unique in the plan, and known before the step exists, so that others can wait for it. */
export const stepIds = {
  fetch: (member: Member, artifact: string) => `artifact.fetch:${member.module}.${artifact}`,
  image: (substrate: string, node: string, volume: string) => `image.ensure:${substrate}/${node}/${volume}`,
  guest: (draft: Draft, verb: GuestVerb, guest: MemberGuest) => `guest.${verb}:${guestName(draft, guest)}`,
  hook: (draft: Draft, hook: LifecycleHook, guest: MemberGuest) => `hook.${hook}:${guestName(draft, guest)}`,
  bind: (draft: Draft, binding: DraftBinding) => `bind:${nameOf(draft, binding.consumer)}.${binding.requirement}`,
  unbind: (draft: Draft, binding: DraftBinding) =>
    `unbind:${nameOf(draft, binding.consumer)}.${binding.requirement}@${nameOf(draft, binding.provider)}`,
  rotate: (draft: Draft, member: Member, of: string) => `secret.rotate:${nameOf(draft, member)}.${of}`,
  forget: (draft: Draft, member: Member) => `instance.forget:${nameOf(draft, member)}`,
};

type GuestVerb =
  | 'create'
  | 'firewall'
  | 'start'
  | 'ready'
  | 'resize'
  | `grow-${string}`
  | 'move'
  | 'ready-moved'
  | 'rename'
  | 'stop'
  | 'start-again'
  | 'ready-again'
  | 'destroy';

const HOOK_LABELS: Readonly<Record<LifecycleHook, string>> = {
  install: 'Install',
  configure: 'Configure',
  check: 'Check',
  upgrade: 'Upgrade',
  quiesce: 'Quiesce',
  thaw: 'Thaw',
  dump: 'Dump data of',
  load: 'Load data of',
  rename: 'Carry over data of',
  remove: 'Clean up after',
};

export function addStep(
  draft: Draft,
  id: string,
  step: AnyStep,
  subject: string,
  after: readonly string[],
  facts: { readonly weight?: number; readonly sizeMiB?: number } = {},
): void {
  const before = draft.steps.get(id);
  if (before) {
    for (const other of after) before.after.add(other);
    return;
  }
  const label =
    step.kind === 'hook.run'
      ? `${HOOK_LABELS[step.hook]} ${subject}`
      : STEP_TRAITS[step.kind].label.replace('{subject}', subject);
  draft.steps.set(id, {
    id: id as StepId,
    step,
    subject,
    label,
    after: new Set(after),
    weightMs: expectedDuration(step, draft.input.durations, facts),
    deadlineMs: deadlineOf(step),
  });
}

export function addHook(draft: Draft, guest: MemberGuest, hook: LifecycleHook, after: readonly string[]): void {
  const { owner } = guest;
  const timeoutMs = hookTimeout(owner, hook);
  const weight = owner.manifest?.hooks[hook]?.weight;
  addStep(
    draft,
    stepIds.hook(draft, hook, guest),
    { kind: 'hook.run', instance: refOf(owner), guest: guest.key, hook, timeoutMs },
    guestName(draft, guest),
    after,
    weight === undefined ? {} : { weight },
  );
}

export const bindingPlan = (binding: DraftBinding): BindingPlan => ({
  id: binding.id,
  interface: binding.interface,
  requirement: binding.requirement,
  consumer: refOf(binding.consumer),
  provider: refOf(binding.provider),
  provided: binding.provided,
  request: binding.request,
});

/** `wiki → gateway (route)`. */
export const bindingSubject = (draft: Draft, binding: DraftBinding): string =>
  `${nameOf(draft, binding.consumer)} → ${nameOf(draft, binding.provider)} (${binding.requirement})`;
