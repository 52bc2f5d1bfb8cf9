/** Where the lab meets the runtime that runs real guests. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LabOptions } from './lab-options.js';
import type { GuestRuntime } from './runtime/guest-runtime.port.js';
import { LxcRuntime } from './runtime/lxc/lxc-runtime.js';
import { resetLxcRuntime } from './runtime/lxc/reset.js';

export function realGuests(options: LabOptions): GuestRuntime {
  return new LxcRuntime({
    name: options.name,
    stateDir: options.stateDir,
    ...(options.log ? { log: options.log } : {}),
  });
}

/** Takes away everything a lab made on this machine outside its folder. A lab that was API-only made nothing. */
export async function resetRuntime(lab: { readonly name: string; readonly stateDir: string }): Promise<void> {
  if (existsSync(join(lab.stateDir, 'runtime'))) await resetLxcRuntime(lab.name, lab.stateDir);
}
