import { byNode } from '../../application/stacks/by-node.js';
import type { CallContext } from '../../application/substrates/substrate.port.js';
import { WorldFailure } from '../../domain/problem.js';
import type { ObservedGuest, ObservedNode, ObservedStorage, ObservedSubstrate } from '../../domain/stack/observed.js';
import { text } from './answers.js';
import type { Connection } from './connection.js';
import { type GuestRow, guestApi, guestRow, guestStatus, readConfig } from './guest-finder.js';
import { carries, guestInTags } from './ownership.js';
import { within } from './waits.js';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
/** A storage that hangs must not use up the time for everything else. */
const IMAGES_MS = 15_000;
const IMAGES = ['vztmpl', 'import'] as const;

/**
 * The whole substrate in one call for nodes, storages and guests, and one per storage that holds images. Ours are told
 * by their tags (their configs are read only when two guests carry the same tag). `volumes` is left out here: it would
 * need one call per guest; `findGuest` gives it. A storage that cannot be listed is named in the log and has no images.
 */
export async function observe(connection: Connection, context: CallContext): Promise<ObservedSubstrate> {
  const rows = (await connection.client.api(context).cluster.resources.$get()) as Record<string, unknown>[];
  const nodes = rows.filter((row) => row.type === 'node').map(observedNode);
  const online = new Set(nodes.filter((n) => n.online).map((n) => n.name));
  const storageRows = rows.filter((row) => row.type === 'storage');
  const guests = rows.flatMap((row) => guestRow(row) ?? []);
  const listing = within(context, connection.clock, IMAGES_MS);
  const images = await observedImages(connection, storageRows, online, listing);
  return {
    name: connection.name,
    nodes,
    storages: observedStorages(storageRows),
    guests: await withoutCopies(connection, guests, online, context),
    images: [
      ...images,
      ...guests
        .filter((g) => g.template && g.kind === 'vm')
        .map((g) => ({ node: g.node, volume: `template:${g.vmid}` })),
    ],
  };
}

function observedNode(row: Record<string, unknown>): ObservedNode {
  const memory = Number(row.maxmem ?? 0);
  return {
    name: text(row.node),
    online: row.status === 'online',
    cpus: Number(row.maxcpu ?? 0),
    memoryMiB: Math.floor(memory / MIB),
    freeMemoryMiB: Math.floor((memory - Number(row.mem ?? 0)) / MIB),
  };
}

/** A shared storage has a row per node; it is one storage. */
function observedStorages(rows: readonly Record<string, unknown>[]): ObservedStorage[] {
  const storages = new Map<string, ObservedStorage>();
  for (const row of rows) {
    const name = text(row.storage);
    const shared = Number(row.shared ?? 0) === 1;
    const total = Number(row.maxdisk ?? 0);
    const key = shared ? name : `${name} ${text(row.node)}`;
    // The row of a node that cannot see the storage has no figures.
    if (storages.has(key) && total === 0) continue;
    storages.set(key, {
      name,
      ...(shared ? {} : { node: text(row.node) }),
      content: text(row.content ?? '')
        .split(',')
        .filter((c) => c !== '')
        .sort(),
      totalGiB: round(total / GIB),
      freeGiB: round((total - Number(row.disk ?? 0)) / GIB),
    });
  }
  return [...storages.values()];
}

const round = (gib: number): number => Math.round(gib * 100) / 100;

async function observedImages(
  connection: Connection,
  rows: readonly Record<string, unknown>[],
  online: ReadonlySet<string>,
  context: CallContext,
): Promise<{ node: string; volume: string }[]> {
  const asks = rows
    .filter((row) => online.has(text(row.node)) && (row.status === undefined || row.status === 'available'))
    .flatMap((row) =>
      IMAGES.filter((c) =>
        text(row.content ?? '')
          .split(',')
          .includes(c),
      ).map((content) => ({
        node: text(row.node),
        storage: text(row.storage),
        content,
      })),
    );
  const answers = await Promise.all(
    asks.map(async ({ node, storage, content }) => {
      try {
        const api = connection.client.api(context).nodes.$(node).storage.$(storage);
        const found = (await api.content.$get({ content } as never)) as { volid?: unknown }[];
        return found.map((row) => ({ node, volume: text(row.volid) }));
      } catch (error) {
        if (!(error instanceof WorldFailure)) throw error;
        context.log?.(`Images of storage ${storage} on ${node} cannot be listed: ${error.failure.message}`);
        return [];
      }
    }),
  );
  return answers.flat();
}

async function withoutCopies(
  connection: Connection,
  guests: readonly GuestRow[],
  online: ReadonlySet<string>,
  context: CallContext,
): Promise<ObservedGuest[]> {
  const byStamp = new Map<string, number>();
  for (const guest of guests) {
    const stamp = guestInTags(guest.tags);
    if (stamp !== undefined) byStamp.set(stamp, (byStamp.get(stamp) ?? 0) + 1);
  }
  const observed = new Map<GuestRow, ObservedGuest>();
  // Archived stacks have many guests that do not run; one node that is slow to tell of its own holds up nobody else.
  await byNode(
    guests,
    ({ node }) => node,
    async (guest) => {
      let stamp = guestInTags(guest.tags);
      if (stamp !== undefined && (byStamp.get(stamp) ?? 0) > 1) {
        const config = await readConfig(connection, guest, context);
        if (!config || !carries(config, stamp, guest.vmid)) stamp = undefined;
      }
      // A dead node's guests keep their last state in the list for minutes.
      const there = online.has(guest.node);
      const status = there ? await statusOf(connection, guest, stamp !== undefined, context) : 'unknown';
      observed.set(guest, observedGuest(guest, status, stamp));
    },
  );
  return guests.flatMap((guest) => observed.get(guest) ?? []);
}

const observedGuest = (
  guest: GuestRow,
  status: ObservedGuest['status'],
  stamp: ObservedGuest['stamp'],
): ObservedGuest => ({
  vmid: guest.vmid,
  node: guest.node,
  kind: guest.kind,
  name: guest.name ?? '',
  status,
  ...(stamp === undefined ? {} : { stamp }),
  ...(guest.maxcpu === undefined ? {} : { cpus: Number(guest.maxcpu) }),
  ...(guest.maxmem === undefined ? {} : { memoryMiB: Math.round(Number(guest.maxmem) / MIB) }),
  ...(guest.maxdisk === undefined ? {} : { diskGiB: round(Number(guest.maxdisk) / GIB) }),
  ...(typeof guest.lock === 'string' ? { lock: guest.lock } : {}),
});

/** The list is up to ten seconds behind: a guest of ours that seems not to run is asked itself before a plan starts it. */
async function statusOf(
  connection: Connection,
  guest: GuestRow,
  ours: boolean,
  context: CallContext,
): Promise<ObservedGuest['status']> {
  const listed = guestStatus(guest.status);
  if (!ours || listed === 'running') return listed;
  try {
    const current = (await guestApi(connection, guest, context).status.current.$get()) as Record<string, unknown>;
    return guestStatus(current.qmpstatus ?? current.status);
  } catch (error) {
    // Gone or moved in this moment: what the list says is as good as anything.
    if (error instanceof WorldFailure) return listed;
    throw error;
  }
}
