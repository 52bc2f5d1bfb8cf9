/** What reads or fetches foreign things: files out of backups, guests of other hypervisors, images of registries. */
import { checkVolumeAccess } from '../guests/volume-access.js';
import { ApiError, fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { volumeId } from '../state/model.js';
import { normalizeName } from './file-handlers.js';
import { abilitiesOf, contentOf, loadStorage, storageConfig } from './storages.js';
import { parseVolumeName, splitVolumeId } from './volume-names.js';

/** Only a backup server looks into its backups, and this lab has none. */
function restoreFile(call: Call): never {
  const given = call.need('volume');
  const storage = call.need('storage');
  const parts = splitVolumeId(given);
  if (parts && parts.storage !== storage)
    throw parameterError({ volume: `storage ID mismatch (${parts.storage} != ${storage}).` });
  const id = parts ? given : `${storage}:${given.startsWith('backup/') ? given : `backup/${given}`}`;
  storageConfig(call.lab, storage);
  checkVolumeAccess(call, undefined, id, 'backup');
  throw parameterError({ storage: 'Only PBS storages supported for file-restore.' });
}

function importMetadata(call: Call): never {
  const storage = storageConfig(call.lab, call.need('storage'));
  const volume = call.need('volume');
  checkVolumeAccess(call, undefined, `${storage.storage}:${volume}`);
  if (!abilitiesOf(storage).files) throw fail('storage does not support the importer API');
  const { kind, format } = parseVolumeName(storage, volume);
  if (kind !== 'import') throw fail(`invalid content type '${kind}'`);
  if (format !== 'ova' && format !== 'ovf') throw fail('invalid format');
  throw new ApiError(501, 'reading appliances (OVF) is not implemented by this lab (Bastide lab)');
}

function pull(call: Call): string {
  const { lab, node } = call;
  const storage = loadStorage(lab, call.need('storage'), node);
  const { type, storage: id } = storage;
  if (!abilitiesOf(storage).files) throw fail(`can't upload to storage type '${type}', not a file based storage!`);
  if (!contentOf(storage).includes('vztmpl')) throw fail(`storage '${id}' is not configured for content-type 'vztmpl'`);
  const reference = call.need('reference');
  const filename = `${normalizeName(call.text('filename') ?? reference)}.tar`;
  if (lab.state.volume(node, volumeId({ storage: id, name: `vztmpl/${filename}` })))
    throw fail(`refusing to override existing file '${filename}'`);
  return call.task('ociregistrypull', filename, async (task) => {
    task.log('this lab (Bastide lab) pulls no images');
    throw new Error(`command 'skopeo copy docker://${reference} oci-archive:${filename}' failed: exit code 1`);
  });
}

const base = '/nodes/{node}/storage/{storage}';
export const foreignHandlers: Handlers = {
  [`GET ${base}/file-restore/list`]: restoreFile,
  [`GET ${base}/file-restore/download`]: restoreFile,
  [`GET ${base}/import-metadata`]: importMetadata,
  [`POST ${base}/oci-registry-pull`]: pull,
};
