/** Real guests need the lxc runtime; where this build has none, that is said plainly. */
import type { LabOptions } from './lab-options.js';
import type { GuestRuntime } from './runtime/guest-runtime.port.js';

export async function chooseRuntime(options: LabOptions): Promise<GuestRuntime> {
  throw new Error(`guests '${options.guests}' are not available in this build; use --guests none`);
}

/** Takes away everything a lab made on this machine outside its folder. */
export async function resetRuntime(_lab: { readonly name: string; readonly stateDir: string }): Promise<void> {}
