/** The TLS server: reads a request, lets faults act, dispatches it, and writes the answer in Proxmox's clothes. */

import { rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../faults/fault-book.js';
import { handleFaultRequest } from '../faults/fault-endpoint.js';
import type { Lab } from '../lab.js';
import { ApiError, fail, refusedByServer } from './api-error.js';
import { authenticate } from './authenticate.js';
import { readParameters } from './body.js';
import type { Handlers } from './call.js';
import { type Answer, dispatch } from './dispatch.js';

const COMMON = { 'Cache-Control': 'max-age=0', Pragma: 'no-cache', Server: 'pve-api-daemon/3.0' } as const;
const JSON_TYPE = 'application/json;charset=UTF-8';

/** Reason phrases are one line of printable Latin-1. */
const reasonOf = (text: string) => (text.split('\n')[0] ?? '').replace(/[^\t\x20-\x7e\xa0-\xff]/g, '?') || 'error';

const HTML_TYPE = 'text/html;charset=UTF-8';

let stamp = { second: 0, text: '' };
/** Printed once a second: dates are dear beside everything else in a small answer. */
function nowAsDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (stamp.second !== second) stamp = { second, text: new Date(second * 1000).toUTCString() };
  return stamp.text;
}

function write(response: ServerResponse, status: number, reason: string, body: string, type?: string): void {
  if (response.destroyed) return;
  const headers: Record<string, string | number> = {
    ...COMMON,
    Connection: status < 400 ? 'Keep-Alive' : 'close',
    Expires: nowAsDate(),
    'Content-Length': Buffer.byteLength(body),
  };
  if (type !== undefined) headers['Content-Type'] = type;
  response.writeHead(status, reason, headers);
  response.end(body);
}

const escaped = (text: string) => text.replace(/[<>&"']/g, (one) => `&#${one.charCodeAt(0)};`);

/** `htmljs` is what forms with files in old browsers ask for: the same as `extjs`, as the text of a page. */
function writeData(response: ServerResponse, status: number, reason: string, body: unknown, format: string): void {
  const text = JSON.stringify(body);
  if (format === 'htmljs') write(response, status, reason, escaped(text), HTML_TYPE);
  else write(response, status, reason, text, JSON_TYPE);
}

function writeError(response: ServerResponse, error: unknown, format: string): void {
  const known =
    error instanceof ApiError ? error : fail(error instanceof Error ? error.message : 'internal error in the lab');
  if (known.body !== 'json') {
    write(response, known.status, reasonOf(known.text), known.body === 'text' ? known.text : '');
    return;
  }
  const body: Record<string, unknown> = { data: null, message: known.text };
  if (known.errors) body.errors = known.errors;
  if (format !== 'json') writeData(response, 200, 'OK', { ...body, success: 0, status: known.status }, format);
  else writeData(response, known.status, reasonOf(known.text), body, format);
}

function writeAnswer(response: ServerResponse, answer: Answer, format: string): void {
  // A total of nothing is not told.
  const extra = Object.fromEntries(Object.entries(answer.extra).filter(([, value]) => value));
  writeData(response, 200, 'OK', { data: answer.data, ...extra, ...(format === 'json' ? {} : { success: 1 }) }, format);
}

/** True when the fault has answered (or never will). */
async function act(fault: Fault, response: ServerResponse, signal: AbortSignal): Promise<boolean> {
  const seconds = fault.seconds ?? (fault.effect === 'hang' ? 24 * 3600 : 5);
  if (fault.effect === 'slow' || fault.effect === 'hang') {
    await sleep(seconds * 1000, undefined, { signal }).catch(() => undefined);
    if (fault.effect === 'slow') return signal.aborted;
    response.destroy();
    return true;
  }
  if (fault.effect === 'drop') {
    response.destroy();
    return true;
  }
  if (fault.effect === 'fail') throw fail(fault.message ?? 'lab: fault on demand');
  if (fault.effect === 'status') {
    const status = fault.status ?? 596;
    throw new ApiError(
      status,
      fault.message ?? (status === 595 ? 'No route to host' : 'Broken pipe'),
      undefined,
      status > 590 ? 'none' : 'json',
    );
  }
  return false;
}

interface Target {
  readonly format: string;
  readonly path: string;
  readonly query: string;
}

const FORMATS: readonly string[] = ['json', 'extjs', 'htmljs'];

function decodePath(path: string): string {
  const bytes = path.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Takes `/api2/json/nodes?x=1` apart; the path is decoded as a whole, as Proxmox does it. */
function splitUrl(url: string): Target {
  if (/^[^/]*@/.test(url)) throw refusedByServer(400, 'invalid url');
  const [rawPath = '', ...query] = url.split('?');
  const path = /^[!-$&-~]*$/.test(rawPath) ? rawPath : decodePath(rawPath);
  if (!path.startsWith('/api2')) throw refusedByServer(500, `no such file '${path}'\n`);
  const [, format, rest = ''] = /^\/api2\/+([a-z][a-z0-9]+)(\/.*)?$/s.exec(path) ?? [];
  if (!format) throw refusedByServer(501, 'no such uri');
  return { format, path: `/${rest.replace(/^\/+|\/+$/g, '')}`, query: query.join('?') };
}

const PAGE =
  '<!doctype html><title>Bastide lab</title><p>This is a Bastide lab, a Proxmox VE API without the web interface: see /api2/json/version.';

export class LabServer {
  private readonly server: Server;
  private readonly closing = new AbortController();

  constructor(
    private readonly lab: Lab,
    private readonly handlers: Handlers,
    private readonly uploadFolder: string,
  ) {
    this.server = createServer(this.secrets(), (request, response) => {
      this.serve(request, response).catch((error: unknown) => writeError(response, error, 'json'));
    });
    this.server.keepAliveTimeout = 20_000;
    this.server.requestTimeout = 0;
    this.server.on('clientError', (_error, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 bad request\r\nConnection: close\r\n\r\n');
    });
  }

  private secrets() {
    const { certificate, key, caCertificate } = this.lab.certificate;
    return { cert: `${certificate}${caCertificate}`, key };
  }

  /** Serves the lab's present certificate to new connections. */
  reloadCertificate(): void {
    this.server.setSecureContext(this.secrets());
  }

  get http(): Server {
    return this.server;
  }

  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, resolve);
    });
    const address = this.server.address();
    return typeof address === 'object' && address ? address.port : port;
  }

  async close(): Promise<void> {
    this.closing.abort();
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  /** Aborted when the client has gone, or the lab is to end. */
  private whileOpen(response: ServerResponse): AbortSignal {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    return AbortSignal.any([gone.signal, this.closing.signal]);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? 'GET';
    const url = request.url ?? '/';
    if (url.startsWith('/lab/')) {
      await handleFaultRequest(this.lab, request, response);
      return;
    }
    if (this.lab.faults.isNodeDown(this.lab.nodes[0] ?? '')) {
      request.socket.destroy();
      return;
    }
    let format = 'json';
    let uploaded: string | undefined;
    try {
      if (!['GET', 'POST', 'PUT', 'DELETE'].includes(method))
        throw new ApiError(501, `method '${method}' not available`, undefined, 'none');
      if (method === 'GET' && /^\/(\?|$)/.test(url)) {
        write(response, 200, 'OK', PAGE, HTML_TYPE);
        return;
      }
      const target = splitUrl(url);
      if (FORMATS.includes(target.format)) format = target.format;
      const fault = this.lab.faults.forRequest(method, target.path);
      const caller = authenticate(this.lab, request, method, target.path);
      if (fault && (await act(fault, response, this.whileOpen(response)))) return;
      const takesFile = /^\/nodes\/[^/]+\/storage\/[^/]+\/upload$/.test(target.path);
      const { parameters, upload } = await readParameters(request, method, target.query, this.uploadFolder, takesFile);
      uploaded = upload?.file;
      if (format !== target.format) throw refusedByServer(501, `no formatter for uri ${target.path}, ${target.format}`);
      // Put on by browsers against caches.
      delete parameters._dc;
      const answer = await dispatch(
        this.lab,
        this.handlers,
        { method, path: target.path, raw: parameters, ...(upload ? { upload } : {}) },
        caller,
      );
      if (fault?.effect === 'drop-after') request.socket.destroy();
      else writeAnswer(response, answer, format);
    } catch (error) {
      writeError(response, error, format);
    } finally {
      if (uploaded) await rm(uploaded, { force: true });
    }
  }
}

/** Loopback only, unless told otherwise. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}
