/** Drives that go, and changes that waited for the machine to end. */
import { ownsVolume } from '../guests/disks.js';
import { settleConfig } from '../guests/settle-config.js';
import { fail } from '../http/api-error.js';
import type { Lab } from '../lab.js';
import type { Guest, GuestConfig } from '../state/model.js';
import { removeVolume } from '../storage/volumes.js';
import { isCdrom, isDriveKey, parseDrive } from './drives.js';
import { registerUnused } from './machine-disks.js';

/** Throws when the caller may not free space on a storage. */
export type DemandSpace = (storage: string) => void;

const uses = (config: Readonly<GuestConfig>, id: string, but?: string) =>
  Object.entries(config).some(([key, value]) => key !== but && isDriveKey(key) && parseDrive(key, value)?.file === id);

async function free(lab: Lab, guest: Guest, id: string, but: string, demand: DemandSpace): Promise<void> {
  demand(id.split(':')[0] ?? '');
  const snapshots = Object.values(guest.snapshots).map((one) => one.config);
  if ([guest.config, guest.pending].some((config) => uses(config, id, but)) || snapshots.some((one) => uses(one, id)))
    throw fail(`unable to delete '${id}' - volume is still in use (snapshot?)`);
  const volume = lab.state.volume(guest.node, id);
  if (volume) await removeVolume(lab, volume);
}

/** `unusedN` goes for good. */
export async function destroyUnused(lab: Lab, guest: Guest, key: string, demand: DemandSpace): Promise<void> {
  const id = String(guest.config[key] ?? '').replace(/^file=/, '');
  if (ownsVolume(lab, guest, id)) await free(lab, guest, id, key, demand);
  delete guest.config[key];
}

/** A drive leaves its place; with `force` its volume goes for good. */
export async function detachDrive(lab: Lab, guest: Guest, key: string, demand: DemandSpace): Promise<void> {
  const value = guest.config[key];
  if (value === undefined) return;
  const drive = parseDrive(key, value);
  if (!guest.pendingForce?.includes(key)) await registerUnused(lab, guest, key, value);
  else if (drive && !isCdrom(drive, true) && ownsVolume(lab, guest, drive.file ?? ''))
    await free(lab, guest, drive.file ?? '', key, demand);
}

/** Everything that waited, of a machine that does not run. */
export async function applyMachinePending(
  lab: Lab,
  guest: Guest,
  demand: DemandSpace = () => undefined,
): Promise<void> {
  for (const key of [...guest.pendingDelete].sort()) {
    if (isDriveKey(key)) await detachDrive(lab, guest, key, demand);
    delete guest.config[key];
  }
  guest.pendingDelete = [];
  delete guest.pendingForce;
  for (const [key, value] of Object.entries(guest.pending)) {
    const old = guest.config[key];
    if (isDriveKey(key) && old !== undefined && parseDrive(key, old)?.file !== parseDrive(key, value)?.file)
      await registerUnused(lab, guest, key, old);
    guest.config[key] = value;
  }
  guest.pending = {};
  settleConfig(guest);
}
