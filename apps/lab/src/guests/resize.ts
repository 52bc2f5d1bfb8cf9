/** PUT resize: disks only grow. */
import { fail, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import { demandContainerOptions } from '../lxc/container-privileges.js';
import { formatSize, parseSize } from '../schema/formats.js';
import type { Guest, GuestType, Volume } from '../state/model.js';
import { growVolume } from '../storage/volumes.js';
import { findDisk, printOption } from './disks.js';
import { checkDigest, checkLock, checkModified, loadGuest, withGuestLock } from './guests.js';

interface Growth {
  readonly guest: Guest;
  readonly volume: Volume;
  readonly size: number;
}

function growth(call: Call, type: GuestType): Growth {
  const { lab } = call;
  const key = call.need('disk');
  const guest = loadGuest(lab, type, call.node, call.vmid);
  if (type === 'qemu') checkDigest(guest, call.text('digest'));
  checkLock(guest, call.flag('skiplock'));
  if (type === 'lxc') {
    demandContainerOptions(
      { call, vmid: guest.vmid, old: guest.config, unprivileged: guest.config.unprivileged === 1 },
      {},
      [key],
    );
    checkModified(guest, call.text('digest'));
  }
  const disk = findDisk(guest, key);
  if (!disk) throw fail(type === 'qemu' ? `disk '${key}' does not exist` : 'no volume ID specified');
  if (disk.file === 'none' || disk.file === 'cdrom') throw fail(`unable to parse volume ID '${disk.file}'`);
  if (disk.isCdrom) throw fail("you can't resize a cdrom");
  const volume = lab.state.volume(guest.node, disk.file);
  if (!volume) throw fail(`disk '${key}' has no associated volume`);
  if (type === 'lxc' && volume.vmid !== guest.vmid)
    // A message without its own end gets the place it was made at.
    throw fail(
      `can't resize mount point owned by another container (${volume.vmid}) at /usr/share/perl5/PVE/API2/LXC.pm line 2386.`,
    );
  call.demand(`/storage/${volume.storage}`, ['Datastore.AllocateSpace']);
  const text = call.need('size');
  const wanted = parseSize(text.replace(/^\+/, '')) ?? 0;
  return { guest, volume, size: text.startsWith('+') ? volume.size + wanted : wanted };
}

export function resize(call: Call, type: GuestType): string {
  const { lab, vmid } = call;
  const key = call.need('disk');
  if (call.flag('skiplock') && !call.caller.isRoot)
    throw parameterError({ skiplock: 'Only root may use this option.' });
  const check = () => {
    const found = growth(call, type);
    if (found.size < found.volume.size)
      throw fail(type === 'qemu' ? 'shrinking disks is not supported' : 'unable to shrink disk size');
    if (type === 'lxc' && found.size === found.volume.size) throw fail('disk is already at specified size');
    return found;
  };
  // Of a container all is looked at before there is a task.
  if (type === 'lxc') check();
  return call.task('resize', vmid, (task) =>
    withGuestLock(lab, type, vmid, task.signal, async () => {
      const { guest, volume, size } = check();
      if (size === volume.size) return;
      await growVolume(lab, volume, size);
      const values = findDisk(guest, key)?.values ?? {};
      guest.config[key] = printOption(type, key, { ...values, size: formatSize(size) });
      lab.state.saveGuest(guest);
    }),
  );
}
