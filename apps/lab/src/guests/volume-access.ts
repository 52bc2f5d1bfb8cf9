/** May the caller use a volume in a guest's configuration? As Proxmox's check_volume_access. */
import { fail } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import { storageConfig } from '../storage/storages.js';
import { parseVolumeName, splitVolumeId } from '../storage/volume-names.js';

/** `vmid`: whose configuration it is for. `kind`: the content it must have. */
export function checkVolumeAccess(call: Call, vmid: number | undefined, id: string, kind?: string): void {
  const parts = splitVolumeId(id);
  if (!parts) {
    if (!call.caller.isRoot) throw fail('Only root can pass arbitrary filesystem paths.');
    return;
  }
  const found = parseVolumeName(storageConfig(call.lab, parts.storage), parts.name);
  if (kind !== undefined && found.kind !== kind && !(kind === 'rootdir' && found.kind === 'images'))
    throw fail(`unable to use volume ${id} - content type needs to be '${kind}'`);
  const path = `/storage/${parts.storage}`;
  if (call.can(path, ['Datastore.Allocate'])) return;
  if (['iso', 'vztmpl', 'import'].includes(found.kind))
    call.demand(path, ['Datastore.AllocateSpace', 'Datastore.Audit'], true);
  else if (found.owner !== undefined && found.owner === vmid) return;
  else if (found.kind === 'backup' && found.owner !== undefined) {
    call.demand(path, ['Datastore.AllocateSpace']);
    call.demand(`/vms/${found.owner}`, ['VM.Backup']);
  } else if (found.kind === 'images' && found.owner !== undefined) {
    call.demand(path, ['Datastore.Audit']);
    call.demand(`/vms/${found.owner}`, ['VM.Config.Disk']);
  } else throw fail(`missing privileges to access ${id}`);
}
