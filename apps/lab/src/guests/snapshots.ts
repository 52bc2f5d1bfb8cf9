/** The snapshot tree: taking, going back, dropping. */
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import type { Guest, GuestType, Snapshot } from '../state/model.js';
import { abilitiesOf } from '../storage/storages.js';
import { isReal, removeVolume, runtimeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { ownDisks } from './disks.js';
import { checkLock, digestOf, guestOf, isTemplate, loadGuest, withConfigLock, withGuestLock } from './guests.js';
import { KINDS } from './kind.js';
import { boot, halt, startGuest } from './power.js';

/** Whether every disk lies where it can be frozen in time. */
function canSnapshot(lab: Lab, guest: Guest): boolean {
  return ownDisks(lab, guest).every(({ volume, isCdrom }) => {
    const storage = lab.state.storages.get(volume.storage);
    if (!storage || isCdrom) return true;
    const { files, containerSnapshots } = abilitiesOf(storage);
    return guest.type === 'lxc' ? containerSnapshots : !files || volume.format === 'qcow2';
  });
}

const realVolumes = (lab: Lab, guest: Guest, config = guest.config) =>
  ownDisks(lab, guest, config)
    .map((disk) => disk.volume)
    .filter(isReal)
    .map(runtimeVolume);

function bare(guest: Guest) {
  const { lock: _lock, parent: _parent, ...config } = guest.config;
  return config;
}

async function take(lab: Lab, type: GuestType, call: Call, task: TaskContext): Promise<void> {
  const name = call.need('snapname');
  const guest = loadGuest(lab, type, call.node, call.vmid);
  if (isTemplate(guest)) throw new Error("you can't take a snapshot if it's a template");
  checkLock(guest);
  if (guest.snapshots[name]) throw new Error(`snapshot name '${name}' already used`);
  if (!canSnapshot(lab, guest)) throw new Error('snapshot feature is not available');
  await withConfigLock(lab, guest, 'snapshot', async () => {
    await lab.runtime.snapshotVolumes(realVolumes(lab, guest), name);
    const parent = guest.config.parent;
    const snapshot: Snapshot = {
      config: bare(guest),
      snaptime: Math.floor(lab.now() / 1000),
      description: call.text('description') ?? '',
      ...(parent === undefined ? {} : { parent: String(parent) }),
      ...(call.flag('vmstate') && guest.running ? { vmstate: 1 as const } : {}),
    };
    guest.snapshots[name] = snapshot;
    guest.config.parent = name;
    task.log(`snapshotting '${name}' of ${KINDS[type].label} ${guest.vmid}`);
  });
}

async function rollback(lab: Lab, type: GuestType, call: Call, task: TaskContext): Promise<void> {
  const name = call.need('snapname');
  const guest = loadGuest(lab, type, call.node, call.vmid);
  if (isTemplate(guest)) throw new Error("you can't rollback if vm is a template");
  const snapshot = guest.snapshots[name];
  if (!snapshot) throw new Error(`snapshot '${name}' does not exist`);
  checkLock(guest);
  await withConfigLock(lab, guest, 'rollback', async () => {
    await halt(lab, guest);
    await lab.runtime.rollbackVolumes(realVolumes(lab, guest, snapshot.config), name);
    // Disks that came after the snapshot are nobody's any more, but they are not thrown away.
    const before = ownDisks(lab, guest);
    const kept = new Set(ownDisks(lab, guest, snapshot.config, true).map((disk) => disk.file));
    guest.config = { ...snapshot.config, lock: 'rollback', parent: name };
    guest.pending = {};
    guest.pendingDelete = [];
    let index = 0;
    for (const disk of before) {
      if (kept.has(disk.file) || disk.isCdrom) continue;
      while (guest.config[`unused${index}`] !== undefined) index += 1;
      guest.config[`unused${index}`] = disk.file;
    }
    lab.state.saveGuest(guest);
    if (snapshot.vmstate) await boot(lab, guest, task.signal);
  });
}

async function drop(lab: Lab, type: GuestType, call: Call): Promise<void> {
  const name = call.need('snapname');
  const guest = loadGuest(lab, type, call.node, call.vmid);
  if (isTemplate(guest)) throw new Error("you can't delete a snapshot if vm is a template");
  const snapshot = guest.snapshots[name];
  if (!snapshot) throw new Error(`snapshot '${name}' does not exist`);
  checkLock(guest);
  await withConfigLock(lab, guest, 'snapshot-delete', async () => {
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
    // A disk that only this snapshot knew is gone with it.
    for (const disk of ownDisks(lab, guest, snapshot.config)) {
      const used = [guest.config, ...Object.values(guest.snapshots).map((one) => one.config)].some((config) =>
        ownDisks(lab, guest, config, true).some((one) => one.file === disk.file),
      );
      if (!used) await removeVolume(lab, disk.volume);
    }
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
      if (name === 'current' || (type === 'qemu' && name === 'pending'))
        throw fail(`unable to use snapshot name '${name}' (reserved name)`);
      return alone(call, 'snapshot', (task) => take(call.lab, type, call, task));
    },
    [`GET ${base}/{snapname}`]: () => [{ cmd: 'rollback' }, { cmd: 'config' }],
    [`DELETE ${base}/{snapname}`]: (call) => alone(call, 'delsnapshot', () => drop(call.lab, type, call)),
    [`GET ${base}/{snapname}/config`]: (call) => {
      const snapshot = existing(call, type);
      return {
        ...snapshot.config,
        snaptime: snapshot.snaptime,
        description: snapshot.description,
        ...(snapshot.parent === undefined ? {} : { parent: snapshot.parent }),
      };
    },
    [`PUT ${base}/{snapname}/config`]: (call) => {
      const snapshot = existing(call, type);
      const guest = guestOf(call, type);
      checkLock(guest);
      snapshot.description = call.text('description') ?? snapshot.description;
      call.lab.state.saveGuest(guest);
      return null;
    },
    [`POST ${base}/{snapname}/rollback`]: (call) =>
      call.task(`${prefix}rollback`, call.vmid, async (task) => {
        await withGuestLock(call.lab, type, call.vmid, task.signal, () => rollback(call.lab, type, call, task));
        if (!call.flag('start')) return;

        await startGuest(call.lab, type, call.node, call.vmid, task);
      }),
  };
}

export const snapshotHandlers: Handlers = { ...handlersOf('qemu'), ...handlersOf('lxc') };
