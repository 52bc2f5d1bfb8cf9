import type { Milliseconds } from '../ids.js';
import type { LifecycleHook } from '../module/manifest.js';
import type { Member } from './draft.js';
import type { AnyStep, StepKind } from './steps.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** How long a step usually takes where nothing was measured yet, and when it is given up. */
const TIMING: Readonly<Record<StepKind, { readonly usual: Milliseconds; readonly deadline: Milliseconds }>> = {
  'artifact.fetch': { usual: 10 * SECOND, deadline: 60 * MINUTE },
  'image.ensure': { usual: 60 * SECOND, deadline: 60 * MINUTE },
  'guest.create': { usual: 20 * SECOND, deadline: 30 * MINUTE },
  'guest.start': { usual: 5 * SECOND, deadline: 10 * MINUTE },
  'guest.ready': { usual: 15 * SECOND, deadline: 15 * MINUTE },
  'guest.firewall': { usual: 2 * SECOND, deadline: 5 * MINUTE },
  'guest.resize': { usual: 5 * SECOND, deadline: 15 * MINUTE },
  'guest.grow': { usual: 5 * SECOND, deadline: 15 * MINUTE },
  'guest.move': { usual: 60 * SECOND, deadline: 240 * MINUTE },
  'guest.rename': { usual: 2 * SECOND, deadline: 5 * MINUTE },
  'secret.rotate': { usual: 1 * SECOND, deadline: 1 * MINUTE },
  'guest.stop': { usual: 10 * SECOND, deadline: 10 * MINUTE },
  'guest.destroy': { usual: 10 * SECOND, deadline: 30 * MINUTE },
  'guest.clear': { usual: 5 * SECOND, deadline: 30 * MINUTE },
  'hook.run': { usual: 15 * SECOND, deadline: 10 * MINUTE },
  'binding.provide': { usual: 5 * SECOND, deadline: 10 * MINUTE },
  'binding.withdraw': { usual: 5 * SECOND, deadline: 10 * MINUTE },
  'instance.forget': { usual: 1 * SECOND, deadline: 5 * MINUTE },
};

const USUAL_HOOK: Readonly<Partial<Record<LifecycleHook, Milliseconds>>> = {
  install: 60 * SECOND,
  configure: 15 * SECOND,
  check: 5 * SECOND,
  remove: 10 * SECOND,
};

/** For hooks whose manifest sets no limit, and for provide and withdraw. */
export const DEFAULT_HOOK_TIMEOUT: Milliseconds = TIMING['hook.run'].deadline;

export const hookTimeout = (member: Member, hook: LifecycleHook): Milliseconds =>
  member.manifest?.hooks[hook]?.timeoutMs ?? DEFAULT_HOOK_TIMEOUT;

/** A hook's own timeout is the step's deadline; the others have the sensible one of their kind. */
export const deadlineOf = (step: AnyStep): Milliseconds =>
  'timeoutMs' in step ? step.timeoutMs : TIMING[step.kind].deadline;

/** Measured on this site; else what the module says (a weight counts as seconds); else what is usual. */
export function expectedDuration(
  step: AnyStep,
  measured: Readonly<Record<string, Milliseconds>>,
  facts: { readonly weight?: number; readonly sizeMiB?: number },
): Milliseconds {
  const key = step.kind === 'hook.run' ? `hook.run:${step.instance.module}:${step.hook}` : step.kind;
  const known = measured[key];
  if (known !== undefined) return Math.round(known);
  if (facts.weight !== undefined) return facts.weight * SECOND;
  // A line of about 100 Mbit/s.
  if (facts.sizeMiB !== undefined) return SECOND + Math.round((facts.sizeMiB / 12) * SECOND);
  if (step.kind === 'hook.run') return USUAL_HOOK[step.hook] ?? TIMING['hook.run'].usual;
  return TIMING[step.kind].usual;
}
