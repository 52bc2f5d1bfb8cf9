/** What lies on a storage: list, look at, make, remove, upload, download from a URL, prune. */
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { fail, forbidden, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { parseSize } from '../schema/formats.js';
import { parsePropertyString } from '../schema/property-string.js';
import { formatKeys } from '../schema/schema.js';
import type { Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { prune } from './prune.js';
import { abilitiesOf, checkSpace, contentOf, isOnNode, loadStorage, storageOfPath } from './storages.js';
import { checkNotInUse, createVolume, removeVolume } from './volumes.js';

const EXTENSIONS: Readonly<Record<string, RegExp>> = {
  iso: /\.(iso|img)$/i,
  vztmpl: /\.tar(\.(gz|xz|zst|bz2))?$/,
  import: /\.(ova|ovf|qcow2|raw|vmdk)$/,
};
const FILE_NAME = /^[A-Za-z0-9_.\-+=]+$/;

function row(volume: Volume): Record<string, unknown> {
  return {
    volid: volumeId(volume),
    content: volume.content,
    format: volume.format,
    size: volume.size,
    ctime: volume.ctime,
    ...(volume.content === 'images' || volume.content === 'rootdir' ? { used: volume.used } : {}),
    ...(volume.vmid === undefined ? {} : { vmid: volume.vmid }),
    ...(volume.parent === undefined ? {} : { parent: volume.parent }),
    ...(volume.backup ? { subtype: volume.backup.type } : {}),
    ...(volume.notes === undefined || volume.notes === '' ? {} : { notes: volume.notes }),
    ...(volume.protected ? { protected: 1 } : {}),
  };
}

/** Guest images and backups are shown to who may see the storage and, as owner of the guest, the guest. */
function maySee(call: Call, volume: Volume): boolean {
  if (call.can(`/storage/${volume.storage}`, ['Datastore.Allocate'])) return true;
  if (volume.content === 'backup') return volume.vmid !== undefined && call.can(`/vms/${volume.vmid}`, ['VM.Backup']);
  if (volume.vmid !== undefined)
    return (
      call.can(`/vms/${volume.vmid}`, ['VM.Config.Disk']) || call.can(`/storage/${volume.storage}`, ['Datastore.Audit'])
    );
  return call.can(`/storage/${volume.storage}`, ['Datastore.Audit', 'Datastore.AllocateSpace'], true);
}

function list(call: Call): unknown {
  const id = call.need('storage');
  const storage = call.lab.state.storages.get(id);
  if (!storage) throw fail(`storage '${id}' does not exist`);
  if (!isOnNode(storage, call.node)) throw fail(`storage '${id}' is not available on node '${call.node}'`);
  const content = call.text('content');
  const vmid = call.number('vmid');
  return (
    call.lab.state
      .volumesOfStorage(id, call.node)
      .filter((volume) => content === undefined || volume.content === content)
      // A filter by guest keeps what belongs to none, too.
      .filter((volume) => vmid === undefined || volume.vmid === undefined || volume.vmid === vmid)
      .filter((volume) => maySee(call, volume))
      .map(row)
  );
}

function volumeOfPath(call: Call): Volume {
  const given = call.need('volume');
  const id = given.includes(':') ? given : `${call.need('storage')}:${given}`;
  if (id.split(/[:/]/).includes('..'))
    throw fail(`unable to parse directory volume name '${id.split(':').slice(1).join(':')}'`);
  if (id.split(':')[0] !== call.need('storage'))
    throw parameterError({ volume: `storage ID mismatch (${id.split(':')[0]} != ${call.need('storage')})` });
  const volume = call.lab.state.volume(call.node, id);
  if (!volume) throw fail(`volume '${id}' does not exist`);
  if (!maySee(call, volume)) throw forbidden(`/storage/${volume.storage}, Datastore.Audit`);
  return volume;
}

async function allocate(call: Call): Promise<string> {
  const { lab } = call;
  const storage = loadStorage(lab, call.need('storage'), call.node);
  const size = parseSize(/^\d+$/.test(call.need('size')) ? `${call.need('size')}K` : call.need('size'));
  if (size === undefined || size === 0) throw parameterError({ size: 'unable to parse size' });
  const vmid = call.vmid;
  const suffix = /^(?:vm|subvol)-\d+-([\w-]+)(?:\.(raw|qcow2))?$/.exec(call.need('filename'));
  if (!suffix) throw fail(`illegal name '${call.need('filename')}' - should be 'vm-${vmid}-*'`);
  const format = call.text('format') ?? suffix[2];
  const id = `${storage.storage}:${abilitiesOf(storage).files ? `${vmid}/` : ''}${call.need('filename')}`;
  if (lab.state.volume(call.node, id)) throw fail(`disk image '${id}' already exists`);
  const volume = await createVolume(
    lab,
    {
      node: call.node,
      storage: storage.storage,
      vmid,
      type: format === 'subvol' ? 'lxc' : 'qemu',
      size,
      suffix: suffix[1] ?? 'disk-0',
      ...(format ? { format } : {}),
    },
    { empty: true },
    new AbortController().signal,
  );
  return volumeId(volume);
}

function remove(call: Call): string {
  const { lab } = call;
  const volume = volumeOfPath(call);
  if (volume.content === 'backup' || volume.content === 'images' || volume.content === 'rootdir') {
    if (
      !call.can(`/storage/${volume.storage}`, ['Datastore.Allocate']) &&
      !(volume.content === 'backup' && call.can(`/storage/${volume.storage}`, ['Datastore.AllocateSpace']))
    )
      throw forbidden(`/storage/${volume.storage}, Datastore.Allocate`);
  } else call.demand(`/storage/${volume.storage}`, ['Datastore.Allocate']);
  if (volume.protected)
    throw fail(`volume '${volumeId(volume)}' is protected`.replace(/^volume.*$/, "can't remove protected archive"));
  return call.task('imgdel', `${volume.vmid ?? ''}@${volume.storage}`, async (task) => {
    checkNotInUse(lab, volume);
    await removeVolume(lab, volume);
    if (volume.file) rmSync(join(lab.stateDir, volume.file), { force: true });
    task.log(`Removed volume '${volumeId(volume)}'`);
  });
}

/** Checks name and content for upload and download; the volume that will be. */
function newFile(call: Call, content: string, filename: string): { volume: Volume; path: string } {
  const { lab, node } = call;
  const storage = storageOfPath(lab, call.need('storage'));
  if (!contentOf(storage).includes(content))
    throw fail(`storage '${storage.storage}' is not configured for content-type '${content}'`);
  const name =
    filename
      .split('/')
      .at(-1)
      ?.replace(/[^A-Za-z0-9_.\-+=]/g, '_') ?? '';
  if (!FILE_NAME.test(name) || name.startsWith('.') || !EXTENSIONS[content]?.test(name))
    throw parameterError({
      filename:
        content === 'vztmpl'
          ? "missing '.tar.gz', '.tar.xz', '.tar.zst' or '.tar.bz2' extension"
          : 'wrong file extension',
    });
  const place = storage.options.shared === 1 ? '*' : node;
  const file = join('files', place === '*' ? 'shared' : node, storage.storage, content, name);
  const format =
    content === 'vztmpl' ? `t${/\.(gz|xz|zst|bz2)$/.exec(name)?.[1] ?? 'ar'}` : (/\.(\w+)$/.exec(name)?.[1] ?? 'raw');
  const path = join(lab.stateDir, file);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return {
    volume: {
      storage: storage.storage,
      node: place,
      name: `${content}/${name}`,
      content,
      format,
      size: 0,
      used: 0,
      ctime: Math.floor(lab.now() / 1000),
      file,
    },
    path,
  };
}

function checkChecksum(call: Call): { algorithm: string; value: string } | undefined {
  const value = call.text('checksum');
  const algorithm = call.text('checksum-algorithm');
  if (value === undefined) return undefined;
  if (algorithm === undefined)
    throw parameterError({ 'checksum-algorithm': "missing property required by 'checksum'" });
  return { algorithm, value: value.toLowerCase() };
}

async function upload(call: Call): Promise<string> {
  const { upload: file, lab } = call;
  if (!file) throw parameterError({ filename: 'missing file' });
  const { volume, path } = newFile(call, call.need('content'), call.text('filename') ?? file.filename);
  const checksum = checkChecksum(call);
  checkSpace(lab, storageOfPath(lab, volume.storage), call.node, file.size, volume.name);
  if (checksum) {
    const { readFile } = await import('node:fs/promises');
    const actual = createHash(checksum.algorithm)
      .update(await readFile(file.file))
      .digest('hex');
    if (actual !== checksum.value) throw fail(`checksum mismatch: got '${actual}' != expect '${checksum.value}'`);
  }
  renameSync(file.file, path);
  return call.task('imgcopy', '', async (task) => {
    const size = statSync(path).size;
    lab.state.saveVolume({ ...volume, size, used: size });
    task.log(`target file: ${volumeId(volume)}`);
    task.log('finished file import successfully');
  });
}

function download(call: Call): string {
  const { lab } = call;
  const { volume, path } = newFile(call, call.need('content'), call.need('filename'));
  const checksum = checkChecksum(call);
  const url = call.need('url');
  if (!/^https?:\/\//.test(url)) throw parameterError({ url: 'value does not match the regex pattern' });
  if (lab.state.volume(call.node, volumeId(volume)) && existsSync(path))
    throw fail(`refusing to override existing file '${path.split('/').at(-1)}'`);
  return call.task('download', volume.name.split('/').at(-1) ?? '', async (task) => {
    task.log(`downloading ${url} to ${volume.name}`);
    const temporary = `${path}.tmp`;
    try {
      const response = await fetch(url, { signal: task.signal });
      if (!response.ok || !response.body) throw new Error(`download failed: ${response.status} ${response.statusText}`);
      const hash = createHash(checksum?.algorithm ?? 'sha256');
      let size = 0;
      const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
      body.on('data', (chunk: Buffer) => {
        hash.update(chunk);
        size += chunk.length;
      });
      await pipeline(body, createWriteStream(temporary, { mode: 0o600 }), { signal: task.signal });
      checkSpace(lab, storageOfPath(lab, volume.storage), call.node, size, volume.name);
      const actual = hash.digest('hex');
      if (checksum && actual !== checksum.value)
        throw new Error(`checksum mismatch: got '${actual}' != expect '${checksum.value}'`);
      renameSync(temporary, path);
      lab.state.saveVolume({ ...volume, size, used: size });
      task.log(`download of '${url}' to '${volume.name}' finished`);
    } finally {
      rmSync(temporary, { force: true });
    }
  });
}

function update(call: Call): null {
  const volume = volumeOfPath(call);
  if (volume.content !== 'backup') throw fail(`unable to update attributes of content type '${volume.content}'`);
  const next = { ...volume };
  const notes = call.text('notes');
  if (notes !== undefined) next.notes = notes;
  const isProtected = call.number('protected');
  if (isProtected === 1) next.protected = 1;
  if (isProtected === 0) delete next.protected;
  call.lab.state.saveVolume(next);
  return null;
}

function backupsFor(call: Call): Volume[] {
  const vmid = call.number('vmid');
  const type = call.text('type');
  return call.lab.state
    .volumesOfStorage(storageOfPath(call.lab, call.need('storage')).storage, call.node)
    .filter(
      (volume) =>
        volume.content === 'backup' &&
        (vmid === undefined || volume.vmid === vmid) &&
        (type === undefined || volume.backup?.type === type),
    );
}

function marks(call: Call) {
  const text =
    call.text('prune-backups') ??
    String(storageOfPath(call.lab, call.need('storage')).options['prune-backups'] ?? 'keep-all=1');
  return prune(backupsFor(call), parsePropertyString(formatKeys('prune-backups') ?? {}, text));
}

export const contentHandlers: Handlers = {
  'GET /nodes/{node}/storage/{storage}/content': list,
  'POST /nodes/{node}/storage/{storage}/content': allocate,
  'GET /nodes/{node}/storage/{storage}/content/{volume}': (call) => {
    const volume = volumeOfPath(call);
    return {
      path: volume.file ?? `/lab/${volume.storage}/${volume.name}`,
      size: volume.size,
      used: volume.used,
      format: volume.format,
      ...(volume.notes ? { notes: volume.notes } : {}),
      ...(volume.protected ? { protected: 1 } : {}),
    };
  },
  'PUT /nodes/{node}/storage/{storage}/content/{volume}': update,
  'DELETE /nodes/{node}/storage/{storage}/content/{volume}': remove,
  'POST /nodes/{node}/storage/{storage}/upload': upload,
  'POST /nodes/{node}/storage/{storage}/download-url': download,
  'GET /nodes/{node}/storage/{storage}/prunebackups': (call) =>
    marks(call).map(({ volume, mark }) => ({
      volid: volumeId(volume),
      ctime: volume.ctime,
      mark,
      type: volume.backup?.type ?? 'unknown',
      ...(volume.vmid === undefined ? {} : { vmid: volume.vmid }),
    })),
  'DELETE /nodes/{node}/storage/{storage}/prunebackups': (call) => {
    call.demand(`/storage/${call.need('storage')}`, ['Datastore.AllocateSpace']);
    const plan = marks(call);
    return call.task('prunebackups', call.need('storage'), async () => {
      for (const { volume, mark } of plan) {
        if (mark !== 'remove') continue;
        call.lab.state.deleteVolume(volume);
        if (volume.file) rmSync(join(call.lab.stateDir, volume.file), { force: true });
      }
    });
  },
};
