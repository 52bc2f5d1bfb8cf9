import type { CallContext, OwnedGuest } from '../../application/substrates/substrate.port.js';
import { isFailure } from './classify.js';
import type { Connection } from './connection.js';
import { type Found, guestApi, guestStatus, ownedAndThere, readConfig, unlocked } from './guest-finder.js';
import { until, within } from './waits.js';

type Status = ReturnType<typeof guestStatus>;

/** What the guest really does now; the cluster's list lags behind. */
async function statusOf(connection: Connection, found: Found, context: CallContext): Promise<Status> {
  const status = (await guestApi(connection, found.at, context).status.current.$get()) as Record<string, unknown>;
  return guestStatus(status.qmpstatus ?? status.status);
}

export async function startGuest(connection: Connection, guest: OwnedGuest, context: CallContext): Promise<void> {
  const what = `start of guest ${guest.at.vmid}`;
  await connection.tasks.settle(context.adopt, what, context);
  await ownedAndThere(connection, guest, context);
  await unlocked(connection, guest, context, async (found) => {
    if ((await statusOf(connection, found, context)) === 'running') return;
    try {
      await connection.tasks.run(what, () => guestApi(connection, found.at, context).status.start.$post(), context);
    } catch (error) {
      if (!isFailure(error, 'guest.already_running')) throw error;
    }
    await untilStatus(connection, found, 'running', context);
  });
}

/** Gone counts as stopped. A guest that ignores the polite request is stopped hard after `graceMs`. */
export async function stopGuest(
  connection: Connection,
  guest: OwnedGuest,
  graceMs: number,
  context: CallContext,
): Promise<void> {
  const what = `stop of guest ${guest.at.vmid}`;
  await connection.tasks.settle(context.adopt, what, context);
  await unlocked(connection, guest, context, (found) => stopFound(connection, guest, found, graceMs, context));
}

export async function stopFound(
  connection: Connection,
  guest: OwnedGuest,
  found: Found,
  graceMs: number,
  context: CallContext,
): Promise<void> {
  if ((await statusOf(connection, found, context)) === 'stopped') return;
  if (graceMs > 0) {
    const seconds = Math.max(1, Math.ceil(graceMs / 1000));
    try {
      const polite = within(context, connection.clock, graceMs + 5000);
      await connection.tasks.run(
        `shutdown of guest ${found.at.vmid} (at most ${seconds} s)`,
        () => guestApi(connection, found.at, context).status.shutdown.$post({ timeout: seconds }),
        polite,
      );
      await untilStatus(connection, found, 'stopped', polite);
      return;
    } catch (error) {
      // Any way in which the guest did not obey ends with the hard stop; a lock or a lost node does not.
      const disobeyed = isFailure(error, ...DISOBEYED);
      if (!disobeyed || connection.clock.now() >= context.deadline) throw error;
      context.log?.(`Guest ${found.at.vmid} did not shut down within ${seconds} s; stopping it hard.`);
      // Our own request, if it still hangs, would hold the guest's lock against the stop.
      const hanging = await connection.tasks.running(
        found.at.node,
        found.at.vmid,
        ['vzshutdown', 'qmshutdown'],
        context,
      );
      if (hanging !== undefined) await connection.tasks.abort(hanging, context);
    }
    // Seconds have passed: whose guest it is, is asked again before it is stopped.
    found = await ownedAndThere(connection, guest, context);
    if ((await statusOf(connection, found, context)) === 'stopped') return;
  }
  try {
    await connection.tasks.run(
      `stop of guest ${found.at.vmid}`,
      () => guestApi(connection, found.at, context).status.stop.$post(),
      context,
    );
  } catch (error) {
    if (!isFailure(error, 'guest.not_running')) throw error;
  }
  await untilStatus(connection, found, 'stopped', context);
}

const DISOBEYED = [
  'guest.shutdown_timeout',
  'guest.not_running',
  'substrate.busy',
  'substrate.deadline',
  'substrate.refused',
  'substrate.task_aborted',
  'substrate.task_lost',
]; // prettier-ignore

/** Tasks of guests under high availability end at once, while the state follows later. */
async function untilStatus(connection: Connection, found: Found, wanted: Status, context: CallContext): Promise<void> {
  await until(
    async () => {
      if (wanted === 'stopped' && (await readConfig(connection, found.at, context)) === undefined) return true;
      return (await statusOf(connection, found, context)) === wanted ? true : undefined;
    },
    { clock: connection.clock, context, what: `guest ${found.at.vmid} to be ${wanted}` },
  );
}

export async function setStartsAtBoot(
  connection: Connection,
  guest: OwnedGuest,
  starts: boolean,
  context: CallContext,
): Promise<void> {
  await unlocked(connection, guest, context, async ({ at, config }) => {
    if ((Number(config.onboot ?? 0) === 1) === starts) return;
    await context.fence();
    await guestApi(connection, at, context).config.$put({ onboot: starts ? 1 : 0, digest: config.digest } as never);
  });
}

export async function resizeGuest(
  connection: Connection,
  guest: OwnedGuest,
  size: { cpus: number; memoryMiB: number; reboot: boolean },
  context: CallContext,
): Promise<void> {
  const what = `reboot of guest ${guest.at.vmid}`;
  await connection.tasks.settle(context.adopt, what, context);
  await ownedAndThere(connection, guest, context);
  await unlocked(connection, guest, context, async (found) => {
    const api = guestApi(connection, found.at, context);
    const { config } = found;
    if (Number(config.cores) !== size.cpus || Number(config.memory) !== size.memoryMiB) {
      await context.fence();
      await api.config.$put({ cores: size.cpus, memory: size.memoryMiB, digest: config.digest } as never);
    }
    const pending = (await api.pending.$get()) as { key?: unknown; pending?: unknown }[];
    const waits = pending.some((p) => (p.key === 'cores' || p.key === 'memory') && p.pending !== undefined);
    if (!waits || (await statusOf(connection, found, context)) !== 'running') return;
    if (!size.reboot) return context.log?.(`Guest ${found.at.vmid} takes its new size at its next start.`);
    await connection.tasks.run(what, () => api.status.reboot.$post(), context);
    await untilStatus(connection, found, 'running', context);
  });
}
