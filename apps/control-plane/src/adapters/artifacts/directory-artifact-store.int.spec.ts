import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactStoreConformance, sha256 } from '../../../test/conformance/artifact-store.js';
import { DirectoryArtifactStore } from './directory-artifact-store.js';
import { partName } from './parts.js';

let scratch: string;
let directory: string;
let server: Server;
let base: string;
let files: Map<string, Buffer>;
let asked: string[];
let special: Map<string, (request: IncomingMessage, response: ServerResponse) => void>;
const stores: DirectoryArtifactStore[] = [];

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'bastide-artifacts-'));
  directory = join(scratch, 'store');
  files = new Map();
  asked = [];
  special = new Map();
  server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const handler = special.get(path);
    const bytes = files.get(path);
    if (handler) handler(request, response);
    else if (bytes) response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    else response.writeHead(404).end('no');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(scratch, { recursive: true, force: true });
});

const make = (more: object = {}) => {
  const store = new DirectoryArtifactStore({ directory, ...more });
  stores.push(store);
  return store;
};
const options = { signal: new AbortController().signal };
const parts = () => readdir(join(directory, 'parts')).catch(() => []);
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no failure',
    (error: unknown) => (error as { failure?: { code: string; retryable: string } }).failure ?? error,
  );

artifactStoreConformance('DirectoryArtifactStore', () => ({
  store: make(),
  publish: (name, bytes) => {
    files.set(`/${name}`, bytes);
    return `${base}/${name}`;
  },
  downloads: (url) => asked.filter((path) => url.endsWith(path)).length,
}));

describe('DirectoryArtifactStore over HTTP', () => {
  const bytes = Buffer.alloc(400_000, 'bastide');
  const digest = sha256(bytes);

  it('follows a few redirects, but not for ever and not to other protocols', async () => {
    files.set('/real', bytes);
    special.set('/moved', (_request, response) => response.writeHead(302, { location: '/real' }).end());
    special.set('/loop', (_request, response) => response.writeHead(302, { location: '/loop' }).end());
    special.set('/file', (_request, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end());
    const store = make();
    expect(await store.fetch({ url: `${base}/moved`, sha256: digest }, options)).toEqual({ sizeBytes: bytes.length });
    for (const path of ['/loop', '/file'])
      expect(
        await failureOf(store.fetch({ url: base + path, sha256: sha256(Buffer.from(path)) }, options)),
      ).toMatchObject({
        code: 'artifact.unreachable',
        retryable: 'never',
      });
    expect(asked.filter((path) => path === '/loop')).toHaveLength(6);
    expect(
      await failureOf(store.fetch({ url: 'file:///etc/passwd', sha256: sha256(Buffer.from('x')) }, options)),
    ).toMatchObject({
      code: 'artifact.unreachable',
    });
  });

  it.each([
    'http://169.254.169.254/latest/meta-data',
    'http://[fe80::1]/',
    'http://[::ffff:169.254.169.254]/',
    'http://0.0.0.0:PORT/real',
  ])('is not led to %s, where only this machine and its network answer', async (target) => {
    files.set('/real', bytes);
    const location = target.replace('PORT', new URL(base).port);
    special.set('/led', (_request, response) => response.writeHead(302, { location }).end());
    const store = make({ patience: { connectMs: 1_000, headersMs: 1_000, bodyMs: 1_000 } });
    for (const url of [`${base}/led`, location])
      expect(await failureOf(store.fetch({ url, sha256: digest }, options))).toMatchObject({
        code: 'artifact.unreachable',
        retryable: 'never',
        message: expect.stringContaining('leads to an address that is not asked'),
      });
  });

  it('asks this machine only where the address itself names it', async () => {
    files.set('/real', bytes);
    const { port } = new URL(base);
    const hidden = { url: `http://[::ffff:127.0.0.1]:${port}/real`, sha256: digest };
    expect(await failureOf(make().fetch(hidden, options))).toMatchObject({ retryable: 'never' });
    expect(asked).toEqual([]);
    expect(await make().fetch({ url: `http://localhost:${port}/real`, sha256: digest }, options)).toEqual({
      sizeBytes: bytes.length,
    });
  });

  const own = Object.values(networkInterfaces())
    .flatMap((found) => found ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
  (own ? it : it.skip)('a server elsewhere does not lead it here, by address or by name', async () => {
    files.set('/real', bytes);
    const { port } = new URL(base);
    const elsewhere = createServer(({ url }, response) => {
      response.writeHead(302, { location: `http://${url?.slice(1)}:${port}/real` }).end();
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, own, resolve));
    const from = `http://${own}:${(elsewhere.address() as AddressInfo).port}`;
    for (const host of ['127.0.0.1', 'localhost', '[::1]'])
      expect(await failureOf(make().fetch({ url: `${from}/${host}`, sha256: digest }, options))).toMatchObject({
        code: 'artifact.unreachable',
        retryable: 'never',
      });
    expect(asked).toEqual([]);
    await new Promise((resolve) => elsewhere.close(resolve));
  });

  it('a transfer that breaks leaves nothing, and the next try gets the file', async () => {
    let tries = 0;
    special.set('/flaky', (_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      if (++tries > 1) response.end(bytes);
      else response.write(bytes.subarray(0, 100_000), () => response.socket?.resetAndDestroy());
    });
    const store = make();
    const source = { url: `${base}/flaky`, sha256: digest };
    expect(await failureOf(store.fetch(source, options))).toMatchObject({
      code: 'artifact.unreachable',
      retryable: 'now',
    });
    expect(await parts()).toEqual([]);
    expect(await store.has(digest)).toBe(false);
    expect(await store.fetch(source, options)).toEqual({ sizeBytes: bytes.length });
  });

  it('a server that falls silent in the middle is given up', async () => {
    special.set('/silent', (_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 1_000));
    });
    const store = make({ patience: { connectMs: 1_000, headersMs: 1_000, bodyMs: 1_000 } });
    expect(await failureOf(store.fetch({ url: `${base}/silent`, sha256: digest }, options))).toMatchObject({
      code: 'artifact.unreachable',
      retryable: 'now',
    });
    expect(await parts()).toEqual([]);
  });

  it('when the last caller aborts, the download stops and nothing stays', async () => {
    let closed: Promise<unknown> | undefined;
    special.set('/endless', (request, response) => {
      closed = new Promise((done) => request.socket.once('close', done));
      response.writeHead(200).write(bytes);
    });
    const abort = new AbortController();
    const fetching = make().fetch({ url: `${base}/endless`, sha256: digest }, { signal: abort.signal });
    fetching.catch(() => {});
    while (!closed) await new Promise((resolve) => setTimeout(resolve, 10));
    abort.abort(new Error('cancelled'));
    await expect(fetching).rejects.toThrow('cancelled');
    await closed;
    for (let i = 0; i < 100 && (await parts()).length > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await parts()).toEqual([]);
  });

  it('stops a file that is larger than the store takes', async () => {
    files.set('/large', bytes);
    expect(
      await failureOf(make({ maxBytes: 1_000 }).fetch({ url: `${base}/large`, sha256: digest }, options)),
    ).toMatchObject({
      code: 'artifact.too_large',
    });
    expect(await parts()).toEqual([]);
  });

  it('asks the mirror first, and the origin when the mirror has a bad copy or none', async () => {
    files.set('/origin', bytes);
    files.set(`/mirror/${digest}`, Buffer.from('bad copy'));
    const store = make({ mirrors: [`${base}/none/`, `${base}/mirror`] });
    await store.fetch({ url: `${base}/origin`, sha256: digest }, options);
    expect(asked).toEqual([`/none/${digest}`, `/mirror/${digest}`, '/origin']);
  });

  it('does not show what stands in a URL as user, password or query', async () => {
    const url = `${base.replace('//', '//user:hunter2@')}/none?token=hunter2`;
    const error = await make()
      .fetch({ url, sha256: digest }, options)
      .catch((thrown: unknown) => String(thrown));
    expect(error).toContain('/none');
    expect(error).not.toContain('hunter2');
  });

  it('removes what a killed process left, and leaves alone what a living one writes', async () => {
    const child = spawn('sleep', ['60']);
    const ofChild = await partName(child.pid);
    const ofLiving = await partName();
    await mkdir(join(directory, 'parts'), { recursive: true });
    const old = 'elsewhere.1.1.abcdef.part';
    for (const name of [ofChild, ofLiving, old]) await writeFile(join(directory, 'parts', name), 'half');
    await utimes(join(directory, 'parts', old), 1, 1);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    await make().list();
    expect(await parts()).toEqual([ofLiving]);
  });
});
