/** The snapshot tree: taking, going back, dropping. */
import { randomUUID } from 'node:crypto';
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { makeStateVolume, RUNNING_AS, stateStorage } from '../qemu/machine-state.js';
import { type Guest, type GuestConfig, type GuestType, type Snapshot, volumeId } from '../state/model.js';
import { hasFeature } from '../storage/features.js';
import { isReal, removeVolume, runtimeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { freeUnusedKey, ownDisks, UNUSED } from './disks.js';
import { checkLock, digestOf, guestOf, isTemplate, loadGuest, withConfigLock, withGuestLock } from './guests.js';
import { KINDS } from './kind.js';
import { boot, halt, startGuest } from './power.js';
import { settleConfig } from './settle-config.js';

/** Whether every disk lies where it can be frozen in time. */
const canSnapshot = (lab: Lab, guest: Guest): boolean =>
  ownDisks(lab, guest).every((disk) => disk.isCdrom || hasFeature(lab, disk.volume, 'snapshot'));

const realVolumes = (lab: Lab, guest: Guest, config = guest.config) =>
  ownDisks(lab, guest, config)
    .map((disk) => disk.volume)
    .filter(isReal)
    .map(runtimeVolume);

/** What a snapshot keeps of the configuration. */
function bare(guest: Guest) {
  const kept: GuestConfig = {};
  for (const [key, value] of Object.entries(guest.config))
    if (!/^(?:lock|parent|description|unused\d+|vmstate|runningmachine|runningcpu)$/.test(key)) kept[key] = value;
  return kept;
}

async function take(lab: Lab, type: GuestType, call: Call, task: TaskContext): Promise<void> {
  const name = call.need('snapname');
  const guest = loadGuest(lab, type, call.node, call.vmid);
  if (isTemplate(guest)) throw new Error("you can't take a snapshot if it's a template");
  checkLock(guest);
  if (guest.snapshots[name]) throw new Error(`snapshot name '${name}' already used`);
  if (!canSnapshot(lab, guest)) throw new Error('snapshot feature is not available');
  await withConfigLock(lab, guest, 'snapshot', async () => {
    for (const [other, old] of Object.entries(guest.snapshots)) {
      if (old.parent !== name) continue;
      task.log(`deleting parent '${name}' reference from '${other}' to avoid bogus snapshot cycle.`);
      delete old.parent;
    }
    const config = bare(guest);
    const withState = type === 'qemu' && call.flag('vmstate') && guest.running !== undefined;
    const state = withState
      ? await makeStateVolume(lab, guest, name, stateStorage(lab, guest), task.signal)
      : undefined;
    if (state) {
      task.log(`saving VM state and RAM using storage '${state.storage}'`);
      task.log('completed saving the VM state in 1s, saved 0.00 B');
      Object.assign(config, { vmstate: volumeId(state), ...RUNNING_AS });
    }
    for (const disk of ownDisks(lab, guest))
      if (!disk.isCdrom && type === 'qemu') task.log(`snapshotting 'drive-${disk.key}' (${disk.file})`);
    try {
      await lab.runtime.snapshotVolumes(realVolumes(lab, guest), name);
    } catch (error) {
      if (state) await removeVolume(lab, state);
      throw error;
    }
    const parent = guest.config.parent;
    const snapshot: Snapshot = {
      config,
      snaptime: Math.floor(lab.now() / 1000),
      description: call.text('description') ?? '',
      ...(parent === undefined ? {} : { parent: String(parent) }),
      ...(withState ? { vmstate: 1 as const } : {}),
    };
    guest.snapshots[name] = snapshot;
    guest.config.parent = name;
  });
}

/** ZFS goes back to the newest snapshot only. */
function checkRollback(lab: Lab, guest: Guest, name: string, snapshot: Snapshot): void {
  const order = Object.keys(guest.snapshots);
  const newer = order.slice(order.indexOf(name) + 1).map((other) => guest.snapshots[other]);
  for (const disk of ownDisks(lab, guest, snapshot.config)) {
    if (disk.isCdrom || lab.state.storages.get(disk.volume.storage)?.type !== 'zfspool') continue;
    const blocked = newer.some(
      (one) => one && ownDisks(lab, guest, one.config).some((other) => other.file === disk.file),
    );
    if (blocked) throw new Error(`can't rollback, '${name}' is not most recent snapshot on '${disk.file}'`);
  }
}

async function rollback(lab: Lab, type: GuestType, call: Call, task: TaskContext): Promise<void> {
  const name = call.need('snapname');
  const guest = loadGuest(lab, type, call.node, call.vmid);
  if (isTemplate(guest)) throw new Error("you can't rollback if vm is a template");
  const snapshot = guest.snapshots[name];
  if (!snapshot) throw new Error(`snapshot '${name}' does not exist`);
  checkRollback(lab, guest, name, snapshot);
  checkLock(guest);
  await withConfigLock(lab, guest, 'rollback', async () => {
    await halt(lab, guest);
    await lab.runtime.rollbackVolumes(realVolumes(lab, guest, snapshot.config), name);
    const before = ownDisks(lab, guest);
    const kept = new Set(ownDisks(lab, guest, snapshot.config).map((disk) => disk.file));
    const { vmstate: _state, runningmachine: _machine, runningcpu: _cpu, ...config } = snapshot.config;
    const next: GuestConfig = { ...config, lock: 'rollback', parent: name };
    // The description and what was detached stay as they are now.
    for (const [key, value] of Object.entries(guest.config))
      if (key === 'description' || UNUSED.test(key)) next[key] = value;
    if (next.vmgenid !== undefined) next.vmgenid = randomUUID();
    // Disks that came after the snapshot are nobody's any more, but they are not thrown away.
    for (const disk of before) if (!kept.has(disk.file) && !disk.isCdrom) next[freeUnusedKey(next)] = disk.file;
    guest.config = next;
    guest.pending = {};
    guest.pendingDelete = [];
    settleConfig(guest);
    lab.state.saveGuest(guest);
  });
  if (snapshot.vmstate) await boot(lab, guest, task.signal);
}

async function drop(lab: Lab, type: GuestType, call: Call): Promise<void> {
  const name = call.need('snapname');
  const guest = loadGuest(lab, type, call.node, call.vmid);
  const snapshot = guest.snapshots[name];
  if (!snapshot) throw new Error(`snapshot '${name}' does not exist`);
  checkLock(guest);
  if (isTemplate(guest)) throw new Error("you can't delete a snapshot if vm is a template");
  await withConfigLock(lab, guest, 'snapshot-delete', async () => {
    const state = lab.state.volume(guest.node, String(snapshot.config.vmstate ?? ''));
    if (state) await removeVolume(lab, state);
    await lab.runtime.removeSnapshot(realVolumes(lab, guest, snapshot.config), name);
    for (const other of Object.values(guest.snapshots)) {
      if (other.parent !== name) continue;
      if (snapshot.parent === undefined) delete other.parent;
      else other.parent = snapshot.parent;
    }
    if (guest.config.parent === name) {
      if (snapshot.parent === undefined) delete guest.config.parent;
      else guest.config.parent = snapshot.parent;
    }
    delete guest.snapshots[name];
    // A disk that only this snapshot knew is detached now.
    for (const disk of ownDisks(lab, guest, snapshot.config)) {
      const used = [guest.config, ...Object.values(guest.snapshots).map((one) => one.config)].some((config) =>
        ownDisks(lab, guest, config, true).some((one) => one.file === disk.file),
      );
      if (!used && !disk.isCdrom) guest.config[freeUnusedKey(guest.config)] = disk.file;
    }
    settleConfig(guest);
  });
}

/** Newest last, and then the pseudo entry for the present. */
function list(call: Call, type: GuestType): unknown {
  const guest = guestOf(call, type);
  const entries = Object.entries(guest.snapshots)
    .sort(([, left], [, right]) => left.snaptime - right.snaptime)
    .map(([name, snapshot]) => ({
      name,
      snaptime: snapshot.snaptime,
      description: snapshot.description,
      ...(type === 'qemu' ? { vmstate: snapshot.vmstate ?? 0 } : {}),
      ...(snapshot.parent === undefined ? {} : { parent: snapshot.parent }),
    }));
  return [
    ...entries,
    {
      name: 'current',
      description: 'You are here!',
      digest: digestOf(guest),
      ...(guest.config.parent === undefined ? {} : { parent: guest.config.parent }),
      running: guest.running ? 1 : 0,
    },
  ];
}

function existing(call: Call, type: GuestType): Snapshot {
  const name = call.need('snapname');
  const snapshot = guestOf(call, type).snapshots[name];
  if (!snapshot) throw fail(`snapshot '${name}' does not exist`);
  return snapshot;
}

function handlersOf(type: GuestType): Handlers {
  const base = `/nodes/{node}/${type}/{vmid}/snapshot`;
  const { prefix } = KINDS[type];
  const alone = (call: Call, kind: string, work: (task: TaskContext) => Promise<void>) =>
    call.task(`${prefix}${kind}`, call.vmid, (task) =>
      withGuestLock(call.lab, type, call.vmid, task.signal, () => work(task)),
    );
  return {
    [`GET ${base}`]: (call) => list(call, type),
    [`POST ${base}`]: (call) => {
      const name = call.need('snapname');
      if (name === 'current') throw fail(`unable to use snapshot name 'current' (reserved name)`);
      if (type === 'qemu') {
        if (name.toLowerCase() === 'pending') throw fail(`unable to use snapshot name 'pending' (reserved name)`);
        guestOf(call, type);
      } else if (name === 'vzdump') throw fail(`unable to use snapshot name 'vzdump' (reserved name)`);
      return alone(call, 'snapshot', (task) => take(call.lab, type, call, task));
    },
    [`GET ${base}/{snapname}`]: () => [{ cmd: 'rollback' }, { cmd: 'config' }],
    [`DELETE ${base}/{snapname}`]: (call) => alone(call, 'delsnapshot', () => drop(call.lab, type, call)),
    [`GET ${base}/{snapname}/config`]: (call) => {
      const snapshot = existing(call, type);
      return {
        ...snapshot.config,
        snaptime: snapshot.snaptime,
        ...(snapshot.description === '' ? {} : { description: snapshot.description }),
        ...(snapshot.parent === undefined ? {} : { parent: snapshot.parent }),
      };
    },
    [`PUT ${base}/{snapname}/config`]: (call) => {
      if (call.text('description') === undefined) return null;
      checkLock(guestOf(call, type));
      const snapshot = existing(call, type);
      const guest = guestOf(call, type);
      snapshot.description = call.text('description') ?? snapshot.description;
      call.lab.state.saveGuest(guest);
      return null;
    },
    [`POST ${base}/{snapname}/rollback`]: (call) => {
      // Of a container Proxmox asks for no more than the rollback.
      if (call.flag('start') && type === 'qemu') call.demand(`/vms/${call.vmid}`, ['VM.PowerMgmt']);
      return call.task(`${prefix}rollback`, call.vmid, async (task) => {
        const { lab, node, vmid } = call;
        await withGuestLock(lab, type, vmid, task.signal, () => rollback(lab, type, call, task));
        if (!call.flag('start') || loadGuest(lab, type, node, vmid).running) return;
        // As on a real node, the start is a task of its own.
        const kind = type === 'qemu' ? 'qmstart' : 'vzstart';
        setImmediate(() => call.task(kind, vmid, (next) => startGuest(lab, type, node, vmid, next)));
      });
    },
  };
}

export const snapshotHandlers: Handlers = { ...handlersOf('qemu'), ...handlersOf('lxc') };
