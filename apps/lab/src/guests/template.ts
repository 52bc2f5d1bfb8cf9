/** Turning a guest into a template, and asking what its disks can do. */
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import type { Guest, GuestType } from '../state/model.js';
import { type Feature, hasFeature } from '../storage/features.js';
import { isOnNode } from '../storage/storages.js';
import { isReal, toBase } from '../storage/volumes.js';
import { cloneMachine } from './clone.js';
import { cloneContainer } from './clone-container.js';
import { describeDisk, disksOf, ownDisks } from './disks.js';
import { checkLock, guestOf, isTemplate, withGuestLock } from './guests.js';
import { KINDS } from './kind.js';

/** The disks become base volumes; the configuration is the caller's to save. */
export function baseDisks(lab: Lab, guest: Guest, only?: string): void {
  for (const disk of ownDisks(lab, guest)) {
    if (!isReal(disk.volume) || !hasFeature(lab, disk.volume, 'template')) continue;
    if (only !== undefined && disk.key !== only) continue;
    guest.config[disk.key] = describeDisk(guest.type, disk.key, disk.values, toBase(lab, disk.volume));
  }
}

function makeTemplate(call: Call, type: GuestType): string | null {
  const { lab } = call;
  const { label, prefix } = KINDS[type];
  const only = call.text('disk');
  const check = (): Guest => {
    const guest = guestOf(call, type);
    checkLock(guest);
    if (Object.keys(guest.snapshots).length > 0)
      throw fail(`unable to create template, because ${label} contains snapshots`);
    if (isTemplate(guest) && only === undefined) throw fail("you can't convert a template to a template");
    if (guest.running)
      throw fail(
        type === 'qemu'
          ? "you can't convert a VM to template if VM is running"
          : "you can't convert a CT to template if the CT is running",
      );
    return guest;
  };
  check();
  const upid = call.task(`${prefix}template`, call.vmid, (task) =>
    withGuestLock(lab, type, call.vmid, task.signal, async () => {
      const guest = check();
      if (type === 'lxc')
        for (const disk of ownDisks(lab, guest))
          if (!hasFeature(lab, disk.volume, 'template'))
            throw new Error(`Template feature is not available for '${disk.file}'`);
      guest.config.template = 1;
      baseDisks(lab, guest, only);
      lab.state.saveGuest(guest);
    }),
  );
  // Proxmox forks the same task for both and tells only the client of a machine.
  return type === 'qemu' ? upid : null;
}

function feature(call: Call, type: GuestType): unknown {
  const guest = guestOf(call, type);
  const snapname = call.text('snapname');
  const snapshot = snapname === undefined ? undefined : guest.snapshots[snapname];
  if (snapname !== undefined && !snapshot) throw fail(`snapshot '${snapname}' does not exist`);
  const config = snapshot?.config ?? guest.config;
  const disks = disksOf(type, config).filter((disk) => !disk.isCdrom);
  const able = disks.every((disk) => {
    const volume = call.lab.state.volume(guest.node, disk.file);
    return (
      volume !== undefined &&
      hasFeature(call.lab, volume, call.need('feature') as Feature, {
        snapshot: snapshot !== undefined,
        container: type === 'lxc',
      })
    );
  });
  if (type === 'lxc') return { hasFeature: able ? 1 : 0 };
  // Nodes that reach every volume.
  const nodes = call.lab.nodes.filter((node) =>
    disksOf(type, config).every((disk) => {
      const storage = call.lab.state.storages.get(disk.file.split(':')[0] ?? '');
      return !storage || (isOnNode(storage, node) && (node === guest.node || storage.options.shared === 1));
    }),
  );
  return { hasFeature: able ? 1 : 0, nodes };
}

export const cloneHandlers: Handlers = {
  'POST /nodes/{node}/qemu/{vmid}/clone': cloneMachine,
  'POST /nodes/{node}/lxc/{vmid}/clone': cloneContainer,
  'POST /nodes/{node}/qemu/{vmid}/template': (call) => makeTemplate(call, 'qemu'),
  'POST /nodes/{node}/lxc/{vmid}/template': (call) => makeTemplate(call, 'lxc'),
  'GET /nodes/{node}/qemu/{vmid}/feature': (call) => feature(call, 'qemu'),
  'GET /nodes/{node}/lxc/{vmid}/feature': (call) => feature(call, 'lxc'),
};
