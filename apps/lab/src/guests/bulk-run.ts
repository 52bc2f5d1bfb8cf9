/** What everything done to many guests at once shares: who may, in which order, and one task for each. */
import { isManaged } from '../cluster/ha-state.js';
import { forbidden } from '../http/api-error.js';
import { Call, type Handlers } from '../http/call.js';
import type { Parameters } from '../schema/validate.js';
import type { Guest } from '../state/model.js';
import type { TaskContext } from '../tasks/tasks.js';
import { isTemplate } from './guests.js';
import { KINDS } from './kind.js';

const LAST = Number.MAX_SAFE_INTEGER;

/** A part of `startup`: `order`, or the seconds of `up` and `down`. */
export function startupOf(guest: Guest, key: 'order' | 'up' | 'down'): number | undefined {
  const text = String(guest.config.startup ?? '');
  const found = new RegExp(`(?:^|,)${key === 'order' ? '(?:order=)?' : `${key}=`}(\\d+)(?:,|$)`).exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

export const label = (guest: Guest) => `${KINDS[guest.type].label} ${guest.vmid}`;

/** Asked for one by one where guests are named, else for all of them. */
export function demandOnAll(call: Call, privileges: readonly string[], wanted: readonly number[]): void {
  if (wanted.length === 0 && !call.can('/', privileges)) throw forbidden(`/, ${privileges.join(', ')}`);
  for (const vmid of wanted) for (const privilege of privileges) call.demand(`/vms/${vmid}`, [privilege]);
}

/** Those named, or all of a node or of the cluster; without names what HA looks after stays out. */
export function guestsIn(call: Call, wanted: readonly number[], node?: string): Guest[] {
  return [...call.lab.state.guests.values()]
    .filter((guest) => (node === undefined || guest.node === node) && !isTemplate(guest))
    .filter((guest) => (wanted.length === 0 ? !isManaged(call.lab, guest) : wanted.includes(guest.vmid)))
    .sort(
      (left, right) =>
        (startupOf(left, 'order') ?? LAST) - (startupOf(right, 'order') ?? LAST) || left.vmid - right.vmid,
    );
}

/** Starts what a request of its own would start, in the name of who asked for all; throws what that is refused with. */
export async function startOne(
  call: Call,
  handlers: Handlers,
  guest: Guest,
  verb: string,
  parameters: Parameters,
): Promise<string> {
  const route = `/nodes/{node}/${guest.type}/{vmid}/${verb}`;
  const path = `/nodes/${guest.node}/${guest.type}/${guest.vmid}/${verb}`;
  const own = new Call(call.lab, call.caller, { node: guest.node, vmid: guest.vmid, ...parameters }, path, undefined);
  return String(await handlers[`POST ${route}`]?.(own));
}

/** The error a started task ends with; undefined when it ends well. Ends with the task that waits. */
export async function errorOf(call: Call, upid: string, task: TaskContext): Promise<string | undefined> {
  const { tasks } = call.lab;
  const stop = () => tasks.abort(upid);
  task.signal.addEventListener('abort', stop, { once: true });
  await tasks.finished(upid);
  task.signal.removeEventListener('abort', stop);
  task.signal.throwIfAborted();
  const status = tasks.get(upid)?.status ?? 'unknown';
  return status === 'OK' || status.startsWith('WARNINGS') ? undefined : status;
}
