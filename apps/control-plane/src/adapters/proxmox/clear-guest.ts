import type { CallContext, GuestLocation, UnfinishedGuest } from '../../application/substrates/substrate.port.js';
import { Refusal, WorldFailure } from '../../domain/problem.js';
import type { Connection } from './connection.js';
import { CREATING } from './create-guest.js';
import { destroyGuest } from './destroy-guest.js';
import { type GuestConfig, volumesOf } from './guest-config.js';
import { type Found, listGuests, readConfig, stamped } from './guest-finder.js';
import { isOwned, readStamp } from './ownership.js';
import { disksAt, removeVolume, volumesLeft } from './volumes.js';

/** A server gives up a call that it has not begun to answer after this time. */
const SERVER_MS = 30_000;

/**
 * Takes away what a creation has left that never came to its end. What may be there: a task that still runs; a whole guest
 * with our stamp; a configuration that holds nothing but `lock: create`, because the node died under its task; disks
 * whose removal failed. Only what carries the stamp, and disks at ids that nobody has, are touched.
 */
export async function clearGuest(connection: Connection, left: UnfinishedGuest, context: CallContext): Promise<void> {
  await connection.tasks.settle(context.adopt, `clearing away of guest ${left.stamp.guest}`, context);
  const vmids = left.vmids.filter((vmid) => vmid !== left.spare);
  await requestsArrived(connection, left, context);
  for (const vmid of vmids) await creationEnded(connection, left, vmid, context);
  if (left.kind === 'vm') await clonesEnded(connection, context);
  const unremovable: string[] = [];
  for (const found of await stampedOnes(connection, left, vmids, context)) {
    if (isLockedByItsMaking(found.config)) unremovable.push(unlockFirst(found.at));
    else await destroyGuest(connection, { ...left, guest: left.stamp.guest, at: found.at }, context);
  }
  for (const vmid of vmids) {
    const there = await whatIsAt(connection, left, vmid, context);
    if (there === undefined) unremovable.push(...(await removeDisks(connection, left, vmid, context)));
    else if (isHalfMade(there.config) && !(await connection.tasks.lastWasSomebodyElses(there.at, CREATING, context)))
      unremovable.push(removeByHand(there.at));
  }
  if (unremovable.length > 0) throw unfinished(left, unremovable);
}

/** Whoever asked may have died before the answer, while the server still had the request to do: too early, one sees nothing. */
async function requestsArrived(connection: Connection, left: UnfinishedGuest, context: CallContext): Promise<void> {
  const wait = (left.askedAt ?? 0) + SERVER_MS - connection.clock.now();
  if (wait <= 0) return;
  context.waitingFor?.(`the cluster to have answered the request for guest ${left.vmids.join(', ')}`);
  await connection.clock.sleep(Math.min(wait, SERVER_MS), context.signal);
}

/** A creation under way is let come to its end: where it stops half-way, the node itself tidies up. */
async function creationEnded(
  connection: Connection,
  left: UnfinishedGuest,
  vmid: number,
  context: CallContext,
): Promise<void> {
  const task = await connection.tasks.running(left.node, vmid, CREATING, context);
  await connection.tasks.settle(task, `creation of guest ${vmid}, which is to be taken back`, context);
}

/** A clone's task is named after its source, and waits for that one's lock before it makes anything at the new id. */
async function clonesEnded(connection: Connection, context: CallContext): Promise<void> {
  const seen = new Set<string>();
  for (;;) {
    // The cluster's list is some seconds behind: what has ended is in it still, before others that run.
    const running = await connection.tasks.runningOfOurs('qmclone', context);
    const task = running.find((upid) => !seen.has(upid));
    if (task === undefined) return;
    seen.add(task);
    await connection.tasks.settle(task, 'clones under way, of which one may be what is to be taken back', context);
  }
}

async function stampedOnes(
  connection: Connection,
  left: UnfinishedGuest,
  vmids: readonly number[],
  context: CallContext,
): Promise<readonly Found[]> {
  const hints = vmids.map((vmid): GuestLocation => ({ vmid, node: left.node, kind: left.kind }));
  const found: Found[] = [];
  for await (const one of stamped(connection, left.stamp.guest, hints, context)) {
    if (one.at.vmid !== left.spare && isOwned(one.config, left.stamp, one.at.vmid)) found.push(one);
  }
  return found;
}

async function whatIsAt(
  connection: Connection,
  left: UnfinishedGuest,
  vmid: number,
  context: CallContext,
): Promise<Found | undefined> {
  const row = (await listGuests(connection, context)).find((other) => other.vmid === vmid);
  const at = row ?? { vmid, node: left.node, kind: left.kind };
  const config = await readConfig(connection, at, context);
  if (config !== undefined) return { at, config };
  // Listed and not readable: it went in this moment. Its disks are looked at when it is gone from the list too.
  return row === undefined ? undefined : whatIsAt(connection, left, vmid, await aMomentLater(connection, context));
}

async function aMomentLater(connection: Connection, context: CallContext): Promise<CallContext> {
  if (connection.clock.now() >= context.deadline) {
    throw new WorldFailure({
      code: 'substrate.deadline',
      retryable: 'later',
      message: 'The time ran out while waiting for a removed guest to leave the list of guests',
    });
  }
  await connection.clock.sleep(500, context.signal);
  return context;
}

/**
 * The id was free of guests and disks when we asked for it, and has no guest: what lies there came from us. Answers what is
 * to be done by hand, where the token may make disks and may not remove them without their guest.
 */
async function removeDisks(
  connection: Connection,
  left: UnfinishedGuest,
  vmid: number,
  context: CallContext,
): Promise<readonly string[]> {
  const at = { node: left.node, storage: left.storage, vmid };
  const disks = await disksAt(connection, at, context);
  try {
    for (const volume of disks) await removeVolume(connection, at.node, volume, context);
  } catch (error) {
    if (!(error instanceof Refusal && error.problem.code === 'permission.missing')) throw error;
    return disks.map((volume) => `on ${at.node}: pvesm free ${volume}`);
  }
  const still = await disksAt(connection, at, context);
  if (still.length > 0) throw new WorldFailure(volumesLeft(vmid, still));
  return [];
}

/** Nobody but root may take this lock away, and a locked guest cannot be destroyed. */
const isLockedByItsMaking = ({ lock }: GuestConfig): boolean => lock === 'create' || lock === 'clone';

/** A lock and nothing else; or, unlocked by hand meanwhile, nothing at all. */
const isHalfMade = (config: GuestConfig): boolean =>
  readStamp(config) === undefined &&
  (isLockedByItsMaking(config) || (volumesOf(config).size === 0 && !config.hostname && !config.name));

const tool = ({ kind }: GuestLocation): string => (kind === 'container' ? 'pct' : 'qm');

const unlockFirst = (at: GuestLocation): string => `on ${at.node}: ${tool(at)} unlock ${at.vmid}`;

const removeByHand = (at: GuestLocation): string =>
  `on ${at.node}: ${tool(at)} unlock ${at.vmid} && ${tool(at)} destroy ${at.vmid} --purge 1 --destroy-unreferenced-disks 1`;

const unfinished = (left: UnfinishedGuest, commands: readonly string[]): Refusal =>
  new Refusal({
    code: 'guest.unfinished',
    subject: `guest ${left.vmids.join(', ')} on ${left.node}`,
    message:
      'Its creation was cut off on the node itself and has left something there that only root of that node may remove.',
    remedy: `As root ${commands.join('; ')}. Then retry this step: it removes what is left, or sees that nothing is.`,
    details: { vmids: left.vmids, node: left.node },
  });
