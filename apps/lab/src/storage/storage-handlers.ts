/** /storage: definitions, and /nodes/{node}/storage: status and lists. */
import { createHash } from 'node:crypto';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import type { ConfigValue, StorageRecord } from '../state/model.js';
import { STORAGE_TYPES, type StorageType } from './storage-types.js';
import { contentOf, isOnNode, loadStorage, spaceOf, storageConfig } from './storages.js';

const SECRET = new Set(['password', 'encryption-key', 'master-pubkey', 'keyring']);
const NOT_OPTIONS = new Set(['storage', 'type', 'delete', 'digest']);
const NEW_STORAGE_BYTES = 2 ** 40;

const audit = (call: Call, id: string) =>
  call.can(`/storage/${id}`, ['Datastore.Audit', 'Datastore.AllocateSpace'], true);

/** Over all definitions, as over the file they would be in. */
function digestOf(call: Call): string {
  const hash = createHash('sha1');
  for (const id of [...call.lab.state.storages.keys()].sort()) {
    const { sizeBytes: _size, ...record } = storageConfig(call.lab, id);
    hash.update(JSON.stringify(record));
  }
  return hash.digest('hex');
}

const describe = (call: Call, storage: StorageRecord): Record<string, unknown> => ({
  storage: storage.storage,
  type: storage.type,
  content: storage.content,
  digest: digestOf(call),
  ...storage.options,
});

function optionsOf(call: Call): Record<string, ConfigValue> {
  const options: Record<string, ConfigValue> = {};
  for (const [key, value] of Object.entries(call.parameters))
    if (!NOT_OPTIONS.has(key) && !Array.isArray(value)) options[key] = value;
  return options;
}

function checkNames(type: StorageType, options: Readonly<Record<string, ConfigValue>>): void {
  for (const key of Object.keys(options))
    if (!type.required.includes(key) && !type.optional.includes(key) && !type.fixed.includes(key))
      throw fail(`unexpected property '${key}'`);
}

/** The contents the type has; others are dropped, as Proxmox does with a warning. */
function contents(type: StorageType, text: string): string {
  const kept = splitList(text).filter((one) => type.contents.includes(one));
  if (kept.includes('none') && kept.length > 1) throw fail("unable to combine 'none' with other content types");
  if (kept.length === 0 && !type.contents.includes('none')) throw fail("storage does not support content type 'none'");
  return [...new Set(kept)].join(',');
}

function create(call: Call): unknown {
  const id = call.need('storage');
  const name = call.need('type');
  const type = STORAGE_TYPES[name];
  if (!type) throw fail(`create storage failed: this lab has no storage of type '${name}'`);
  const options = optionsOf(call);
  if (options.nodes === '') delete options.nodes;
  if ((name === 'nfs' || name === 'cifs') && options.path === undefined) options.path = `/mnt/pve/${id}`;
  for (const key of Object.keys(options)) if (SECRET.has(key)) delete options[key];
  checkNames(type, options);
  for (const key of type.required)
    if (options[key] === undefined) throw fail(`missing value for required option '${key}'`);
  if (options.path !== undefined) {
    if (!/^\/[-/a-zA-Z0-9_.@]+$/.test(String(options.path)))
      throw fail(`illegal path for directory storage: ${options.path}`);
    options.path = String(options.path).replace(/\/+/g, '/').replace(/\/$/, '');
  }
  if (call.lab.state.storages.has(id)) throw fail(`create storage failed: storage ID '${id}' already defined`);
  const { content, ...rest } = options;
  const record: StorageRecord = {
    storage: id,
    type: name,
    content: content === undefined ? type.defaultContent : contents(type, String(content)),
    options: {
      ...rest,
      ...(name === 'zfspool' ? { mountpoint: rest.mountpoint ?? `/${rest.pool}` } : {}),
      ...(type.shared ? { shared: 1 } : {}),
    },
    sizeBytes: NEW_STORAGE_BYTES,
  };
  call.lab.state.saveStorage(record);
  return { storage: id, type: name };
}

function update(call: Call): unknown {
  const digest = call.text('digest');
  const refuse = (text: string) => fail(`update storage failed: ${text}`);
  if (digest && digest !== digestOf(call))
    throw refuse('detected modified configuration - file changed by other user? Try again.');
  const id = call.need('storage');
  const record = call.lab.state.storages.get(id);
  if (!record) throw refuse(`storage '${id}' does not exist`);
  const type = STORAGE_TYPES[record.type];
  const given = optionsOf(call);
  for (const key of Object.keys(given)) if (SECRET.has(key)) delete given[key];
  const remove = splitList(call.text('delete') ?? '');
  if (type) {
    for (const key of Object.keys(given)) {
      if (type.fixed.includes(key)) throw refuse(`can't change value of fixed parameter '${key}'`);
      if (!type.optional.includes(key)) throw refuse(`unexpected property '${key}'`);
    }
    for (const key of remove) {
      if (!type.optional.includes(key) && !type.fixed.includes(key)) throw refuse(`no such option '${key}'`);
      if (type.required.includes(key)) throw refuse(`unable to delete required option '${key}'`);
      if (type.fixed.includes(key)) throw refuse(`unable to delete fixed option '${key}'`);
      if (given[key] !== undefined) throw refuse(`cannot set and delete property '${key}' at the same time!`);
    }
  }
  const { content, ...rest } = given;
  const options = { ...record.options, ...rest };
  for (const key of remove) delete options[key];
  const kept = content === undefined ? record.content : type ? contents(type, String(content)) : String(content);
  call.lab.state.saveStorage({
    ...record,
    content: remove.includes('content') ? (type?.defaultContent ?? kept) : kept,
    options,
  });
  return { storage: record.storage, type: record.type };
}

function remove(call: Call): void {
  const refuse = (text: string) => fail(`delete storage failed: ${text}`);
  const id = call.need('storage');
  const { lab } = call;
  if (!lab.state.storages.has(id)) throw refuse(`storage '${id}' does not exist`);
  const isBase = [...lab.state.storages.values()].some((other) =>
    String(other.options.base ?? '').startsWith(`${id}:`),
  );
  if (isBase) throw refuse("can't remove storage - storage is used as base of another storage");
  lab.state.deleteStorage(id);
  lab.directory.forgetStorage(id);
}

/** Formats a storage of the type takes, in the words of the API. */
function formats(storage: StorageRecord): Record<string, unknown> {
  const supported = [...(STORAGE_TYPES[storage.type]?.formats ?? ['raw'])].sort();
  const preferred = String(storage.options.format ?? 'raw');
  return {
    formats: { supported, default: preferred },
    format: [Object.fromEntries(supported.map((name) => [name, 1])), preferred],
  };
}

/** One row of a node's storages; a disabled one, or one of another node, has no figures. */
function statusRow(call: Call, storage: StorageRecord): Record<string, unknown> {
  const enabled = storage.options.disable !== 1 && isOnNode(storage, call.node);
  const { total, used, avail } = enabled ? spaceOf(call.lab, storage, call.node) : { total: 0, used: 0, avail: 0 };
  return {
    storage: storage.storage,
    type: storage.type,
    content: storage.content,
    enabled: enabled ? 1 : 0,
    active: enabled ? 1 : 0,
    shared: storage.options.shared === 1 ? 1 : 0,
    total,
    used,
    avail,
    ...(call.flag('format') ? formats(storage) : {}),
  };
}

/** Those a query by content leaves: only enabled ones then. */
function visible(call: Call): StorageRecord[] {
  const wanted = splitList(call.text('content') ?? '');
  return [...call.lab.state.storages.values()].filter((storage) => {
    if (call.text('content') === undefined) return true;
    if (storage.options.disable === 1 || !isOnNode(storage, call.node)) return false;
    return wanted.some((content) => contentOf(storage).includes(content));
  });
}

function listOnNode(call: Call): unknown {
  const found = visible(call);
  const one = call.text('storage');
  if (one !== undefined && !found.some((storage) => storage.storage === one))
    throw parameterError({ storage: 'No such storage.' });
  const target = call.text('target');
  const elsewhere = target !== undefined && target !== call.node && target !== 'localhost' ? target : undefined;
  return found
    .filter((storage) => audit(call, storage.storage) && (one === undefined || storage.storage === one))
    .filter((storage) => !call.flag('enabled') || storage.options.disable !== 1)
    .filter(
      (storage) =>
        elsewhere === undefined ||
        (storage.options.shared === 1 && isOnNode(storage, call.node) && isOnNode(storage, elsewhere)),
    )
    .map((storage) => {
      const row = statusRow(call, storage);
      const total = row.total as number;
      return total > 0 ? { ...row, used_fraction: (row.used as number) / total } : row;
    });
}

function status(call: Call): unknown {
  const storage = call.lab.state.storages.get(call.need('storage'));
  if (!storage) throw parameterError({ storage: 'No such storage.' });
  const { storage: _id, ...row } = statusRow(call, storage);
  return row;
}

function identity(call: Call): unknown {
  const storage = loadStorage(call.lab, call.need('storage'), call.node);
  const place = storage.options.path ?? storage.options.pool ?? storage.options.vgname ?? storage.storage;
  return {
    type: storage.type,
    id: createHash('sha256')
      .update(`${call.lab.name}/${call.node}/${storage.type}/${place}`)
      .digest('hex')
      .slice(0, 32),
  };
}

const PATHS =
  'content download-url file-restore import-metadata identity oci-registry-pull prunebackups rrd rrddata status upload';

export const storageHandlers: Handlers = {
  'GET /storage': (call) =>
    [...call.lab.state.storages.values()]
      .filter((storage) => audit(call, storage.storage))
      .filter((storage) => call.text('type') === undefined || storage.type === call.text('type'))
      .map((storage) => describe(call, storage)),
  'POST /storage': create,
  'GET /storage/{storage}': (call) => describe(call, storageConfig(call.lab, call.need('storage'))),
  'PUT /storage/{storage}': update,
  'DELETE /storage/{storage}': remove,
  'GET /nodes/{node}/storage': listOnNode,
  'GET /nodes/{node}/storage/{storage}': () => PATHS.split(' ').map((subdir) => ({ subdir })),
  'GET /nodes/{node}/storage/{storage}/status': status,
  'GET /nodes/{node}/storage/{storage}/identity': identity,
};
