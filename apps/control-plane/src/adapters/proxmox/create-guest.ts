import type { CallContext, GuestIdSource, GuestLocation } from '../../application/substrates/substrate.port.js';
import { Refusal, type WorldFailure } from '../../domain/problem.js';
import { text } from './answers.js';
import { askInTurn } from './ask-in-turn.js';
import { isFailure } from './classify.js';
import type { Connection } from './connection.js';
import { containerParameters } from './container-parameters.js';
import { finishMachine, makeMachine } from './create-machine.js';
import { refuseUnsupported } from './guest-config.js';
import { type Found, findStamped, listGuests, readConfig, waitForLock } from './guest-finder.js';
import type { Making } from './making.js';
import { readStamp } from './ownership.js';
import { parseUpid } from './tasks.js';
import { disksAt } from './volumes.js';
import { deadlinePassed, until } from './waits.js';

/** New volumes take a short lock per storage; this many creations at once do not starve each other. */
const CREATES_PER_STORAGE = 4;
/** How many ids of our own range may be taken by strangers before we say that something else is wrong. */
const MOST_IDS = 50;
export const CREATING = ['vzcreate', 'qmcreate', 'qmclone', 'vzclone', 'vzrestore', 'qmrestore'];

/**
 * Creates a guest at most once: whoever calls again, in this process or another one, finds the guest of the first by its
 * stamp, or waits for its creation. An id that a stranger took meanwhile is left to him and the next one is tried.
 */
export async function createGuest(
  connection: Connection,
  making: Making,
  ids: GuestIdSource,
  context: CallContext,
): Promise<GuestLocation> {
  const { spec, stamp } = making;
  refuseUnsupported(spec);
  const what = `creation of ${spec.key} on ${spec.node}`;
  await connection.tasks.settle(context.adopt, what, context);

  const at = (vmid: number): GuestLocation => ({ vmid, node: spec.node, kind: spec.kind });
  let vmid = spec.vmid;
  const hints = [at(vmid)];
  const adopted = context.adopt ? parseUpid(context.adopt) : undefined;
  if (adopted && /^\d+$/.test(adopted.id)) hints.push({ ...at(Number(adopted.id)), node: adopted.node });

  for (let used = 0; used < MOST_IDS; ) {
    const own = await findStamped(connection, stamp.guest, hints, context);
    if (own) {
      if (await isWhole(connection, own, context)) return complete(connection, own, making, context);
      await removeUnfinished(connection, own, making, context);
      continue;
    }
    const occupant = await occupantOf(connection, hints, vmid, context);
    if (occupant === 'creating') continue;
    // Disks without a guest are somebody's all the same, and destroying a guest takes all disks of its id.
    const disks = occupant === 'nobody' ? await disksAt(connection, { ...spec, vmid }, context) : [];
    if (occupant === 'taken' || disks.length > 0) {
      used += 1;
      const taken = vmid;
      vmid = await ids.next(taken);
      const why = disks.length > 0 ? `has disks already (${disks.join(', ')})` : 'is taken by somebody else';
      context.log?.(`Guest id ${taken} ${why}; trying ${vmid}.`);
      hints.push(at(vmid));
      continue;
    }
    try {
      await make(connection, making, vmid, what, context);
    } catch (error) {
      if (isFailure(error, 'guest.id_taken')) {
        // Who took it, perhaps an earlier holder of this very step, is seen in the next round.
        hints.push(takenAt(error) ?? at(vmid));
      } else if (isFailure(error, 'substrate.busy')) {
        if (connection.clock.now() >= context.deadline) throw deadlinePassed(error.failure.message);
        context.waitingFor?.(error.failure.message);
        await connection.clock.sleep(2000, context.signal);
      } else throw error;
    }
  }
  throw new Refusal({
    code: 'allocation.exhausted',
    subject: spec.key,
    message: `${MOST_IDS} guest ids in a row were taken by others.`,
    remedy: 'Give this substrate a range of guest ids (guestIds in site.yaml) that nobody else uses.',
  });
}

async function make(
  connection: Connection,
  making: Making,
  vmid: number,
  what: string,
  context: CallContext,
): Promise<void> {
  const { spec } = making;
  if (spec.kind === 'vm') return makeMachine(connection, making, vmid, what, context);
  await askInTurn(
    connection,
    { key: `create ${spec.storage}`, width: CREATES_PER_STORAGE, what: `a turn on storage ${spec.storage}` },
    { vmid, what },
    () =>
      connection.client
        .api(context)
        .nodes.$(spec.node)
        .lxc.$post(containerParameters(making, vmid) as never),
    context,
  );
}

async function complete(
  connection: Connection,
  own: Found,
  making: Making,
  context: CallContext,
): Promise<GuestLocation> {
  if (own.at.kind === 'vm') await finishMachine(connection, own, making, context);
  return own.at;
}

/** A guest of ours still being made is waited for; true when it is complete, false when its making has died. */
async function isWhole(connection: Connection, own: Found, context: CallContext): Promise<boolean> {
  if (own.config.lock === undefined) return true;
  const running = await connection.tasks.running(own.at.node, own.at.vmid, CREATING, context);
  if (running !== undefined) {
    await connection.tasks.settle(running, `creation of guest ${own.at.vmid}`, context);
    const now = await readConfig(connection, own.at, context);
    return now !== undefined && now.lock === undefined;
  }
  if (own.config.lock !== 'create' && own.config.lock !== 'clone') {
    await waitForLock(connection, own, context);
    return true;
  }
  // Between the end of the task and the end of its lock there is a moment: look once more.
  await connection.clock.sleep(500, context.signal);
  return (await readConfig(connection, own.at, context))?.lock === undefined;
}

/** Only reached for a config that carries our stamp: what is left of a creation whose task died. */
async function removeUnfinished(
  connection: Connection,
  own: Found,
  making: Making,
  context: CallContext,
): Promise<void> {
  const config = await readConfig(connection, own.at, context);
  if (config === undefined) return;
  const stamp = readStamp(config);
  if (stamp?.guest !== making.stamp.guest || stamp.vmid !== own.at.vmid || config.lock === undefined) return;
  context.log?.(`Removing what an interrupted creation left of guest ${own.at.vmid}.`);
  const node = connection.client.api(context).nodes.$(own.at.node);
  const guest = own.at.kind === 'container' ? node.lxc.$(own.at.vmid) : node.qemu.$(own.at.vmid);
  await connection.tasks.run(
    `removal of the unfinished guest ${own.at.vmid}`,
    () => guest.$delete({ purge: true, 'destroy-unreferenced-disks': true }),
    context,
  );
}

/** Who is at this id. During a creation the config is `{ lock: create }` without a stamp, so it may be ours: wait. */
async function occupantOf(
  connection: Connection,
  hints: readonly GuestLocation[],
  vmid: number,
  context: CallContext,
): Promise<'nobody' | 'creating' | 'taken'> {
  const row = (await listGuests(connection, context)).find((r) => r.vmid === vmid);
  const places = row ? [row] : hints.filter((hint) => hint.vmid === vmid);
  for (const at of places) {
    const config = await readConfig(connection, at, context);
    if (config === undefined) continue;
    if (config.lock !== 'create' && config.lock !== 'clone') return 'taken';
    const running = await connection.tasks.running(at.node, vmid, CREATING, context);
    if (running === undefined) {
      const later = await readConfig(connection, at, context);
      return later === undefined || later.lock === undefined ? 'creating' : 'taken';
    }
    await connection.tasks.settle(running, `creation of guest ${vmid}, which somebody else has begun`, context);
    await until(async () => ((await readConfig(connection, at, context))?.lock === config.lock ? undefined : true), {
      clock: connection.clock,
      context,
      what: `lock (${text(config.lock)}) of guest ${vmid}`,
    });
    return 'creating';
  }
  return row ? 'taken' : 'nobody';
}

/** `unable to create VM 110 - VM 110 already exists on node 'pve1'` */
function takenAt(failure: WorldFailure): GuestLocation | undefined {
  const [, kind, vmid, node] =
    /(VM|CT) (\d+) already exists on node '([^']+)'/.exec(text(failure.failure.details?.text ?? '')) ?? [];
  if (!vmid || !node) return undefined;
  return { vmid: Number(vmid), node, kind: kind === 'CT' ? 'container' : 'vm' };
}
