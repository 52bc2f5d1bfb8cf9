import type { CallContext, GuestLocation, OwnedGuest } from '../../application/substrates/substrate.port.js';
import type { GuestId } from '../../domain/ids.js';
import { WorldFailure } from '../../domain/problem.js';
import type { ObservedGuest } from '../../domain/stack/observed.js';
import { text } from './answers.js';
import { isFailure } from './classify.js';
import type { Connection } from './connection.js';
import { type GuestConfig, mountSizes, parseDisk, parseGiB, rootKey } from './guest-config.js';
import { carries, hasTagOf, isOwned, notOurs } from './ownership.js';
import { deadlinePassed, until } from './waits.js';

/** A row of /cluster/resources about a guest. */
export interface GuestRow extends GuestLocation {
  readonly name?: string;
  readonly status?: string;
  readonly tags?: string;
  readonly template: boolean;
  readonly lock?: string;
  readonly maxcpu?: number;
  readonly maxmem?: number;
  readonly maxdisk?: number;
}

export interface Found {
  readonly at: GuestLocation;
  readonly config: GuestConfig;
}

/** The API of one guest; containers and machines agree in most verbs. */
export function guestApi(connection: Connection, at: GuestLocation, context: CallContext) {
  const node = connection.client.api(context).nodes.$(at.node);
  return at.kind === 'container' ? node.lxc.$(at.vmid) : node.qemu.$(at.vmid);
}

/** All guests of the cluster in one call. Figures lag up to 10 s behind; which guests there are and their tags do not. */
export async function listGuests(connection: Connection, context: CallContext): Promise<GuestRow[]> {
  const rows = await connection.client.api(context).cluster.resources.$get({ type: 'vm' });
  return (rows as Record<string, unknown>[]).flatMap((row) => guestRow(row) ?? []);
}

export function guestRow(row: Record<string, unknown>): GuestRow | undefined {
  if ((row.type !== 'lxc' && row.type !== 'qemu') || typeof row.node !== 'string') return undefined;
  return {
    ...row,
    vmid: Number(row.vmid),
    node: row.node,
    kind: row.type === 'lxc' ? 'container' : 'vm',
    template: Number(row.template ?? 0) === 1,
  };
}

/** Config of a guest, or undefined when there is none at that place. */
export async function readConfig(
  connection: Connection,
  at: GuestLocation,
  context: CallContext,
): Promise<GuestConfig | undefined> {
  try {
    return (await guestApi(connection, at, context).config.$get()) as GuestConfig;
  } catch (error) {
    if (isFailure(error, 'guest.not_found')) return undefined;
    throw error;
  }
}

/**
 * The guest that carries this stamp, wherever it is now. Looks at every guest with its tag and, because a guest that is
 * being made has no tag yet, at the places in `hints`. Each candidate's config decides, never the list.
 */
export async function findStamped(
  connection: Connection,
  guest: GuestId,
  hints: readonly GuestLocation[],
  context: CallContext,
): Promise<Found | undefined> {
  for await (const found of stamped(connection, guest, hints, context)) return found;
  return undefined;
}

/** As `findStamped`, all of them: a creation that was cut off may have begun twice. */
export async function* stamped(
  connection: Connection,
  guest: GuestId,
  hints: readonly GuestLocation[],
  context: CallContext,
): AsyncGenerator<Found, void, void> {
  const rows = await listGuests(connection, context);
  const candidates = new Map<number, GuestLocation>();
  for (const hint of hints) candidates.set(hint.vmid, hint);
  for (const row of rows) {
    if (candidates.has(row.vmid) || hasTagOf(row.tags, guest)) candidates.set(row.vmid, place(row));
  }
  for (const at of candidates.values()) {
    const config = await readConfig(connection, at, context);
    if (config && carries(config, guest, at.vmid)) yield { at, config };
  }
}

/** The template machine of that number. Its config tells: the list shows the flag up to 10 s late. */
export async function findTemplate(
  connection: Connection,
  vmid: number,
  context: CallContext,
): Promise<GuestLocation | undefined> {
  const row = (await listGuests(connection, context)).find((r) => r.vmid === vmid && r.kind === 'vm');
  const config = row && (await readConfig(connection, row, context));
  return row && Number(config?.template ?? 0) === 1 ? place(row) : undefined;
}

const place = ({ vmid, node, kind }: GuestLocation): GuestLocation => ({ vmid, node, kind });

/**
 * Reads the stamp again and returns place and config of our guest; undefined when it is gone. This stands before
 * everything that changes a guest. Throws `guest.not_ours` when a stranger is where ours was.
 */
export async function owned(
  connection: Connection,
  guest: OwnedGuest,
  context: CallContext,
): Promise<Found | undefined> {
  const config = await readConfig(connection, guest.at, context);
  if (config && isOwned(config, guest.stamp, guest.at.vmid)) return { at: place(guest.at), config };
  // Moved by hand or failed over, or gone, or somebody else's by now.
  const rows = await listGuests(connection, context);
  for (const row of rows) {
    if (row.vmid !== guest.at.vmid && !hasTagOf(row.tags, guest.guest)) continue;
    const there = await readConfig(connection, row, context);
    if (there && isOwned(there, guest.stamp, row.vmid)) return { at: place(row), config: there };
  }
  const stranger = rows.find((row) => row.vmid === guest.at.vmid);
  if (!stranger && !config) return undefined;
  const where = stranger ?? guest.at;
  throw notOurs(
    guest.stamp,
    `guest ${where.vmid} on ${where.node}`,
    config ?? (await readConfig(connection, where, context)),
  );
}

/** As `owned`, for what needs a guest that exists. */
export async function ownedAndThere(connection: Connection, guest: OwnedGuest, context: CallContext): Promise<Found> {
  const found = await owned(connection, guest, context);
  if (found) return found;
  throw new WorldFailure({
    code: 'guest.not_found',
    retryable: 'never',
    message: `Guest ${guest.at.vmid} (${guest.guest}) is gone from ${connection.name}`,
    hint: 'It was removed by hand; plan again, so that it is created anew or forgotten.',
  });
}

/**
 * Waits until nobody holds the guest's lock, then does `work` with a freshly checked guest; again when somebody took
 * the lock in between. A foreign lock (backup, migration) is waited for and named, never removed.
 */
export async function unlocked<T>(
  connection: Connection,
  guest: OwnedGuest,
  context: CallContext,
  work: (found: Found) => Promise<T>,
): Promise<T | undefined> {
  for (;;) {
    const found = await owned(connection, guest, context);
    if (!found) return undefined;
    await waitForLock(connection, found, context);
    // The wait may have been long: whose guest it is, is asked again.
    const fresh = found.config.lock === undefined ? found : await owned(connection, guest, context);
    if (!fresh) return undefined;
    try {
      return await work(fresh);
    } catch (error) {
      if (!isFailure(error, 'guest.locked', 'substrate.conflict')) throw error;
      if (connection.clock.now() >= context.deadline) throw deadlinePassed(error.failure.message);
      context.waitingFor?.(error.failure.message);
      await connection.clock.sleep(500, context.signal);
    }
  }
}

export async function waitForLock(connection: Connection, found: Found, context: CallContext): Promise<void> {
  const first = found.config.lock;
  if (first === undefined) return;
  await until(
    async () => {
      const lock = (await readConfig(connection, found.at, context))?.lock;
      return lock === undefined ? true : undefined;
    },
    { clock: connection.clock, context, what: `lock (${text(first)}) of guest ${found.at.vmid}` },
  );
}

const STATUS: Readonly<Record<string, ObservedGuest['status']>> = {
  running: 'running',
  stopped: 'stopped',
  paused: 'suspended',
  suspended: 'suspended',
  prelaunch: 'stopped',
};

export const guestStatus = (status: unknown): ObservedGuest['status'] => STATUS[text(status)] ?? 'unknown';

/** Everything about one guest of ours, from its own config and status. */
export async function describe(
  connection: Connection,
  found: Found,
  guest: GuestId,
  context: CallContext,
): Promise<ObservedGuest & GuestLocation> {
  const { at, config } = found;
  const status = (await guestApi(connection, at, context).status.current.$get()) as Record<string, unknown>;
  const disk = parseGiB(parseDisk(config[rootKey(config, at.kind)])?.size);
  const cpus = Number(config.cores ?? 1) * Number(config.sockets ?? 1);
  return {
    ...place(at),
    name: text(config.hostname ?? config.name ?? ''),
    status: guestStatus(status.qmpstatus ?? status.status),
    stamp: guest,
    cpus,
    memoryMiB: Number(config.memory ?? 512),
    ...(disk === undefined ? {} : { diskGiB: disk }),
    volumes: mountSizes(config),
    ...(config.lock === undefined ? {} : { lock: text(config.lock) }),
  };
}
