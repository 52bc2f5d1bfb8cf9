/**
 * The guests' only way out: a caching forward proxy for Debian's archive, on the host's end of the lab's transfer network.
 * It reaches the archive as the host does (its mirrors, its proxy, its certificate authorities). Package files never
 * change under their name and are kept on disk, shared by all labs; everything else is passed through.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat, utimes } from 'node:fs/promises';
import {
  createServer,
  type IncomingMessage,
  type RequestOptions,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { request as tlsRequest } from 'node:https';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { AptSource } from './apt-sources.js';

export interface AptProxyOptions {
  readonly cacheFolder: string;
  readonly sources: readonly AptSource[];
  /** The host's own apt proxy, when it has one. */
  readonly upstream?: string;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
}

const IDLE_MS = 60_000;
/** Names that carry their version or digest. */
const IMMUTABLE = /(\.u?deb|\/by-hash\/[A-Za-z0-9]+\/[0-9a-f]{32,128})$/;

export class AptProxy {
  private server: Server | undefined;
  private readonly fetching = new Map<string, Promise<boolean>>();
  /** Host name → whether the archive is reached by TLS; other hosts are refused. */
  private readonly hosts: ReadonlyMap<string, boolean>;

  constructor(private readonly options: AptProxyOptions) {
    this.hosts = new Map(options.sources.map((source) => [new URL(source.uri).host, source.uri.startsWith('https:')]));
  }

  async open(host: string, port: number): Promise<number> {
    await mkdir(this.options.cacheFolder, { recursive: true });
    const server = createServer((req, res) => {
      this.serve(req, res).catch((cause: unknown) => {
        this.options.log('apt proxy: request failed', { url: req.url, cause });
        if (res.headersSent) res.destroy();
        else res.writeHead(502, { 'content-type': 'text/plain' }).end('the archive cannot be reached from the host\n');
      });
    });
    server.on('clientError', (_, socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    this.server = server;
    const address = server.address();
    return typeof address === 'object' && address ? address.port : port;
  }

  async close(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (!server) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  private async serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = URL.canParse(req.url ?? '') ? new URL(req.url ?? '') : undefined;
    const refuse = (status: number, why: string) =>
      void res.writeHead(status, { 'content-type': 'text/plain' }).end(`${why}\n`);
    if (url?.protocol !== 'http:') return refuse(400, 'this is a proxy for http:// addresses');
    if (req.method !== 'GET' && req.method !== 'HEAD') return refuse(405, 'only GET and HEAD');
    const tls = this.hosts.get(url.host);
    if (tls === undefined)
      return refuse(
        403,
        `the lab passes on Debian's archive only (${[...this.hosts.keys()].join(', ')}), not ${url.host}`,
      );
    if (tls) url.protocol = 'https:';
    if (!IMMUTABLE.test(url.pathname) || req.method === 'HEAD') return this.passOn(url, req, res);
    const file = join(this.options.cacheFolder, createHash('sha256').update(url.href).digest('hex'));
    if (!(await stat(file).catch(() => undefined)) && !(await this.fetchOnce(url, file)))
      return this.passOn(url, req, res);
    await this.serveFile(file, req, res);
  }

  private async serveFile(file: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { size, mtime } = await stat(file);
    // So that the oldest by use can be told by whoever tidies the cache up.
    await utimes(file, new Date(), mtime).catch(() => undefined);
    const range = /^bytes=(\d+)-$/.exec(req.headers.range ?? '');
    const start = range && Number(range[1]) < size ? Number(range[1]) : 0;
    const headers = {
      'content-length': size - start,
      'content-type': 'application/octet-stream',
      'accept-ranges': 'bytes',
    };
    if (start > 0) res.writeHead(206, { ...headers, 'content-range': `bytes ${start}-${size - 1}/${size}` });
    else res.writeHead(200, headers);
    await pipeline(createReadStream(file, { start }), res);
  }

  /** Brings a file into the cache, once however many ask; false when the archive does not give it. */
  private fetchOnce(url: URL, file: string): Promise<boolean> {
    const running = this.fetching.get(file);
    if (running) return running;
    const fetch = this.fetch(url, file).finally(() => this.fetching.delete(file));
    this.fetching.set(file, fetch);
    return fetch;
  }

  private async fetch(url: URL, file: string): Promise<boolean> {
    const partial = `${file}.${randomUUID()}.partial`;
    try {
      const answer = await this.ask(url, 'GET', {});
      if (answer.statusCode !== 200) {
        answer.resume();
        return false;
      }
      await pipeline(answer, createWriteStream(partial));
      const expected = answer.headers['content-length'];
      if (expected !== undefined && (await stat(partial)).size !== Number(expected)) return false;
      await rename(partial, file);
      return true;
    } finally {
      await rm(partial, { force: true });
    }
  }

  private async passOn(url: URL, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { host: _host, connection: _connection, 'proxy-connection': _proxy, ...headers } = req.headers;
    const answer = await this.ask(url, req.method ?? 'GET', headers);
    const { connection: _c, 'keep-alive': _k, 'transfer-encoding': _t, ...kept } = answer.headers;
    res.writeHead(answer.statusCode ?? 502, kept);
    await pipeline(answer, res);
  }

  private ask(url: URL, method: string, headers: NodeJS.Dict<string | string[]>): Promise<IncomingMessage> {
    const via = url.protocol === 'http:' && this.options.upstream ? new URL(this.options.upstream) : undefined;
    const options: RequestOptions = via
      ? { host: via.hostname, port: via.port || 80, path: url.href, method, headers: { ...headers, host: url.host } }
      : {
          host: url.hostname,
          port: url.port || undefined,
          path: url.pathname + url.search,
          method,
          headers: { ...headers, host: url.host },
        };
    return new Promise((resolve, reject) => {
      const outgoing = (url.protocol === 'https:' ? tlsRequest : request)({ ...options, timeout: IDLE_MS }, resolve);
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer from ${url.host} for ${IDLE_MS / 1000} s`)));
      outgoing.on('error', reject);
      outgoing.end();
    });
  }
}
