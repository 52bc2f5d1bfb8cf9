import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { ArtifactStore } from '../../application/artifacts/artifact-store.port.js';
import { Refusal, WorldFailure } from '../../domain/problem.js';

/** An artifact store whose Internet is a map; files that it keeps lie in `directory`, because the port speaks of paths. */
export class FakeArtifactStore implements ArtifactStore {
  /** URL → what is there. */
  readonly internet = new Map<string, Buffer>();
  /** URLs in the order in which they were downloaded. */
  readonly downloads: string[] = [];
  readonly #kept = new Map<string, { sizeBytes: number; name: string }>();
  readonly #going = new Map<string, Promise<void>>();

  constructor(private readonly directory: string) {}

  async has(sha256: string): Promise<boolean> {
    return this.#kept.has(sha256);
  }

  async path(sha256: string): Promise<string> {
    if (this.#kept.has(sha256)) return join(this.directory, sha256);
    throw new Refusal({
      code: 'artifact.missing',
      subject: `artifact ${sha256}`,
      message: 'The store does not have this file.',
      remedy: 'Fetch it, or import it.',
    });
  }

  async fetch(
    source: { url: string; sha256: string },
    options: { signal: AbortSignal; progress?: (percent: number) => void },
  ): Promise<{ sizeBytes: number }> {
    options.signal.throwIfAborted();
    if (!this.#kept.has(source.sha256)) {
      const going = this.#going.get(source.sha256) ?? this.#download(source);
      this.#going.set(source.sha256, going);
      try {
        await going;
      } finally {
        this.#going.delete(source.sha256);
      }
      options.signal.throwIfAborted();
      options.progress?.(100);
    }
    return { sizeBytes: this.#kept.get(source.sha256)!.sizeBytes };
  }

  async importFile(from: AsyncIterable<Buffer>, name: string, expected?: string) {
    return this.#keep(await buffer(from), name, name, expected);
  }

  async list(): Promise<readonly { sha256: string; sizeBytes: number; name?: string }[]> {
    return [...this.#kept]
      .map(([sha256, kept]) => ({ sha256, ...kept }))
      .sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
  }

  async #download(source: { url: string; sha256: string }): Promise<void> {
    const bytes = this.internet.get(source.url);
    if (!bytes)
      throw new WorldFailure({ code: 'artifact.unreachable', retryable: 'now', message: `${source.url} is not there` });
    this.downloads.push(source.url);
    await this.#keep(bytes, basename(source.url), source.url, source.sha256);
  }

  async #keep(bytes: Buffer, name: string, subject: string, expected?: string) {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (expected !== undefined && sha256 !== expected)
      throw new Refusal({
        code: 'artifact.digest_mismatch',
        subject,
        message: 'It has another digest than expected.',
        remedy: 'Check the file at its origin.',
        details: { expected, got: sha256 },
      });
    await mkdir(this.directory, { recursive: true });
    await writeFile(join(this.directory, sha256), bytes);
    this.#kept.set(sha256, { sizeBytes: bytes.length, name });
    return { sha256, sizeBytes: bytes.length };
  }
}
