/**
 * What pvestatd does: every few seconds it publishes names, states and figures of all guests, and /cluster/resources shows that.
 * Until then a new guest has no name, and after a change the old figures stay.
 */

import { parseMemory } from '../guests/definition.js';
import { cpusOf, maxDisk, nameOf, statusOf, usageOf } from '../guests/status.js';
import type { Lab } from '../lab.js';
import type { Guest, GuestFigures } from '../state/model.js';

async function figuresOf(lab: Lab, guest: Guest): Promise<GuestFigures> {
  const usage = await usageOf(lab, guest);
  return {
    name: nameOf(guest),
    status: statusOf(guest),
    template: guest.config.template === 1 ? 1 : 0,
    maxcpu: cpusOf(guest),
    maxmem: parseMemory(guest.config.memory) * 2 ** 20,
    maxdisk: maxDisk(lab, guest),
    mem: usage.memoryBytes,
    disk: guest.type === 'lxc' ? usage.diskBytes : 0,
    cpu: usage.cpu,
    netin: usage.netInBytes,
    netout: usage.netOutBytes,
    diskread: usage.diskReadBytes,
    diskwrite: usage.diskWriteBytes,
    since: guest.running?.since ?? 0,
  };
}

export async function publishFigures(lab: Lab): Promise<void> {
  let count = 0;
  for (const guest of [...lab.state.guests.values()]) {
    if (guest.config.lock === 'create') continue;
    if (lab.faults.isNodeDown(guest.node)) continue;
    lab.state.figures.set(guest.vmid, await figuresOf(lab, guest));
    count += 1;
    // Thousands of guests must not hold up the requests.
    if (count % 250 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Figures for one row, the published ones or (without lag) the present ones. */
export async function figuresFor(lab: Lab, guest: Guest): Promise<GuestFigures | undefined> {
  return lab.figuresLagSeconds === 0 ? await figuresOf(lab, guest) : lab.state.figures.get(guest.vmid);
}
