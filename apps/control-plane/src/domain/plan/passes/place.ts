import type { GuestTemplate } from '../../module/manifest.js';
import type { ImageSource } from '../../site/site.js';
import type { ObservedStorage, ObservedSubstrate } from '../../stack/observed.js';
import { type Draft, type MemberGuest, report } from '../draft.js';

interface Room {
  readonly node: string;
  memoryMiB: number;
  /** Shared by all nodes when the storage is. */
  readonly disk: { freeGiB: number };
  readonly owners: string[];
}

/**
 * After it is known who comes: gives each new guest a node. Recorded guests stay where they are. Guests of one instance
 * go to different nodes while there are enough; among equals the node with the most memory left takes the guest, so a
 * stack spreads. Whether it all fits is judged later, by the capacity gate, with the numbers.
 */
export function place(draft: Draft): void {
  const guests = [...draft.members.values()].flatMap((member) => member.guests);
  const coming = guests.filter((guest) => guest.presence === 'new');
  for (const guest of guests) {
    if (guest.recorded) guest.site = { substrate: guest.recorded.substrate, node: guest.recorded.node };
  }
  if (coming.length === 0) return;
  coming.sort((a, b) => (b.template?.memoryMiB ?? 0) - (a.template?.memoryMiB ?? 0) || (a.key < b.key ? -1 : 1));
  const home = guests.find((guest) => guest.recorded)?.recorded?.substrate;
  const names = Object.keys(draft.input.site.substrates).sort((a, b) =>
    a === home ? -1 : b === home ? 1 : a < b ? -1 : 1,
  );
  // The guests of a stack talk to each other, so they all go to one substrate: the first that has room for them.
  const attempts = names.flatMap((name) => tryOn(draft, name, coming) ?? []);
  const best = attempts.find((attempt) => attempt.fits) ?? attempts[0];
  if (best === undefined) {
    report(draft, 'error', {
      code: 'capacity.insufficient',
      subject: names.join(', ') || draft.input.site.name,
      message: 'No node is online that may take guests, or the storage for guests is not there.',
      remedy:
        'Bring a node online, correct substrates.*.nodes and storageClasses.guests of the site, or let bastide doctor tell whether the API token may see them.',
    });
    return;
  }
  for (const [guest, node] of best.nodes) guest.site = { substrate: best.substrate, node };
}

function tryOn(
  draft: Draft,
  substrate: string,
  coming: readonly MemberGuest[],
): { substrate: string; fits: boolean; nodes: ReadonlyMap<MemberGuest, string> } | undefined {
  const rooms = roomsOf(draft, substrate);
  if (rooms.length === 0) return undefined;
  const nodes = new Map<MemberGuest, string>();
  let fits = true;
  for (const guest of coming) {
    const { template } = guest;
    if (template === undefined) continue;
    const memory = template.memoryMiB;
    const disk = diskOf(template);
    const better = (a: Room, b: Room): number => {
      const room = Number(hasRoom(b, memory, disk)) - Number(hasRoom(a, memory, disk));
      const apart = siblings(a, guest) - siblings(b, guest);
      return (
        room || apart || b.memoryMiB - a.memoryMiB || b.disk.freeGiB - a.disk.freeGiB || (a.node < b.node ? -1 : 1)
      );
    };
    const room = [...rooms].sort(better)[0];
    if (room === undefined) return undefined;
    if (!hasRoom(room, memory, disk) || imageOf(draft, substrate, template) === undefined) fits = false;
    room.memoryMiB -= memory;
    room.disk.freeGiB -= disk;
    room.owners.push(guest.owner.id);
    nodes.set(guest, room.node);
  }
  return { substrate, fits, nodes };
}

const hasRoom = (room: Room, memory: number, disk: number): boolean =>
  room.memoryMiB >= memory && room.disk.freeGiB >= disk;
const siblings = (room: Room, guest: MemberGuest): number =>
  room.owners.filter((owner) => owner === guest.owner.id).length;

function roomsOf(draft: Draft, substrate: string): Room[] {
  const settings = draft.input.site.substrates[substrate];
  const observed = draft.input.observed[substrate];
  if (settings === undefined || observed === undefined) return [];
  const disks = new Map<ObservedStorage, { freeGiB: number }>();
  return observed.nodes.flatMap((node) => {
    if (!node.online || (settings.nodes.length > 0 && !settings.nodes.includes(node.name))) return [];
    const storage = storageOn(observed, node.name, settings.storageClasses.guests);
    if (storage === undefined) return [];
    const disk = disks.get(storage) ?? { freeGiB: storage.freeGiB };
    disks.set(storage, disk);
    const owners = [...draft.members.values()].flatMap((member) =>
      member.guests
        .filter((guest) => guest.recorded?.substrate === substrate && guest.recorded.node === node.name)
        .map(() => member.id as string),
    );
    return [{ node: node.name, memoryMiB: node.freeMemoryMiB, disk, owners }];
  });
}

/** The storage of that name as the node reaches it: its own, or a shared one. */
export const storageOn = (observed: ObservedSubstrate, node: string, name: string): ObservedStorage | undefined =>
  observed.storages.find((storage) => storage.name === name && storage.node === node) ??
  observed.storages.find((storage) => storage.name === name && storage.node === undefined);

export const diskOf = (template: GuestTemplate): number =>
  template.diskGiB + Object.values(template.volumes).reduce((sum, volume) => sum + volume.sizeGiB, 0);

/** What the site maps a logical image to. */
export function imageOf(draft: Draft, substrate: string, template: GuestTemplate): ImageSource | undefined {
  const image = draft.input.site.substrates[substrate]?.images[template.image];
  return template.kind === 'container' ? image?.container : image?.vm;
}
