/** Many guests one after the other: in the order of their `startup`, so many at a time, each in a task of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isManaged } from '../cluster/ha-state.js';
import { ApiError } from '../http/api-error.js';
import { Call } from '../http/call.js';
import type { Lab } from '../lab.js';
import type { Parameters } from '../schema/validate.js';
import type { Guest } from '../state/model.js';
import type { TaskContext } from '../tasks/tasks.js';
import { isTemplate } from './guests.js';
import { KINDS } from './kind.js';
import { migrateHandlers } from './migrate.js';
import { powerHandlers } from './power-handlers.js';

const LAST = Number.MAX_SAFE_INTEGER;

export const titleOf = (guest: Guest) => `${KINDS[guest.type].label} ${guest.vmid}`;

const startupOf = (guest: Guest, name: string): number | undefined => {
  const found = new RegExp(`(?:^|,)${name === 'order' ? '(?:order=)?' : `${name}=`}(\\d+)`).exec(
    String(guest.config.startup ?? ''),
  )?.[1];
  return found === undefined ? undefined : Number(found);
};
/** Seconds to wait after its start, and for its end. */
export const upOf = (guest: Guest) => startupOf(guest, 'up');
export const downOf = (guest: Guest) => startupOf(guest, 'down');

/** No templates; guests of HA only where they were named. */
export function startStopList(lab: Lab, node: string | undefined, wanted: readonly number[]): Guest[] {
  return [...lab.state.guests.values()].filter(
    (guest) =>
      (node === undefined || guest.node === node) &&
      (wanted.length > 0 ? wanted.includes(guest.vmid) : !isManaged(lab, guest)) &&
      !isTemplate(guest),
  );
}

/** The guests by their order; with `backwards` from its end. */
export function inOrder(guests: readonly Guest[], backwards = false): Guest[][] {
  const groups = new Map<number, Guest[]>();
  const sign = backwards ? -1 : 1;
  for (const guest of [...guests].sort((left, right) => left.vmid - right.vmid)) {
    const order = startupOf(guest, 'order') ?? LAST;
    groups.set(order, [...(groups.get(order) ?? []), guest]);
  }
  return [...groups].sort(([left], [right]) => sign * (left - right)).map(([, group]) => group);
}

/** Asks for one guest what a client would ask for; answers the UPID. */
export function ask(call: Call, guest: Guest, verb: string, parameters: Parameters = {}): string {
  const { type, node, vmid } = guest;
  const path = `/nodes/${node}/${type}/${vmid}/${verb}`;
  const handler = { ...powerHandlers, ...migrateHandlers }[`POST /nodes/{node}/${type}/{vmid}/${verb}`];
  return String(handler?.(new Call(call.lab, call.caller, { ...parameters, node, vmid }, path, undefined)));
}

export const messageOf = (error: unknown) =>
  (error instanceof ApiError ? error.text : error instanceof Error ? error.message : String(error)).trimEnd();

export interface Turn {
  readonly width: number;
  /** The UPID of what was begun; undefined where there is nothing to do. What it throws goes to `refused`. */
  readonly begin: (guest: Guest) => string | undefined;
  readonly refused: (guest: Guest, message: string) => void;
  readonly ended?: (guest: Guest, status: string, good: boolean) => void | Promise<void>;
}

/** Works through the groups; the next begins when the one before is done. Answers how many tasks there were. */
export async function takeTurns(
  call: Call,
  task: TaskContext,
  groups: readonly (readonly Guest[])[],
  turn: Turn,
): Promise<number> {
  const { tasks } = call.lab;
  const open = new Map<string, Promise<void>>();
  const stop = () => {
    for (const upid of open.keys()) tasks.abort(upid);
  };
  task.signal.addEventListener('abort', stop, { once: true });
  let count = 0;
  const follow = async (guest: Guest, upid: string) => {
    await tasks.finished(upid);
    open.delete(upid);
    const status = tasks.get(upid)?.status ?? 'unknown';
    await turn.ended?.(guest, status, status === 'OK' || status.startsWith('WARNINGS'));
  };
  try {
    for (const group of groups) {
      for (const guest of group) {
        while (open.size >= turn.width) await Promise.race(open.values());
        task.signal.throwIfAborted();
        try {
          const upid = turn.begin(guest);
          if (upid === undefined) continue;
          count += 1;
          open.set(upid, follow(guest, upid));
        } catch (error) {
          turn.refused(guest, messageOf(error));
        }
      }
      await Promise.all(open.values());
      task.signal.throwIfAborted();
    }
  } finally {
    task.signal.removeEventListener('abort', stop);
  }
  return count;
}

export async function startupDelay(guest: Guest, task: TaskContext): Promise<void> {
  const seconds = upOf(guest) ?? 0;
  if (seconds === 0) return;
  task.log(`Waiting for ${seconds} seconds (startup delay)`);
  await sleep(seconds * 1000, undefined, { signal: task.signal });
}
