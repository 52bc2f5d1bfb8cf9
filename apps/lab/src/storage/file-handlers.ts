/** Files for a storage: uploaded, or fetched from a URL. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { StorageRecord, Volume } from '../state/model.js';
import { volumeId } from '../state/model.js';
import type { TaskContext } from '../tasks/tasks.js';
import { openUrl, UrlError } from './open-url.js';
import { abilitiesOf, checkSpace, contentOf, loadStorage } from './storages.js';
import { volumePath } from './volume-path.js';

const ENDINGS: Readonly<Record<string, RegExp>> = {
  iso: /[^/]\.(?:iso|img)$/i,
  vztmpl: /[^/]\.(?:tar|tar\.(?:gz|xz|zst|bz2))$/i,
  import: /^[a-zA-Z0-9\-.+=_]+\.(ova|qcow2|raw|vmdk)$/,
};

interface NewFile {
  readonly storage: StorageRecord;
  readonly volume: Volume;
  /** Where the lab keeps its bytes. */
  readonly file: string;
  /** Where it would lie on a node. */
  readonly path: string;
}

/** Without folders, and with `_` for what is no safe character. */
export const normalizeName = (name: string) =>
  name
    .replace(/\n$/, '')
    .replace(/^.*[/\\]/, '')
    .replace(/[^a-zA-Z0-9_.-]/g, '_');

const formatOf = (content: string, name: string) => {
  const ending = /\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? 'raw';
  return content === 'vztmpl' ? (ending === 'tar' ? 'tar' : `t${ending}`) : ending;
};

function newFile(call: Call, storage: StorageRecord, content: string): NewFile {
  const { lab, node } = call;
  const name = normalizeName(call.need('filename'));
  const ending = ENDINGS[content];
  if (!ending?.test(name))
    throw parameterError({
      filename: content === 'import' ? 'invalid filename or wrong extension' : 'wrong file extension',
    });
  const place = storage.options.shared === 1 ? '*' : node;
  const file = join('files', place === '*' ? 'shared' : node, storage.storage, content, name);
  const volume: Volume = {
    storage: storage.storage,
    node: place,
    name: `${content}/${name}`,
    content,
    format: formatOf(content, name),
    size: 0,
    used: 0,
    ctime: Math.floor(lab.now() / 1000),
    file,
  };
  return { storage, volume, file: join(lab.stateDir, file), path: volumePath(storage, volume) };
}

async function hashOf(file: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

const MAGIC: Readonly<Record<string, readonly string[]>> = { qcow2: ['QFI\xfb'], vmdk: ['KDMV', '# Di', 'COWD'] };

/** An image must be what its name says. */
function checkImage(file: string, name: string): void {
  const magic = MAGIC[/\.(\w+)$/.exec(name)?.[1] ?? ''];
  if (!magic) return;
  const handle = openSync(file, 'r');
  try {
    const start = Buffer.alloc(4);
    readSync(handle, start, 0, 4, 0);
    if (!magic.includes(start.toString('latin1'))) throw new Error('failed to query file information with qemu-img');
  } finally {
    closeSync(handle);
  }
}

async function verify(call: Call, file: string, name: string, task: TaskContext): Promise<void> {
  const algorithm = call.text('checksum-algorithm');
  const wanted = call.text('checksum');
  if (algorithm !== undefined && wanted !== undefined) {
    const actual = await hashOf(file, algorithm);
    if (actual !== wanted.toLowerCase()) {
      task.log('calculating checksum...');
      throw new Error(`checksum mismatch: got '${actual}' != expect '${wanted}'`);
    }
    task.log('calculating checksum...OK, checksum verified');
  }
  if (call.need('content') === 'import') checkImage(file, name);
}

function keep(call: Call, target: NewFile, from: string): void {
  mkdirSync(dirname(target.file), { recursive: true, mode: 0o700 });
  renameSync(from, target.file);
  const size = statSync(target.file).size;
  call.lab.state.saveVolume({ ...target.volume, size, used: size });
}

async function upload(call: Call): Promise<string> {
  const { upload: part, lab } = call;
  const storage = loadStorage(lab, call.need('storage'), call.node);
  if (!abilitiesOf(storage).files) throw fail(`can't upload to storage type '${storage.type}'`);
  const content = call.need('content');
  if (!part) throw fail('missing temporary file name');
  const target = newFile(call, storage, content);
  if (!contentOf(storage).includes(content))
    throw fail(`storage '${storage.storage}' does not support '${content}' content`);
  // The server drops what nobody took when the request is answered; the task comes after that.
  const taken = `${part.file}.taken`;
  renameSync(part.file, taken);
  return call.task('imgcopy', '', async (task) => {
    task.log(`starting file import from: /var/tmp/pveupload-${part.sha256.slice(0, 32)}`);
    try {
      await verify(call, taken, target.volume.name, task);
      task.log(`target node: ${call.node}`);
      task.log(`target file: ${target.path}`);
      task.log(`file size is: ${part.size}`);
      checkSpace(lab, storage, call.node, part.size, target.volume.name);
      keep(call, target, taken);
      task.log('finished file import successfully');
    } finally {
      rmSync(taken, { force: true });
    }
  });
}

const DECOMPRESSORS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  gz: ['gzip', '-d', '-c'],
  lzo: ['lzop', '-d', '-c'],
  zst: ['zstd', '-q', '-d', '-c'],
  bz2: ['bzip2', '-q', '-d', '-c'],
};

async function decompress(from: string, to: string, kind: string, signal: AbortSignal): Promise<void> {
  const [program, ...options] = DECOMPRESSORS[kind] ?? [];
  if (program === undefined) throw new Error('no decompression method found');
  const child = spawn(program, options, { stdio: ['pipe', 'pipe', 'ignore'], signal });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`command '${program} ${options.join(' ')}' failed: exit code ${code}`)),
    );
  });
  // What goes wrong while reading shows in the exit code.
  void pipeline(createReadStream(from), child.stdin).catch(() => undefined);
  await Promise.all([pipeline(child.stdout, createWriteStream(to, { mode: 0o600 })), ended]);
}

async function fetchFile(call: Call, target: NewFile, task: TaskContext): Promise<void> {
  const { lab } = call;
  const url = call.need('url');
  const compression = call.text('compression');
  if (compression !== undefined && target.volume.content !== 'iso')
    throw new Error(`decompression not supported for ${target.volume.content}`);
  task.log(`downloading ${url} to ${target.path}`);
  if (existsSync(target.file) && lab.state.volume(call.node, volumeId(target.volume))) {
    const algorithm = call.text('checksum-algorithm');
    const wanted = call.text('checksum');
    if (algorithm === undefined || wanted === undefined)
      throw new Error(`refusing to override existing file '${target.path}'`);
    const actual = await hashOf(target.file, algorithm);
    if (actual !== wanted.toLowerCase())
      throw new Error(`checksum mismatch: got '${actual}' != expect '${wanted}', aborting`);
    task.log('calculating checksum of existing file...OK, got correct file already, no need to download');
    return;
  }
  mkdirSync(dirname(target.file), { recursive: true, mode: 0o700 });
  const temporary = `${target.file}.tmp_dwnl`;
  const unpacked = `${target.file}.tmp_dcom`;
  try {
    const response = await openUrl(url, {
      method: 'GET',
      verify: call.number('verify-certificates') !== 0,
      signal: task.signal,
    });
    await pipeline(response, createWriteStream(temporary, { mode: 0o600 }), { signal: task.signal });
    checkSpace(lab, target.storage, call.node, statSync(temporary).size, target.volume.name);
    await verify(call, temporary, target.volume.name, task);
    if (compression !== undefined) {
      task.log(`decompressing ${target.path} to ${target.path}`);
      await decompress(temporary, unpacked, compression, task.signal);
    }
    keep(call, target, compression === undefined ? temporary : unpacked);
    task.log(`download of '${url}' to '${target.path}' finished`);
  } catch (error) {
    task.signal.throwIfAborted();
    if (error instanceof UrlError) throw new Error(`download failed: exit code ${error.exitCode}`, { cause: error });
    throw error;
  } finally {
    rmSync(temporary, { force: true });
    rmSync(unpacked, { force: true });
  }
}

function download(call: Call): string {
  const storage = loadStorage(call.lab, call.need('storage'), call.node);
  if (!abilitiesOf(storage).files)
    throw fail(`can't upload to storage type '${storage.type}', not a file based storage!`);
  const content = call.need('content');
  if (!contentOf(storage).includes(content))
    throw fail(`storage '${storage.storage}' is not configured for content-type '${content}'`);
  const target = newFile(call, storage, content);
  return call.task('download', normalizeName(call.need('filename')), (task) => fetchFile(call, target, task));
}

/** Milliseconds a server has to say what it would send. */
const METADATA_TIMEOUT_MS = 30_000;

async function metadata(call: Call): Promise<unknown> {
  const url = call.need('url');
  let response: Awaited<ReturnType<typeof openUrl>>;
  try {
    response = await openUrl(url, {
      method: 'HEAD',
      verify: call.number('verify-certificates') !== 0,
      signal: AbortSignal.timeout(METADATA_TIMEOUT_MS),
    });
  } catch (error) {
    throw fail(`invalid server response: '${error instanceof UrlError ? error.message : "500 Can't connect"}'`);
  }
  response.destroy();
  const { headers } = response;
  const disposition = headers['content-disposition'] ?? '';
  const filename =
    (/filename="([^"]*)"/.exec(disposition) ?? /filename=([^;]*)/.exec(disposition))?.[1] ??
    /^[^?]+\/([^?/]*)(?:\?.*)?$/.exec(url)?.[1];
  const size = Number(headers['content-length'] ?? 0);
  const type = headers['content-type']?.split(';')[0];
  return {
    ...(filename ? { filename } : {}),
    ...(size > 0 ? { size } : {}),
    ...(type ? { mimetype: type } : {}),
  };
}

export const fileHandlers: Handlers = {
  'POST /nodes/{node}/storage/{storage}/upload': upload,
  'POST /nodes/{node}/storage/{storage}/download-url': download,
  'GET /nodes/{node}/query-url-metadata': metadata,
};
