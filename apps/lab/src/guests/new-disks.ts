/** Turns disk options as clients write them (`local-zfs:8`, `local:0,import-from=…`, `local:cloudinit`) into real volumes. */
import { fail } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import type { Lab } from '../lab.js';
import { parseSize, VOLUME_ID } from '../schema/formats.js';
import type { PropertyValues } from '../schema/property-string.js';
import type { GuestConfig, GuestType, Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { contentOf, loadStorage } from '../storage/storages.js';
import { createVolume, type VolumeSource } from '../storage/volumes.js';
import { describeDisk, isDiskKey, parseOption, printOption, volumeKey } from './disks.js';

/** Bytes Proxmox shows for a cloud-init image. */
const CLOUDINIT_BYTES = 4 * 2 ** 20;
const NEW = /^([^:\s]+):(\d+(?:\.\d+)?)$/;

/** Storages a configuration would take space on; for the permission check, before anything is made. */
export function demandDiskStorages(call: Call, type: GuestType, options: Readonly<GuestConfig>, vmid: number): void {
  for (const [key, value] of Object.entries(options)) {
    if (!isDiskKey(type, key)) continue;
    const values = parseOption(type, key, value);
    const file = values[volumeKey(type)] ?? '';
    if (file === 'none' || file === 'cdrom') continue;
    if (file.startsWith('/')) {
      if (!call.caller.isRoot)
        throw fail(
          type === 'qemu'
            ? 'Only root can pass arbitrary filesystem paths.'
            : 'Only root can pass arbitrary filesystem paths.',
        );
      throw fail('this lab has no host paths or devices to pass through');
    }
    const [, storage = '', rest = ''] = VOLUME_ID.exec(file) ?? [];
    if (NEW.test(file) || rest === 'cloudinit') {
      call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
      const record = loadStorage(call.lab, storage, call.node);
      const wanted = type === 'lxc' ? 'rootdir' : 'images';
      if (!contentOf(record).includes(wanted))
        throw type === 'lxc'
          ? fail(`storage '${storage}' does not support CT rootdirs`)
          : Object.assign(fail(`storage '${storage}' does not support vm images`));
    } else if (call.lab.state.volume(call.node, file)?.vmid !== vmid)
      call.demand(`/storage/${storage}`, ['Datastore.Audit', 'Datastore.AllocateSpace'], true);
    const source = values['import-from'];
    if (source) call.demand(`/storage/${source.split(':')[0]}`, ['Datastore.AllocateSpace', 'Datastore.Audit'], true);
  }
}

function importSource(lab: Lab, node: string, from: string): { source: VolumeSource; size: number } {
  const volume = lab.state.volume(node, from);
  if (!volume) throw new Error(`cannot import from '${from}' - volume '${from}' does not exist`);
  if (volume.image !== undefined)
    return { source: { image: volume.image, used: volume.used }, size: Math.max(volume.size, 2 * 2 ** 30) };
  return { source: { clone: volume, linked: false, fresh: true }, size: volume.size };
}

export interface DiskRequest {
  readonly lab: Lab;
  readonly node: string;
  readonly type: GuestType;
  readonly vmid: number;
  readonly signal: AbortSignal;
  /** Fills the root file system of a new container. */
  readonly image?: { readonly name: string; readonly used: number };
  readonly log: (line: string) => void;
}

async function resolve(request: DiskRequest, key: string, values: PropertyValues, made: Volume[]): Promise<string> {
  const { lab, node, type, vmid, signal } = request;
  const file = values[volumeKey(type)] ?? '';
  if (file === 'none' || file === 'cdrom') return printOption(type, key, { ...values, media: 'cdrom' });
  const [, storage = '', size = ''] = NEW.exec(file) ?? [];
  const cloudInit = /^([^:]+):cloudinit$/.exec(file)?.[1];
  if (cloudInit) {
    const volume = await createVolume(
      lab,
      { node, storage: cloudInit, vmid, type, size: CLOUDINIT_BYTES, suffix: 'cloudinit' },
      { empty: true },
      signal,
    );
    made.push(volume);
    return printOption(type, key, { file: volumeId(volume), media: 'cdrom' });
  }
  if (!storage) {
    const volume = lab.state.volume(node, file);
    if (!volume) throw new Error(type === 'qemu' ? `volume ${file} does not exist` : `volume '${file}' does not exist`);
    const isImage = volume.content === 'iso' || values.media === 'cdrom';
    return describeDisk(type, key, isImage ? { ...values, media: 'cdrom' } : values, volume);
  }
  const from = values['import-from'];
  const imported = from ? importSource(lab, node, from) : undefined;
  const bytes = imported?.size ?? Math.round(Number(size) * 2 ** 30);
  if (!imported && bytes <= 0) throw new Error(`unable to create image: size '${size}' is too small`);
  const source: VolumeSource =
    imported?.source ??
    (key === 'rootfs' && request.image ? { image: request.image.name, used: request.image.used } : { empty: true });
  const volume = await createVolume(
    lab,
    {
      node,
      storage,
      vmid,
      type,
      size: bytes,
      ...(values.format ? { format: values.format } : {}),
    },
    source,
    signal,
  );
  made.push(volume);
  request.log(
    `${type === 'qemu' ? `${key}: successfully created disk` : 'created volume'} '${volumeId(volume)}${type === 'qemu' ? `,size=${Math.round(bytes / 2 ** 30)}G` : ''}'`,
  );
  return describeDisk(type, key, values, volume);
}

/** Makes all volumes the options ask for; the result has real volume ids. `made` is filled as they come, for undoing. */
export async function createDisks(
  request: DiskRequest,
  options: Readonly<GuestConfig>,
  made: Volume[],
): Promise<GuestConfig> {
  const result: GuestConfig = {};
  const keys = Object.keys(options).sort((a, b) =>
    a === 'rootfs' ? -1 : b === 'rootfs' ? 1 : a.localeCompare(b, 'en', { numeric: true }),
  );
  for (const key of keys) {
    const value = options[key];
    if (value === undefined) continue;
    result[key] = isDiskKey(request.type, key)
      ? await resolve(request, key, parseOption(request.type, key, value), made)
      : value;
  }
  return result;
}

/** `8G`, `+2G` → bytes asked for, from the present size. */
export function requestedSize(text: string, present: number): number | undefined {
  const size = parseSize(text.replace(/^\+/, ''));
  return size === undefined ? undefined : text.startsWith('+') ? present + size : size;
}
