import type { CallContext, GuestLocation, OwnedGuest } from '../../application/substrates/substrate.port.js';
import { isFailure } from './classify.js';
import type { Connection } from './connection.js';
import { type Found, guestApi, guestStatus, ownedAndThere, unlocked } from './guest-finder.js';
import { startGuest } from './power.js';
import { until } from './waits.js';

/** How long a container gets to shut down before its disks are copied, in seconds; then it is stopped hard. */
const SHUTDOWN_SECONDS = 180;

/**
 * Migrates a guest within the cluster. Containers cannot move while they run (Proxmox VE has no live migration for them):
 * they are restarted on the other node. Machines move live, with disks that lie on one node's storage copied along.
 */
export async function moveGuest(
  connection: Connection,
  guest: OwnedGuest,
  node: string,
  running: boolean,
  context: CallContext,
): Promise<GuestLocation> {
  const what = `guest ${guest.at.vmid} to move to ${node}`;
  await connection.tasks.settle(context.adopt, what, context);
  await ownedAndThere(connection, guest, context);
  await unlocked(connection, guest, context, async (found) => {
    if (found.at.node === node) return;
    const ran = await isRunning(connection, found, context);
    await connection.tasks.run(what, () => migrate(connection, found, node, ran, context), context);
    await untilThere(connection, guest, node, context);
  });
  // A restart that failed after the copy, or a worker that died before it: the guest is there, and stopped.
  if (running) await startGuest(connection, guest, withoutTask(context));
  return (await ownedAndThere(connection, guest, context)).at;
}

/** The task taken over was the migration; it is settled. */
function withoutTask({ adopt: _settled, ...context }: CallContext): CallContext {
  return context;
}

function migrate(
  connection: Connection,
  found: Found,
  node: string,
  running: boolean,
  context: CallContext,
): Promise<unknown> {
  const { at } = found;
  const ours = connection.client.api(context).nodes.$(at.node);
  if (at.kind === 'container') {
    const restart = running ? { restart: 1, timeout: SHUTDOWN_SECONDS } : {};
    return ours.lxc.$(at.vmid).migrate.$post({ target: node, ...restart } as never);
  }
  // Refused for a machine that is off: its local disks are copied without being asked for.
  const live = running ? { online: 1, 'with-local-disks': 1 } : {};
  return ours.qemu.$(at.vmid).migrate.$post({ target: node, ...live } as never);
}

async function isRunning(connection: Connection, found: Found, context: CallContext): Promise<boolean> {
  const status = (await guestApi(connection, found.at, context).status.current.$get()) as Record<string, unknown>;
  return guestStatus(status.qmpstatus ?? status.status) === 'running';
}

/** The task of a guest under high availability only asks for the move; it happens later. */
async function untilThere(
  connection: Connection,
  guest: OwnedGuest,
  node: string,
  context: CallContext,
): Promise<void> {
  await until(
    async () => {
      let found: Found;
      try {
        found = await ownedAndThere(connection, guest, context);
      } catch (error) {
        // Between two nodes it is on neither for a moment.
        if (isFailure(error, 'guest.not_found')) return undefined;
        throw error;
      }
      return found.at.node === node && found.config.lock === undefined ? true : undefined;
    },
    { clock: connection.clock, context, what: `guest ${guest.at.vmid} to be on ${node}` },
  );
}
