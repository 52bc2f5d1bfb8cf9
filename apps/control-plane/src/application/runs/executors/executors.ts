import type { Executors } from '../executor.js';
import { guestExecutors } from './guest-executors.js';
import { moduleExecutors } from './module-executors.js';
import { renameExecutor } from './rename-guest.js';
import type { StepWorld } from './step-world.js';

/** One executor per kind of step; the type makes the build fail when one is missing. */
export const makeExecutors = (world: StepWorld): Executors => ({
  ...guestExecutors(world),
  ...renameExecutor(world),
  ...moduleExecutors(world),
});
