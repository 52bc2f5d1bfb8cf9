import { type Draft, report } from '../draft.js';
import { diskOf, storageOn } from './place.js';

/**
 * When every step is known: does it fit? Memory per node, disk per storage, for everything that is created, started or
 * grown. Undoing an install only frees room, so the operation's own need covers its rollback.
 */
export function capacity(draft: Draft): void {
  const memory = new Map<string, { needed: number; free: number }>();
  const disk = new Map<string, { needed: number; free: number }>();
  for (const member of draft.members.values()) {
    for (const { work, spec, template, recorded, observed, owner, presence } of member.guests) {
      if (spec === undefined || template === undefined) continue;
      const substrate = draft.input.observed[spec.substrate];
      const node = work.move?.to ?? observed?.node ?? spec.node;
      if (substrate === undefined || owner !== member) continue;
      const arrives = work.move !== undefined && presence === 'running';
      const memoryMiB =
        work.start || arrives
          ? template.memoryMiB
          : Math.max(0, (work.resize?.memoryMiB ?? 0) - (recorded?.spec.memoryMiB ?? 0));
      const free = substrate.nodes.find((n) => n.name === node)?.freeMemoryMiB ?? 0;
      need(memory, `${spec.substrate}/${node}`, work.start || arrives || work.resize ? memoryMiB : 0, free);
      const storage = storageOn(substrate, node, spec.storage);
      // A storage of one node: the move copies the whole disk onto the other node's.
      const copied = work.move !== undefined && storage?.node !== undefined;
      const diskGiB =
        work.create || copied
          ? diskOf(template)
          : work.grow.reduce((sum, { from, sizeGiB }) => sum + sizeGiB - from, 0);
      const where = storage?.node === undefined ? '' : `${storage.node}/`;
      need(disk, `${spec.substrate}/${where}${spec.storage}`, diskGiB, storage?.freeGiB ?? 0);
    }
  }
  judge(draft, memory, 'memory', 'MiB', 'Free memory on the node, add a node, or choose a smaller size.');
  judge(draft, disk, 'disk space', 'GiB', 'Free space on the storage, or choose a smaller size.');
}

function need(sums: Map<string, { needed: number; free: number }>, where: string, amount: number, free: number): void {
  if (amount <= 0) return;
  sums.set(where, { needed: (sums.get(where)?.needed ?? 0) + amount, free });
}

function judge(
  draft: Draft,
  sums: ReadonlyMap<string, { needed: number; free: number }>,
  what: string,
  unit: string,
  remedy: string,
): void {
  for (const [where, { needed, free }] of [...sums].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (needed <= free) continue;
    report(draft, 'error', {
      code: 'capacity.insufficient',
      subject: where,
      message: `${where} needs ${needed} ${unit} of ${what}, but only ${Math.floor(free)} ${unit} are free.`,
      remedy,
      details: { needed, free: Math.floor(free), unit },
    });
  }
}
