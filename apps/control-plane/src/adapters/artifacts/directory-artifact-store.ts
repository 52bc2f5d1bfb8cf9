import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ArtifactStore } from '../../application/artifacts/artifact-store.port.js';
import { Refusal, WorldFailure } from '../../domain/problem.js';
import { Downloader, type PATIENCE, shown, unreachable } from './download.js';
import { partName, removeOrphans } from './parts.js';
import { SharedWork } from './shared-work.js';

export interface DirectoryArtifactStoreOptions {
  readonly directory: string;
  /** Base URLs that serve `<base>/<sha256>`, asked before the artifact's own URL. */
  readonly mirrors?: readonly string[];
  /** A larger file is refused while it arrives. Default 32 GiB. */
  readonly maxBytes?: number;
  readonly patience?: { readonly [K in keyof typeof PATIENCE]: number };
}

type Digest = { sha256: string; sizeBytes: number };

/**
 * Artifacts in a directory. Besides the port's failures it throws WorldFailure `artifact.too_large` (never),
 * `artifact.disk_full` (later), and Refusal `artifact.missing` for a path that is not there.
 */
export class DirectoryArtifactStore implements ArtifactStore {
  readonly #downloader: Downloader;
  readonly #fetches = new SharedWork<{ sizeBytes: number }>();
  #opened: Promise<void> | undefined;

  constructor(private readonly options: DirectoryArtifactStoreOptions) {
    this.#downloader = new Downloader(options.patience);
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.#size(sha256)) !== undefined;
  }

  async path(sha256: string): Promise<string> {
    if (await this.has(sha256)) return this.#place(sha256);
    throw new Refusal({
      code: 'artifact.missing',
      subject: `artifact ${sha256}`,
      message: 'The store does not have this file.',
      remedy: 'Fetch it, or import it: bastide artifact import FILE.',
    });
  }

  async fetch(
    source: { url: string; sha256: string },
    options: { signal: AbortSignal; progress?: (percent: number) => void },
  ): Promise<{ sizeBytes: number }> {
    options.signal.throwIfAborted();
    const there = await this.#size(source.sha256);
    if (there !== undefined) return { sizeBytes: there };
    return this.#fetches.join(source.sha256, options, (signal, progress) => this.#fetch(source, signal, progress));
  }

  importFile(from: AsyncIterable<Buffer>, name: string, expected?: string): Promise<Digest> {
    return this.#keep(from, name, (got) => {
      if (expected !== undefined && got.sha256 !== expected) throw mismatch(name, expected, got.sha256);
    });
  }

  async list(): Promise<readonly { sha256: string; sizeBytes: number; name?: string }[]> {
    await this.#open();
    const found: { sha256: string; sizeBytes: number; name?: string }[] = [];
    for (const entry of await readdir(join(this.options.directory, 'sha256'), { recursive: true })) {
      const sha256 = basename(entry);
      const sizeBytes = /^[0-9a-f]{64}$/.test(sha256) ? await this.#size(sha256) : undefined;
      if (sizeBytes === undefined) continue;
      const name = await readFile(join(this.options.directory, 'names', sha256), 'utf8').catch(() => '');
      found.push({ sha256, sizeBytes, ...(name ? { name } : {}) });
    }
    return found.sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
  }

  /** Ends idle connections; for the end of the process. */
  close(): Promise<void> {
    return this.#downloader.close();
  }

  async #fetch(
    source: { url: string; sha256: string },
    signal: AbortSignal,
    progress: (percent: number) => void,
  ): Promise<{ sizeBytes: number }> {
    const mirrors = (this.options.mirrors ?? []).map((base) => `${base.replace(/\/+$/, '')}/${source.sha256}`);
    const name = nameOf(source.url);
    let last: unknown;
    for (const url of [...mirrors, source.url]) {
      try {
        const { body, sizeBytes } = await this.#downloader.open(url, signal);
        const stored = await this.#keep(
          counted(body, url, sizeBytes, progress),
          name,
          (got) => {
            if (got.sha256 !== source.sha256) throw mismatch(shown(url), source.sha256, got.sha256);
          },
          url,
        );
        return { sizeBytes: stored.sizeBytes };
      } catch (error) {
        signal.throwIfAborted();
        // A mirror without the file, or with a bad copy of it, is no reason to give up before the origin was asked.
        last = error;
      }
    }
    throw last;
  }

  /** Writes to a part, judges it by its digest, and only then gives it its place. Nothing stays when anything fails. */
  async #keep(from: AsyncIterable<Buffer>, name: string, judge: (got: Digest) => void, url?: string): Promise<Digest> {
    await this.#open();
    const part = join(this.options.directory, 'parts', await partName());
    try {
      const file = await open(part, 'wx', 0o644);
      let got: Digest;
      try {
        got = await this.#write(from, file, url ?? name);
        judge(got);
        await file.sync();
      } finally {
        await file.close();
      }
      const place = this.#place(got.sha256);
      await mkdir(join(place, '..'), { recursive: true });
      if (name) await writeFile(join(this.options.directory, 'names', got.sha256), name);
      await rename(part, place);
      await syncDirectory(join(place, '..'));
      return got;
    } catch (error) {
      await rm(part, { force: true });
      if (['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? ''))
        throw new WorldFailure(
          {
            code: 'artifact.disk_full',
            retryable: 'later',
            message: `there is no room for ${name || 'the artifact'} in ${this.options.directory}`,
            hint: 'Free space in the artifact store, then retry.',
          },
          { cause: error },
        );
      throw error;
    }
  }

  async #write(from: AsyncIterable<Buffer>, file: FileHandle, what: string): Promise<Digest> {
    const maxBytes = this.options.maxBytes ?? 32 * 1024 ** 3;
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const chunk of from) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) throw tooLarge(what, maxBytes);
      hash.update(chunk);
      for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten;
    }
    return { sha256: hash.digest('hex'), sizeBytes };
  }

  async #size(sha256: string): Promise<number | undefined> {
    try {
      return (await stat(this.#place(sha256))).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #place(sha256: string): string {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new TypeError(`not a SHA-256 digest in hex: ${sha256.slice(0, 80)}`);
    return join(this.options.directory, 'sha256', sha256.slice(0, 2), sha256);
  }

  #open(): Promise<void> {
    this.#opened ??= (async () => {
      for (const folder of ['sha256', 'names', 'parts'])
        await mkdir(join(this.options.directory, folder), { recursive: true });
      await removeOrphans(join(this.options.directory, 'parts'), Date.now());
    })().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }
}

/** The body with its progress; a body that ends early or breaks becomes `artifact.unreachable`. */
async function* counted(
  body: AsyncIterable<Buffer>,
  url: string,
  total: number | undefined,
  progress: (percent: number) => void,
): AsyncGenerator<Buffer> {
  let seen = 0;
  let said = -1;
  try {
    for await (const chunk of body) {
      seen += chunk.length;
      const percent = total ? Math.min(100, Math.floor((seen / total) * 100)) : 0;
      if (percent > said) progress(percent);
      said = Math.max(said, percent);
      yield chunk;
    }
  } catch (error) {
    throw unreachable(url, `the transfer broke after ${seen} bytes`, 'now', error);
  }
}

function nameOf(url: string): string {
  const last = URL.canParse(url) ? (new URL(url).pathname.split('/').at(-1) ?? '') : '';
  return last.slice(0, 200);
}

function mismatch(subject: string, expected: string, got: string): Refusal {
  return new Refusal({
    code: 'artifact.digest_mismatch',
    subject,
    message: `It has the digest ${got}, but ${expected} was expected; it was not kept.`,
    remedy: 'Has the file changed at its origin? Check it there, then correct the digest or import the right file.',
    details: { expected, got },
  });
}

function tooLarge(what: string, maxBytes: number): WorldFailure {
  return new WorldFailure({
    code: 'artifact.too_large',
    retryable: 'never',
    message: `${URL.canParse(what) ? shown(what) : what} is larger than the ${maxBytes} bytes that the store takes`,
  });
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
