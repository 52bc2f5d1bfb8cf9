import type { AbortOutsideTask } from '../executor.js';
import { type StepWorld, targetOf } from './step-world.js';

/** Stops what a cancelled step left running outside: a hook's unit on its guest, or a task of the substrate. */
export function abortOutsideTask(world: StepWorld): AbortOutsideTask {
  return async (step, task, context) => {
    const call = { signal: context.signal, deadline: context.deadline, fence: context.fence };
    if (step.kind === 'hook.run' || step.kind === 'binding.provide' || step.kind === 'binding.withdraw') {
      const guest = await world.stacks.findGuest(context.site, step.guest);
      if (guest) await world.shell.cancelHook(targetOf(guest), task, call);
      return;
    }
    const substrate = await substrateOf(world, step, context.site);
    if (substrate) await (await world.substrates.get(context.site, substrate)).abortTask(task, call);
  };
}

async function substrateOf(
  world: StepWorld,
  step: Parameters<AbortOutsideTask>[0],
  site: string,
): Promise<string | undefined> {
  if (step.kind === 'guest.create') return step.guest.substrate;
  if (step.kind === 'image.ensure') return step.substrate;
  if ('guest' in step && typeof step.guest === 'string')
    return (await world.stacks.findGuest(site, step.guest))?.substrate;
  return Object.keys((await world.stacks.getSite(site))?.substrates ?? {})[0];
}
