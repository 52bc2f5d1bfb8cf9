/** The tasks HA runs for a resource: those a node's local resource manager starts there. */
import { migrationOf } from '../guests/migrate.js';
import { shutdownGuest, startGuest, stopGuest } from '../guests/power.js';
import { Call } from '../http/call.js';
import type { Lab } from '../lab.js';
import type { Parameters } from '../schema/validate.js';
import type { Guest } from '../state/model.js';
import type { TaskWorker } from '../tasks/tasks.js';

const SHUTDOWN_SECONDS = 60;
const ROOT = { id: 'root@pam', userid: 'root@pam', isToken: false, isRoot: true } as const;

export interface Work {
  readonly type: string;
  readonly run: TaskWorker;
}

export const startWork = (lab: Lab, { type, node, vmid }: Guest): Work => ({
  type: type === 'qemu' ? 'qmstart' : 'vzstart',
  run: (task) => startGuest(lab, type, node, vmid, task),
});

export const stopWork = (lab: Lab, guest: Guest): Work => {
  const { type, node, vmid } = guest;
  return {
    type: type === 'qemu' ? 'qmshutdown' : 'vzshutdown',
    run: async (task) =>
      guest.running?.hollow
        ? await stopGuest(lab, type, node, vmid, task)
        : await shutdownGuest(lab, type, node, vmid, { timeout: SHUTDOWN_SECONDS, forceStop: true }, task),
  };
};

/** A machine travels alive; whatever else runs is shut down first, by a task of its own. */
export function moveWork(lab: Lab, guest: Guest, verb: 'migrate' | 'relocate', target: string): Work {
  const { type, vmid, node } = guest;
  if (guest.running && (type === 'lxc' || verb === 'relocate')) return stopWork(lab, guest);
  const alive: Parameters = guest.running ? { online: 1, 'with-local-disks': 1 } : {};
  const path = `/nodes/${node}/${type}/${vmid}/migrate`;
  const call = new Call(lab, ROOT, { node, vmid, target, ...alive }, path, undefined);
  return {
    type: type === 'qemu' ? 'qmigrate' : 'vzmigrate',
    run: migrationOf(call, type, { node: target, storageOf: (id) => id }),
  };
}
