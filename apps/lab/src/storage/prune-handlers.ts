/** Which backups a policy lets go, and letting them go. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { parsePropertyString } from '../schema/property-string.js';
import { formatKeys } from '../schema/schema.js';
import { volumeId } from '../state/model.js';
import { prune } from './prune.js';
import { contentOf, storageConfig } from './storages.js';

function marks(call: Call) {
  const { lab } = call;
  const id = call.need('storage');
  const storage = storageConfig(lab, id);
  if (!contentOf(storage).includes('backup')) throw fail(`storage '${id}' does not support backups`);
  const text = call.text('prune-backups') ?? storage.options['prune-backups'];
  if (text === undefined) throw fail(`no prune-backups options configured for storage '${id}'`);
  const vmid = call.number('vmid');
  const type = call.text('type');
  const volumes = lab.state
    .volumesOfStorage(id, call.node)
    .filter((volume) => volume.content === 'backup' && (vmid === undefined || volume.vmid === vmid))
    .filter((volume) => type === undefined || (volume.backup?.type ?? 'unknown') === type);
  return prune(volumes, parsePropertyString(formatKeys('prune-backups') ?? {}, String(text)));
}

function dryRun(call: Call): unknown {
  return marks(call).map(({ volume, mark }) => ({
    volid: volumeId(volume),
    ctime: volume.ctime,
    mark,
    type: volume.backup?.type ?? 'unknown',
    ...(volume.vmid === undefined ? {} : { vmid: volume.vmid }),
  }));
}

function pruneNow(call: Call): string {
  const storage = call.need('storage');
  const vmid = call.number('vmid');
  if (vmid === undefined) call.demand(`/storage/${storage}`, ['Datastore.Allocate']);
  else {
    call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
    call.demand(`/vms/${vmid}`, ['VM.Backup']);
  }
  return call.task('prunebackups', `${vmid === undefined ? '' : `${vmid}@`}${storage}`, async (task) => {
    for (const { volume, mark } of marks(call)) {
      if (mark !== 'remove') continue;
      task.log(`removing backup '${volumeId(volume)}'`);
      call.lab.state.deleteVolume(volume);
      if (volume.file) rmSync(join(call.lab.stateDir, volume.file), { force: true });
    }
  });
}

export const pruneHandlers: Handlers = {
  'GET /nodes/{node}/storage/{storage}/prunebackups': dryRun,
  'DELETE /nodes/{node}/storage/{storage}/prunebackups': pruneNow,
};
