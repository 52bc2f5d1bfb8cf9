import type { CallContext, OwnedGuest } from '../../application/substrates/substrate.port.js';
import { WorldFailure } from '../../domain/problem.js';
import { isFailure } from './classify.js';
import type { Connection } from './connection.js';
import { type Found, guestApi, ownedAndThere, unlocked } from './guest-finder.js';

/** Takes a snapshot without memory; one of that name that is complete is success. */
export async function snapshotGuest(
  connection: Connection,
  guest: OwnedGuest,
  name: string,
  context: CallContext,
): Promise<void> {
  const what = `snapshot ${name} of guest ${guest.at.vmid}`;
  await connection.tasks.settle(context.adopt, what, context);
  await ownedAndThere(connection, guest, context);
  await unlocked(connection, guest, context, async (found) => {
    const there = await snapshot(connection, found, name, context);
    if (there?.complete) return;
    // A half one of an interrupted attempt: the lock is gone, so nobody works on it any more.
    if (there) await remove(connection, found, name, context);
    await connection.tasks.run(
      what,
      () =>
        guestApi(connection, found.at, context).snapshot.$post({
          snapname: name,
          description: 'Taken by Bastide',
        } as never),
      context,
    );
  });
}

export async function rollbackGuest(
  connection: Connection,
  guest: OwnedGuest,
  name: string,
  context: CallContext,
): Promise<void> {
  const what = `rollback of guest ${guest.at.vmid} to ${name}`;
  if (context.adopt) {
    // A rollback may be repeated, but what the guest has done since would be lost: a finished one is not.
    await ownedAndThere(connection, guest, context);
    return connection.tasks.wait(context.adopt, what, context).catch((error: unknown) => {
      if (isFailure(error, 'substrate.task_gone')) return rollback(connection, guest, name, what, context);
      throw error;
    });
  }
  await rollback(connection, guest, name, what, context);
}

async function rollback(
  connection: Connection,
  guest: OwnedGuest,
  name: string,
  what: string,
  context: CallContext,
): Promise<void> {
  await ownedAndThere(connection, guest, context);
  await unlocked(connection, guest, context, async (found) => {
    if (!(await snapshot(connection, found, name, context))) {
      throw new WorldFailure({
        code: 'guest.snapshot_missing',
        retryable: 'never',
        message: `Guest ${found.at.vmid} has no snapshot ${name}`,
        hint: 'It was removed by hand; restore from a restore point instead.',
      });
    }
    const point = guestApi(connection, found.at, context).snapshot.$(name);
    await connection.tasks.run(what, () => point.rollback.$post(), context);
  });
}

/** An absent snapshot is success. */
export async function removeSnapshot(
  connection: Connection,
  guest: OwnedGuest,
  name: string,
  context: CallContext,
): Promise<void> {
  await connection.tasks.settle(context.adopt, `removal of snapshot ${name} of guest ${guest.at.vmid}`, context);
  await unlocked(connection, guest, context, async (found) => {
    if (await snapshot(connection, found, name, context)) await remove(connection, found, name, context);
  });
}

async function remove(connection: Connection, found: Found, name: string, context: CallContext): Promise<void> {
  try {
    await connection.tasks.run(
      `removal of snapshot ${name} of guest ${found.at.vmid}`,
      () => guestApi(connection, found.at, context).snapshot.$(name).$delete(),
      context,
    );
  } catch (error) {
    if (!isFailure(error, 'guest.snapshot_missing')) throw error;
  }
}

/** The list ends with a pseudo entry `current`, which is no snapshot. */
async function snapshot(connection: Connection, found: Found, name: string, context: CallContext) {
  const rows = (await guestApi(connection, found.at, context).snapshot.$get()) as Record<string, unknown>[];
  const row = rows.find((r) => r.name === name && name !== 'current');
  return row === undefined ? undefined : { complete: row.snapstate === undefined };
}
