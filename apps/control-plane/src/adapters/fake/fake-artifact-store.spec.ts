import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactStoreConformance } from '../../../test/conformance/artifact-store.js';
import { FakeArtifactStore } from './fake-artifact-store.js';

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'bastide-fake-artifacts-'));
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

artifactStoreConformance('FakeArtifactStore', () => {
  const store = new FakeArtifactStore(join(scratch, 'store'));
  return {
    store,
    publish: (name, bytes) => {
      const url = `https://example.test/${name}`;
      store.internet.set(url, bytes);
      return url;
    },
    downloads: (url) => store.downloads.filter((one) => one === url).length,
  };
});
