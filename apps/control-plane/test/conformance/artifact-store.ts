import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ArtifactStore } from '../../src/application/artifacts/artifact-store.port.js';

export interface ArtifactStoreHarness {
  readonly store: ArtifactStore;
  /** Puts bytes on the network; returns their URL. */
  readonly publish: (name: string, bytes: Buffer) => string;
  /** How often that URL was downloaded. */
  readonly downloads: (url: string) => number;
}

export const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** What every ArtifactStore must do; `harness` gives an empty one for each test. */
export function artifactStoreConformance(name: string, harness: () => ArtifactStoreHarness): void {
  describe(`${name} as an ArtifactStore`, () => {
    const options = { signal: new AbortController().signal };

    it('fetches a file once, and has it from then on', async () => {
      const { store, publish, downloads } = harness();
      const bytes = randomBytes(300_000);
      const source = { url: publish('server-1.0.tar.gz', bytes), sha256: sha256(bytes) };
      expect(await store.has(source.sha256)).toBe(false);
      const percents: number[] = [];
      expect(await store.fetch(source, { ...options, progress: (percent) => percents.push(percent) })).toEqual({
        sizeBytes: 300_000,
      });
      expect(percents.at(-1)).toBe(100);
      expect(await store.has(source.sha256)).toBe(true);
      expect((await readFile(await store.path(source.sha256))).equals(bytes)).toBe(true);
      expect(await store.fetch(source, options)).toEqual({ sizeBytes: 300_000 });
      expect(downloads(source.url)).toBe(1);
      expect(await store.list()).toEqual([{ sha256: source.sha256, sizeBytes: 300_000, name: 'server-1.0.tar.gz' }]);
    });

    it('refuses a file with another digest and keeps nothing of it', async () => {
      const { store, publish } = harness();
      const bytes = Buffer.from('not what was promised');
      const source = { url: publish('file', bytes), sha256: sha256(Buffer.from('promised')) };
      await expect(store.fetch(source, options)).rejects.toMatchObject({
        name: 'Refusal',
        problem: { code: 'artifact.digest_mismatch', details: { expected: source.sha256, got: sha256(bytes) } },
      });
      expect(await store.has(source.sha256)).toBe(false);
      expect(await store.list()).toEqual([]);
    });

    it('says that a file cannot be fetched', async () => {
      const { store, publish } = harness();
      const url = `${publish('there', Buffer.from('x'))}-not`;
      await expect(store.fetch({ url, sha256: sha256(Buffer.from('x')) }, options)).rejects.toMatchObject({
        failure: { code: 'artifact.unreachable' },
      });
    });

    it('callers that want the same file at once share one download', async () => {
      const { store, publish, downloads } = harness();
      const bytes = randomBytes(500_000);
      const source = { url: publish('shared', bytes), sha256: sha256(bytes) };
      await Promise.all(Array.from({ length: 10 }, () => store.fetch(source, options)));
      expect(downloads(source.url)).toBe(1);
    });

    it('keeps a file that is sent to it, and refuses one that is not the expected one', async () => {
      const { store } = harness();
      const bytes = randomBytes(1_000);
      const sent = () => Readable.from([bytes.subarray(0, 400), bytes.subarray(400)]);
      await expect(store.importFile(sent(), 'upload', sha256(Buffer.from('other')))).rejects.toMatchObject({
        problem: { code: 'artifact.digest_mismatch' },
      });
      expect(await store.list()).toEqual([]);
      const imported = { sha256: sha256(bytes), sizeBytes: 1_000 };
      expect(await store.importFile(sent(), 'upload')).toEqual(imported);
      expect(await store.importFile(sent(), 'upload', imported.sha256)).toEqual(imported);
      expect(await store.list()).toEqual([{ ...imported, name: 'upload' }]);
    });

    it('refuses the path of a file that it does not have', async () => {
      await expect(harness().store.path(sha256(Buffer.from('nowhere')))).rejects.toMatchObject({
        problem: { code: 'artifact.missing' },
      });
    });

    it('an aborted caller gets its reason; the others get the file', async () => {
      const { store, publish } = harness();
      const bytes = randomBytes(500_000);
      const source = { url: publish('shared', bytes), sha256: sha256(bytes) };
      const abort = new AbortController();
      const leaving = store.fetch(source, { signal: abort.signal });
      const staying = store.fetch(source, options);
      abort.abort(new Error('cancelled'));
      await expect(leaving).rejects.toThrow('cancelled');
      expect(await staying).toEqual({ sizeBytes: 500_000 });
    });
  });
}
