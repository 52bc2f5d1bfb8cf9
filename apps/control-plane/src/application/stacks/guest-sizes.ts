import type { Instant } from '../../domain/ids.js';
import { WorldFailure } from '../../domain/problem.js';
import type { GuestSettings, ObservedGuest, ObservedSubstrate } from '../../domain/stack/observed.js';
import type { RecordedGuest } from '../../domain/stack/stack.js';
import type { CallContext, Substrate } from '../substrates/substrate.port.js';
import { byNode } from './by-node.js';

/** What guests have not told of themselves within this time is taken from the overview. */
const SIZES_MS = 10_000;

/** The same context for questions to guests one by one: one that hangs must not use up the time for everything else. */
export const whileGuestsAnswer = (context: CallContext, now: Instant): CallContext => ({
  ...context,
  deadline: Math.min(context.deadline, now + SIZES_MS),
});

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
  const asked = [...guests.entries()].flatMap(([at, guest]) => {
    const known = guest.stamp && online.has(guest.node) ? recorded.get(guest.stamp) : undefined;
    return known ? [{ at, guest, known }] : [];
  });
  await byNode(
    asked,
    ({ guest }) => guest.node,
    async ({ at, guest, known }) => {
      const settings = await settingsOf(substrate, known, guest, context);
      if (!settings) return;
      const { cpus, memoryMiB, diskGiB = guest.diskGiB } = settings;
      guests[at] = { ...guest, cpus, memoryMiB, ...(diskGiB === undefined ? {} : { diskGiB }) };
    },
  );
  return { ...seen, guests };
}
