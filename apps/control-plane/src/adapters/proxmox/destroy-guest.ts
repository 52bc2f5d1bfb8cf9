import type { CallContext, GuestLocation, OwnedGuest } from '../../application/substrates/substrate.port.js';
import { WorldFailure } from '../../domain/problem.js';
import { text } from './answers.js';
import { isFailure } from './classify.js';
import type { Connection } from './connection.js';
import { volumesOf } from './guest-config.js';
import { guestApi, listGuests, owned, readConfig, unlocked } from './guest-finder.js';
import { stopFound } from './power.js';
import { removeVolume, volumesLeft } from './volumes.js';
import { until, within } from './waits.js';

/** How long leftovers may take to disappear after the task's OK, before they are removed one by one. */
const SETTLE_MS = 5_000;

/**
 * stop → wait → destroy with purge → wait → confirm: the guest is gone from the cluster and its volumes from their
 * storages. Volumes that the server left are ours (they stood in the checked config) and are removed one by one.
 */
export async function destroyGuest(connection: Connection, guest: OwnedGuest, context: CallContext): Promise<void> {
  const what = `destruction of guest ${guest.at.vmid}`;
  // A task taken over may be running already: the volumes are noted before they leave the config.
  const before = context.adopt ? await owned(connection, guest, context) : undefined;
  let volumes = before ? [...volumesOf(before.config).values()] : [];
  let at: GuestLocation = before?.at ?? guest.at;
  await connection.tasks.settle(context.adopt, what, context);
  await unlocked(connection, guest, context, async (found) => {
    volumes = [...new Set([...volumes, ...volumesOf(found.config).values()])];
    at = found.at;
    await stopFound(connection, guest, found, 0, context);
    const fresh = await owned(connection, guest, context);
    if (!fresh) return;
    try {
      await connection.tasks.run(
        what,
        () => guestApi(connection, fresh.at, context).$delete({ purge: true, 'destroy-unreferenced-disks': true }),
        context,
      );
    } catch (error) {
      if (!isFailure(error, 'guest.not_found')) throw error;
    }
  });
  await confirmGone(connection, guest, at, context);
  await confirmVolumesGone(connection, at, volumes, context);
}

async function confirmGone(
  connection: Connection,
  guest: OwnedGuest,
  at: GuestLocation,
  context: CallContext,
): Promise<void> {
  await until(
    async () => {
      const listed = (await listGuests(connection, context)).some((row) => row.vmid === at.vmid);
      if (!listed) return true;
      const config = await readConfig(connection, at, context);
      if (config === undefined) return undefined; // the list lags behind
      // Somebody took the number right after us: our guest is gone all the same.
      const ours = await owned(connection, guest, context).catch((error: unknown) => {
        if (error instanceof WorldFailure) throw error;
        return undefined;
      });
      return ours === undefined ? true : undefined;
    },
    { clock: connection.clock, context, what: `guest ${at.vmid} to be gone from the cluster` },
  );
}

async function confirmVolumesGone(
  connection: Connection,
  at: GuestLocation,
  volumes: readonly string[],
  context: CallContext,
): Promise<void> {
  if (volumes.length === 0) return;
  const settle = within(context, connection.clock, SETTLE_MS);
  const gone = async (ctx: CallContext) => {
    const left = await remaining(connection, at, volumes, ctx);
    return left.length === 0 ? true : undefined;
  };
  const wait = { clock: connection.clock, what: `volumes of guest ${at.vmid} to be gone` };
  try {
    await until(() => gone(settle), { ...wait, context: settle });
    return;
  } catch (error) {
    if (!isFailure(error, 'substrate.deadline') || connection.clock.now() >= context.deadline) throw error;
  }
  const left = await remaining(connection, at, volumes, context);
  for (const volume of left) await removeVolume(connection, at.node, volume, context);
  const still = await remaining(connection, at, volumes, context);
  if (still.length === 0) return;
  throw new WorldFailure(volumesLeft(at.vmid, still));
}

async function remaining(
  connection: Connection,
  at: GuestLocation,
  volumes: readonly string[],
  context: CallContext,
): Promise<string[]> {
  const left: string[] = [];
  for (const storage of new Set(volumes.map((v) => v.split(':')[0]!))) {
    const node = connection.client.api(context).nodes.$(at.node);
    const rows = (await node.storage.$(storage).content.$get({ vmid: at.vmid })) as { volid?: unknown }[];
    const there = new Set(rows.map((r) => text(r.volid)));
    left.push(...volumes.filter((v) => v.startsWith(`${storage}:`) && there.has(v)));
  }
  return left;
}
