import type { IncomingMessage, RequestListener, Server } from 'node:http';

/** As Node has it for whole requests. */
const BODY_MS = 300_000;
/** A large file may take as long as it takes, but not silently. */
const SILENCE_MS = 120_000;

const deadlines = new WeakMap<IncomingMessage, NodeJS.Timeout>();

/**
 * Middleware that ends connections whose body is not there in time. Node's own limit, five minutes, knows no exception,
 * and a file of gigabytes over a slow line needs one; headers stay under Node's limit.
 */
export function limitBodies(server: Server, bodyMs: number = BODY_MS) {
  server.requestTimeout = 0;
  return (request: IncomingMessage, _response: Parameters<RequestListener>[1], next: () => void): void => {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    if (encoding !== undefined || Number(length ?? 0) > 0) {
      const end = (): void => void (request.complete || request.socket.destroy());
      const timer = setTimeout(end, bodyMs).unref();
      deadlines.set(request, timer);
      request.once('close', () => clearTimeout(timer));
    }
    next();
  };
}

/** For somebody who may send a large file: silence alone ends it (what Node does with a socket that times out). */
export function expectLargeBody(request: IncomingMessage, silenceMs: number = SILENCE_MS): void {
  clearTimeout(deadlines.get(request));
  request.socket.setTimeout(silenceMs);
  request.once('end', () => request.socket.setTimeout(0));
}
