/** The TLS server: reads a request, lets faults act, dispatches it, and writes the answer in Proxmox's clothes. */

import { rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../faults/fault-book.js';
import { handleFaultRequest } from '../faults/fault-endpoint.js';
import type { Lab } from '../lab.js';
import { ApiError, fail } from './api-error.js';
import { authenticate } from './authenticate.js';
import { readParameters } from './body.js';
import type { Handlers } from './call.js';
import { type Answer, dispatch } from './dispatch.js';

const COMMON = { 'Cache-Control': 'max-age=0', Pragma: 'no-cache', Server: 'pve-api-daemon/3.0' } as const;
const JSON_TYPE = 'application/json;charset=UTF-8';

/** Reason phrases are one line of printable Latin-1. */
const reasonOf = (text: string) => (text.split('\n')[0] ?? '').replace(/[^\t\x20-\x7e\xa0-\xff]/g, '?') || 'error';

function write(response: ServerResponse, status: number, reason: string, body: string, keepAlive: boolean): void {
  if (response.destroyed) return;
  const headers: Record<string, string | number> = { ...COMMON, Connection: keepAlive ? 'Keep-Alive' : 'close' };
  if (body !== '') {
    headers['Content-Type'] = JSON_TYPE;
    headers['Content-Length'] = Buffer.byteLength(body);
    headers.Expires = new Date().toUTCString();
  }
  response.writeHead(status, reason, headers);
  response.end(body);
}

function writeError(response: ServerResponse, error: unknown, format: string): void {
  const known =
    error instanceof ApiError ? error : fail(error instanceof Error ? error.message : 'internal error in the lab');
  if (known.emptyBody) {
    write(response, known.status, reasonOf(known.text), '', false);
    return;
  }
  const body: Record<string, unknown> = { data: null, message: known.text };
  if (known.errors) body.errors = known.errors;
  if (format === 'extjs') {
    write(response, 200, 'OK', JSON.stringify({ ...body, success: 0, status: known.status }), true);
    return;
  }
  write(response, known.status, reasonOf(known.text), JSON.stringify(body), false);
}

function writeAnswer(response: ServerResponse, answer: Answer, format: string): void {
  const body = { data: answer.data, ...answer.extra, ...(format === 'extjs' ? { success: 1, message: '' } : {}) };
  write(response, 200, 'OK', JSON.stringify(body), true);
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
      status > 590,
    );
  }
  return false;
}

/** Path below /api2/json, decoded as a whole the way Proxmox does it. */
function splitUrl(url: string): { format: string; path: string; query: string } | undefined {
  const [rawPath = '', ...query] = url.split('?');
  const [, format, rest = ''] = /^\/api2\/(json|extjs)(?:\/(.*))?$/.exec(rawPath) ?? [];
  if (!format) return undefined;
  let path: string;
  try {
    path = decodeURIComponent(rest);
  } catch {
    throw new ApiError(400, 'bad request');
  }
  return { format, path: `/${path.replace(/^\/+|\/+$/g, '')}`, query: query.join('?') };
}

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
      const target = splitUrl(url);
      if (!target) throw new ApiError(501, 'no such uri');
      format = target.format;
      if (!['GET', 'POST', 'PUT', 'DELETE'].includes(method))
        throw new ApiError(501, `method '${method}' not available`);
      const fault = this.lab.faults.forRequest(method, target.path);
      const caller = authenticate(this.lab, request, method, target.path);
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      if (fault && (await act(fault, response, AbortSignal.any([gone.signal, this.closing.signal])))) return;
      const { parameters, upload } = await readParameters(request, method, target.query, this.uploadFolder);
      uploaded = upload?.file;
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
