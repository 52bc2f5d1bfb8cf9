import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Request } from 'express';
import { DirectoryArtifactStore } from '../adapters/artifacts/directory-artifact-store.js';
import { ArtifactsController } from './controllers/artifacts.controller.js';

describe('a file that is sent to the store', () => {
  const MOST = 1_000_000;
  let state: string;
  let store: DirectoryArtifactStore;
  let server: Server;
  let ended: (outcome: unknown) => void;
  beforeEach(async () => {
    state = await mkdtemp(join(tmpdir(), 'bastide-store-'));
    store = new DirectoryArtifactStore({ directory: state, maxBytes: MOST });
    const controller = new ArtifactsController(store);
    server = createServer((asked, response) => {
      controller.put(asked as Request, {}).then(
        (kept) => response.end(JSON.stringify(kept)),
        (error: { failure?: { code: string } }) => {
          ended(error);
          response.writeHead(503).end(error.failure?.code);
        },
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await store.close();
    await rm(state, { recursive: true, force: true });
  });
  const send = () =>
    request({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', method: 'POST' }).on('error', () => {});
  const uploads = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('bastide-upload-'));

  it('is refused as soon as it is larger than the store takes, and whoever sends it is told', async () => {
    const before = await uploads();
    ended = () => {};
    const sending = send();
    const told = new Promise<string>((resolve) => {
      sending.on('response', (response) => void response.on('data', (data) => resolve(String(data))));
    });
    // Never finished: a judgement that waits for the end would never come.
    for (let sent = 0; sent <= MOST; sent += 100_000) sending.write(Buffer.alloc(100_000));
    expect(await told).toBe('artifact.too_large');
    sending.destroy();
    expect(await uploads()).toEqual(before);
    expect(await readdir(join(state, 'parts'))).toEqual([]);
  }, 10_000);

  it('leaves nothing when its sender goes away in the middle', async () => {
    const outcome = new Promise((resolve) => {
      ended = resolve;
    });
    const sending = send();
    sending.write(Buffer.alloc(100_000));
    await new Promise((resolve) => setTimeout(resolve, 100));
    sending.destroy();
    expect(await outcome).toMatchObject({ code: 'ECONNRESET' });
    expect(await readdir(join(state, 'parts'))).toEqual([]);
    expect(await store.list()).toEqual([]);
  });
});
