import { WorldFailure } from '../../domain/problem.js';
import type { GuestSettings, ObservedGuest, ObservedSubstrate } from '../../domain/stack/observed.js';
import type { RecordedGuest } from '../../domain/stack/stack.js';
import type { CallContext, Substrate } from '../substrates/substrate.port.js';

/** Guests asked at the same time. */
export const AT_ONCE = 8;

/** A guest on a node that has just gone is shown by what the overview says of it. */
export async function settingsOf(
  substrate: Substrate,
  { id, spec }: RecordedGuest,
  { vmid, node }: ObservedGuest,
  context: CallContext,
): Promise<GuestSettings | undefined> {
  try {
    return await substrate.guestSettings(id, { vmid, node, kind: spec.kind }, context);
  } catch (error) {
    if (error instanceof WorldFailure) return undefined;
    throw error;
  }
}

/**
 * What was observed, with the sizes of these guests as they themselves have them: the overview of a cluster is up to ten
 * seconds behind, and a plan that is made right after a change must not take the old size for a difference, nor miss a new one.
 */
export async function withTrueSizes(
  substrate: Substrate,
  seen: ObservedSubstrate,
  own: readonly RecordedGuest[],
  context: CallContext,
): Promise<ObservedSubstrate> {
  const online = new Set(seen.nodes.filter((node) => node.online).map((node) => node.name));
  const recorded = new Map(own.map((guest) => [guest.id, guest]));
  const guests = [...seen.guests];
  const left = [...guests.entries()].filter(([, { stamp, node }]) => stamp && recorded.has(stamp) && online.has(node));
  const ask = async (): Promise<void> => {
    for (let next = left.shift(); next; next = left.shift()) {
      const [at, guest] = next;
      const settings = await settingsOf(substrate, recorded.get(guest.stamp!)!, guest, context);
      if (!settings) continue;
      const { cpus, memoryMiB, diskGiB = guest.diskGiB } = settings;
      guests[at] = { ...guest, cpus, memoryMiB, ...(diskGiB === undefined ? {} : { diskGiB }) };
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return { ...seen, guests };
}
