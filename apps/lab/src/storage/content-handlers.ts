/** What lies on a storage: list, look at, make, remove, attributes. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkVolumeAccess } from '../guests/volume-access.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { GuestType, StorageRecord, Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { abilitiesOf, contentOf, loadStorage, storageConfig } from './storages.js';
import { parseVolumeName, splitVolumeId } from './volume-names.js';
import { volumePath } from './volume-path.js';
import { createVolume, removeVolume } from './volumes.js';

const KINDS = ['rootdir', 'images', 'vztmpl', 'iso', 'backup', 'snippets', 'import'];

/** The fields of a guest's image differ between the plugins. */
function imageRow(storage: StorageRecord, volume: Volume): Record<string, unknown> {
  const parent = volume.parent?.split('/');
  if (abilitiesOf(storage).files)
    return { ctime: volume.ctime, used: volume.used, parent: parent ? `../${parent.join('/')}` : null };
  if (storage.type === 'zfspool')
    return { name: volume.name.split('/').at(-1), parent: parent ? `${parent.at(-1)}@__base__` : null };
  return { ctime: volume.ctime };
}

const formatOf = (volume: Volume) =>
  volume.content === 'iso' ? 'iso' : volume.content === 'snippets' ? 'snippet' : volume.format;

function row(storage: StorageRecord, volume: Volume): Record<string, unknown> {
  const isImage = volume.content === 'images' || volume.content === 'rootdir';
  return {
    volid: volumeId(volume),
    content: volume.content,
    format: formatOf(volume),
    size: volume.size,
    ...(isImage ? imageRow(storage, volume) : { ctime: volume.ctime }),
    ...(volume.vmid === undefined ? {} : { vmid: volume.vmid }),
    ...(volume.content === 'backup' ? { subtype: volume.backup?.type ?? 'unknown' } : {}),
    // Lists show the first line of notes.
    ...(volume.notes ? { notes: volume.notes.split('\n')[0] } : {}),
    ...(volume.protected ? { protected: 1 } : {}),
  };
}

function maySee(call: Call, volume: Volume): boolean {
  try {
    checkVolumeAccess(call, undefined, volumeId(volume));
    return true;
  } catch {
    return false;
  }
}

/** An image belongs to the content its owner is of, whatever it was made as. */
function contentNow(call: Call, volume: Volume): Volume {
  if (volume.content !== 'images' && volume.content !== 'rootdir') return volume;
  const owner = volume.vmid === undefined ? undefined : call.lab.state.guests.get(volume.vmid);
  const content = owner === undefined ? volume.content : owner.type === 'lxc' ? 'rootdir' : 'images';
  return content === volume.content ? volume : { ...volume, content };
}

function list(call: Call): unknown {
  const id = call.need('storage');
  const storage = storageConfig(call.lab, id);
  loadStorage(call.lab, id, call.node);
  const wanted = call.text('content');
  const kinds = new Set((wanted === undefined ? KINDS : [wanted]).filter((kind) => contentOf(storage).includes(kind)));
  const vmid = call.number('vmid');
  const mine = (volume: Volume) => {
    if (vmid === undefined) return true;
    // Snippets and images to import belong to nobody and are always listed.
    if (volume.content === 'snippets' || volume.content === 'import') return true;
    return volume.vmid === vmid;
  };
  return call.lab.state
    .volumesOfStorage(id, call.node)
    .map((volume) => contentNow(call, volume))
    .filter((volume) => kinds.has(volume.content) && mine(volume) && maySee(call, volume))
    .sort((left, right) => {
      const [a, b] = [volumeId(left).toLowerCase(), volumeId(right).toLowerCase()];
      return a < b ? -1 : a > b ? 1 : 0;
    })
    .map((volume) => row(storage, volume));
}

/** The volume id of the path, with or without its storage. */
function idOfPath(call: Call): string {
  const given = call.need('volume');
  const storage = call.need('storage');
  if (!given.includes(':')) return `${storage}:${given}`;
  const parts = splitVolumeId(given);
  if (!parts) throw parameterError({ volume: `unable to parse volume ID '${given}'\n` });
  if (parts.storage !== storage)
    throw parameterError({ volume: `storage ID mismatch (${parts.storage} != ${storage})\n` });
  return given;
}

function info(call: Call): unknown {
  const id = idOfPath(call);
  checkVolumeAccess(call, undefined, id);
  const storage = storageConfig(call.lab, call.need('storage'));
  const volume = call.lab.state.volume(call.node, id);
  if (!volume)
    throw fail(
      storage.type === 'zfspool'
        ? `zfs error: cannot open '${storage.options.pool}/${id.split(':')[1]}': dataset does not exist`
        : `volume_size_info on '${id}' failed - no format`,
    );
  const { kind, format } = parseVolumeName(storage, volume.name);
  if (volume.size === 0 && format !== 'subvol') throw fail(`volume '${id}' has size zero`);
  return {
    path: volumePath(storage, volume),
    size: volume.size,
    used: volume.used,
    format,
    ...(kind === 'backup' ? { notes: volume.notes ?? '', protected: volume.protected ?? 0 } : {}),
  };
}

function sizeOf(text: string): number {
  const [, number, unit = ''] = /^(\d+)([MG]?)$/.exec(text) ?? [];
  if (number === undefined) throw parameterError({ size: `unable to parse size '${text}'` });
  return Number(number) * (unit === 'G' ? 2 ** 30 : unit === 'M' ? 2 ** 20 : 2 ** 10);
}

/** The name a plugin takes for a volume of that format. */
function checkName(storage: StorageRecord, vmid: number, format: string, name: string): void {
  if (abilitiesOf(storage).files) {
    const found = parseVolumeName(storage, `${vmid}/${name}`);
    if (found.format !== format)
      throw fail(`illegal name '${name}' - wrong extension for format ('${found.format} != '${format}')`);
    return;
  }
  if (format !== 'raw' && !(format === 'subvol' && storage.type === 'zfspool'))
    throw fail(`unsupported format '${format}'`);
  const prefix = format === 'subvol' ? 'subvol' : 'vm';
  if (!name.startsWith(`${prefix}-${vmid}-`)) throw fail(`illegal name '${name}' - should be '${prefix}-${vmid}-*'`);
}

async function allocate(call: Call): Promise<string> {
  const { lab, vmid } = call;
  const size = sizeOf(call.need('size'));
  const name = call.need('filename');
  const ending = /\.(raw|qcow2|vmdk)$/.exec(name)?.[1];
  const wanted = call.text('format');
  if (ending !== undefined && wanted !== undefined && wanted !== ending)
    throw parameterError({ format: `different storage formats (${wanted} != ${ending})` });
  const storage = loadStorage(lab, call.need('storage'), call.node);
  const format = ending ?? wanted ?? String(storage.options.format ?? 'raw');
  checkName(storage, vmid, format, name);
  const full = abilitiesOf(storage).files ? `${vmid}/${name}` : name;
  if (lab.state.volume(call.node, `${storage.storage}:${full}`)) {
    const path = volumePath(storage, { name: full, content: 'images' });
    throw fail(
      storage.type === 'zfspool'
        ? `zfs error: cannot create '${storage.options.pool}/${name}': dataset already exists`
        : abilitiesOf(storage).files
          ? `disk image '${path}' already exists`
          : `lvcreate '${storage.options.vgname}/${name}' error:   Logical Volume "${name}" already exists in volume group "${storage.options.vgname}"`,
    );
  }
  const type: GuestType = format === 'subvol' ? 'lxc' : (lab.state.guests.get(vmid)?.type ?? 'qemu');
  const volume = await createVolume(
    lab,
    { node: call.node, storage: storage.storage, vmid, type, size, format, fileName: name },
    { empty: true },
    new AbortController().signal,
  );
  return volumeId(volume);
}

/** Frees what is there; what is not is gone already. */
async function free(call: Call, id: string, log: (line: string) => void): Promise<void> {
  const { lab } = call;
  const storage = storageConfig(lab, call.need('storage'));
  const volume = lab.state.volume(call.node, id);
  const name = id.slice(storage.storage.length + 1);
  if (volume) {
    const clones = lab.state
      .volumesOfStorage(volume.storage, volume.node === '*' ? '' : volume.node)
      .some((other) => other.parent === volume.name);
    if (clones) throw new Error(`base volume '${name}' is still in use by linked clones`);
    if (volume.protected) throw new Error(`cannot remove protected volume '${name}' on '${storage.storage}'`);
    const owner = volume.vmid === undefined ? undefined : lab.state.guests.get(volume.vmid);
    if (owner?.running && !owner.running.hollow && volume.runtimeName !== undefined && lab.mode !== 'none')
      throw new Error(`cannot destroy '${id}': volume is busy`);
    await removeVolume(lab, volume);
    if (volume.file) rmSync(join(lab.stateDir, volume.file), { force: true });
  } else if (abilitiesOf(storage).files) {
    const { kind } = parseVolumeName(storage, name);
    log(`disk image '${volumePath(storage, { name, content: kind })}' does not exist`);
  }
  log(`Removed volume '${id}'`);
}

async function remove(call: Call): Promise<string | null> {
  const { lab } = call;
  const id = idOfPath(call);
  const storage = call.need('storage');
  const { kind, owner } = parseVolumeName(storageConfig(lab, storage), id.slice(storage.length + 1));
  if (kind === 'backup' && owner !== undefined) {
    call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
    call.demand(`/vms/${owner}`, ['VM.Backup']);
  } else call.demand(`/storage/${storage}`, ['Datastore.Allocate']);
  const upid = call.task('imgdel', `${owner === undefined ? '' : `${owner}@`}${storage}`, (task) =>
    free(call, id, task.log),
  );
  const delay = call.number('delay');
  if (delay === undefined) return upid;
  await Promise.race([lab.tasks.finished(upid), sleep(delay * 1000)]);
  const status = lab.tasks.get(upid)?.status;
  if (status === undefined) return upid;
  if (status !== 'OK' && !status.startsWith('WARNINGS')) throw fail(status);
  return null;
}

function checkProtectedLimit(call: Call, storage: StorageRecord, volume: Volume): void {
  const most = Number(storage.options['max-protected-backups'] ?? 5);
  if (most < 0 || volume.protected || volume.vmid === undefined) return;
  const others = call.lab.state
    .volumesOfStorage(volume.storage, call.node)
    .filter((one) => one.content === 'backup' && one.vmid === volume.vmid && one.protected);
  if (others.filter((one) => one.backup?.type === volume.backup?.type).length >= most)
    throw fail(`The number of protected backups per guest is limited to ${most} on storage '${storage.storage}'`);
}

function update(call: Call): null {
  const id = idOfPath(call);
  checkVolumeAccess(call, undefined, id);
  const storage = storageConfig(call.lab, call.need('storage'));
  const { kind } = parseVolumeName(storage, id.slice(storage.storage.length + 1));
  const notes = call.text('notes');
  const isProtected = call.number('protected');
  if (!abilitiesOf(storage).files && notes !== undefined)
    throw fail(`volume notes are not supported for storage type '${storage.type}'`);
  if (notes !== undefined && kind !== 'backup') throw fail('only backups can have notes');
  if (isProtected !== undefined && kind !== 'backup') throw fail("only backups support attribute 'protected'");
  const volume = call.lab.state.volume(call.node, id);
  if (!volume || (notes === undefined && isProtected === undefined)) return null;
  const next = { ...volume };
  if (notes !== undefined) next.notes = notes;
  if (isProtected === 1) {
    checkProtectedLimit(call, storage, volume);
    next.protected = 1;
  }
  if (isProtected === 0) delete next.protected;
  call.lab.state.saveVolume(next);
  return null;
}

const base = '/nodes/{node}/storage/{storage}/content';
export const contentHandlers: Handlers = {
  [`GET ${base}`]: list,
  [`POST ${base}`]: allocate,
  [`GET ${base}/{volume}`]: info,
  [`PUT ${base}/{volume}`]: update,
  [`DELETE ${base}/{volume}`]: remove,
};
