/** What can be asked about backups before and after: the defaults, and the configuration in an archive. */
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { parsePropertyString, printPropertyString } from '../schema/property-string.js';
import { formatKeys } from '../schema/schema.js';
import { contentOf, storageConfig } from '../storage/storages.js';
import { splitVolumeId } from '../storage/volume-names.js';
import { checkVolumeAccess } from './volume-access.js';

/** What a node without a configuration of its own takes where nothing is said. */
const DEFAULTS = {
  all: 0,
  bwlimit: 0,
  compress: '0',
  fleecing: { enabled: 0 },
  ionice: 7,
  lockwait: 180,
  mailnotification: 'always',
  mode: 'snapshot',
  'notification-mode': 'auto',
  performance: { 'max-workers': 16, 'pbs-entries-max': 1_048_576 },
  pigz: 0,
  'prune-backups': 'keep-all=1',
  quiet: 0,
  remove: 1,
  stdexcludes: 1,
  stop: 0,
  stopwait: 10,
  zstd: 1,
} as const;

function defaults(call: Call): unknown {
  const storage = call.text('storage') ?? 'local';
  call.demand(`/storage/${storage}`, ['Datastore.Audit', 'Datastore.AllocateSpace'], true);
  const record = storageConfig(call.lab, storage);
  if (!contentOf(record).includes('backup'))
    throw fail(`can't use storage '${storage}' for backups - wrong content type`);
  const keys = formatKeys('prune-backups') ?? {};
  const policy = record.options['prune-backups'];
  const { ionice, ...rest } = DEFAULTS;
  return {
    ...rest,
    storage,
    ...(policy === undefined
      ? {}
      : { 'prune-backups': printPropertyString(keys, parsePropertyString(keys, String(policy))) }),
    // Only who may look at the node is told what lies on it.
    ...(call.can(`/nodes/${call.node}`, ['Sys.Audit'])
      ? { ionice, dumpdir: `${record.options.path ?? `/mnt/pve/${storage}`}/dump` }
      : {}),
  };
}

/** The configuration as the file in the archive. */
function extractConfig(call: Call): string {
  const id = call.need('volume');
  checkVolumeAccess(call, undefined, id, 'backup');
  const volume = call.lab.state.volume(call.node, id);
  if (!volume?.backup) throw fail(`can't find file '${id}'`);
  const parts = splitVolumeId(id);
  if (parts) call.demand(`/vms/${volume.vmid ?? 0}`, ['VM.Backup']);
  const { description, ...options } = volume.backup.config;
  const notes = description === undefined ? '' : String(description).replace(/\n$/, '');
  return [
    ...(description === undefined ? [] : notes.split('\n').map((line) => `#${encodeURI(line)}`)),
    ...Object.keys(options)
      .sort()
      .map((key) => `${key}: ${options[key]}`),
    ...(volume.backup.type === 'qemu'
      ? volume.backup.volumes
          .filter((disk) => !/cloudinit/.test(String(options[disk.key])))
          .map(
            (disk) =>
              `#qmdump#map:${disk.key}:drive-${disk.key}:${String(options[disk.key]).split(':')[0]}:${disk.format}:`,
          )
      : []),
    '',
  ].join('\n');
}

export const vzdumpInfoHandlers: Handlers = {
  'GET /nodes/{node}/vzdump/defaults': defaults,
  'GET /nodes/{node}/vzdump/extractconfig': extractConfig,
};
