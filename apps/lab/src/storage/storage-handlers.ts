/** /storage: definitions, and /nodes/{node}/storage: status and lists. */
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import type { ConfigValue, StorageRecord } from '../state/model.js';
import { contentOf, isOnNode, spaceOf, storageOfPath } from './storages.js';

const REQUIRED: Readonly<Record<string, string>> = {
  dir: 'path',
  btrfs: 'path',
  zfspool: 'pool',
  lvmthin: 'thinpool',
  lvm: 'vgname',
  nfs: 'server',
  cifs: 'server',
  rbd: 'pool',
  pbs: 'server',
};
const DEFAULT_CONTENT: Readonly<Record<string, string>> = {
  dir: 'images,rootdir,vztmpl,iso,backup,snippets',
  btrfs: 'images,rootdir',
  zfspool: 'images,rootdir',
  lvmthin: 'images,rootdir',
  lvm: 'images,rootdir',
  nfs: 'images',
  cifs: 'images',
};
const SECRET = new Set(['password', 'encryption-key', 'master-pubkey', 'keyring']);

const audit = (call: Call, id: string) =>
  call.can(`/storage/${id}`, ['Datastore.Audit', 'Datastore.AllocateSpace'], true);

function describe(storage: StorageRecord): Record<string, unknown> {
  return {
    storage: storage.storage,
    type: storage.type,
    content: storage.content,
    digest: '0'.repeat(40),
    ...storage.options,
  };
}

function existing(call: Call): StorageRecord {
  const storage = call.lab.state.storages.get(call.need('storage'));
  if (!storage) throw fail(`storage '${call.need('storage')}' does not exist`);
  return storage;
}

function optionsOf(call: Call): Record<string, ConfigValue> {
  const options: Record<string, ConfigValue> = {};
  for (const [key, value] of Object.entries(call.parameters))
    if (!['storage', 'type', 'content', 'delete', 'digest'].includes(key) && !Array.isArray(value) && !SECRET.has(key))
      options[key] = value;
  return options;
}

function create(call: Call): unknown {
  const id = call.need('storage');
  const type = call.need('type');
  if (call.lab.state.storages.has(id)) throw fail(`create storage failed: storage ID '${id}' already defined`);
  const required = REQUIRED[type];
  if (required === undefined) throw fail(`create storage failed: this lab has no storage of type '${type}'`);
  if (call.text(required) === undefined)
    throw fail(`create storage failed: missing value for required option '${required}'`);
  const record: StorageRecord = {
    storage: id,
    type,
    content: call.text('content') ?? DEFAULT_CONTENT[type] ?? 'images',
    options: { ...optionsOf(call), ...(type === 'nfs' || type === 'cifs' ? { shared: 1 } : {}) },
    sizeBytes: 2 ** 40,
  };
  call.lab.state.saveStorage(record);
  return { storage: id, type };
}

function update(call: Call): unknown {
  const record = existing(call);
  const options = { ...record.options, ...optionsOf(call) };
  for (const key of splitList(call.text('delete') ?? '')) delete options[key];
  call.lab.state.saveStorage({ ...record, content: call.text('content') ?? record.content, options });
  return { storage: record.storage, type: record.type };
}

/** One row of a node's storages; figures are left out for who may not see them. */
function statusRow(call: Call, storage: StorageRecord): Record<string, unknown> {
  const { total, used, avail } = spaceOf(call.lab, storage, call.node);
  const enabled = storage.options.disable === 1 ? 0 : 1;
  return {
    storage: storage.storage,
    type: storage.type,
    content: storage.content,
    enabled,
    active: enabled,
    shared: storage.options.shared === 1 ? 1 : 0,
    total,
    used,
    avail,
    used_fraction: used / total,
  };
}

function listOnNode(call: Call): unknown {
  const wanted = splitList(call.text('content') ?? '');
  const one = call.text('storage');
  return [...call.lab.state.storages.values()]
    .filter((storage) => isOnNode(storage, call.node) && audit(call, storage.storage))
    .filter((storage) => one === undefined || storage.storage === one)
    .filter((storage) => wanted.length === 0 || wanted.some((content) => contentOf(storage).includes(content)))
    .filter((storage) => !call.flag('enabled') || storage.options.disable !== 1)
    .map((storage) => statusRow(call, storage));
}

export const storageHandlers: Handlers = {
  'GET /storage': (call) =>
    [...call.lab.state.storages.values()]
      .filter((storage) => audit(call, storage.storage))
      .filter((storage) => call.text('type') === undefined || storage.type === call.text('type'))
      .map(describe),
  'POST /storage': create,
  'GET /storage/{storage}': (call) => describe(existing(call)),
  'PUT /storage/{storage}': update,
  'DELETE /storage/{storage}': (call) => {
    const record = existing(call);
    const used = call.lab.nodes.some((node) =>
      call.lab.state.volumesOfStorage(record.storage, node).some((volume) => volume.parent !== undefined),
    );
    if (used) throw fail(`delete storage failed: can't remove storage - storage is used as base of another storage`);
    call.lab.state.deleteStorage(record.storage);
  },
  'GET /nodes/{node}/storage': listOnNode,
  'GET /nodes/{node}/storage/{storage}': () =>
    ['content', 'status', 'upload', 'download-url', 'prunebackups', 'rrd', 'rrddata'].map((subdir) => ({ subdir })),
  'GET /nodes/{node}/storage/{storage}/status': (call) => {
    const { storage: _id, ...row } = statusRow(call, storageOfPath(call.lab, call.need('storage')));
    return row;
  },
};
