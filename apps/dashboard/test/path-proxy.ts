import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A reverse proxy as an office may have one: serves a product under a path, knows nothing else, and cuts what takes long. */
export class PathProxy {
  /** Streams are cut after so long. */
  cutAfterMs = Number.POSITIVE_INFINITY;
  /** Streams that were cut, and paths that were asked for and are not below the prefix. */
  cut = 0;
  readonly strays: string[] = [];
  readonly #open = new Set<Socket>();
  readonly #server = http.createServer((request, response) => this.#pass(request, response));

  constructor(
    private readonly prefix: string,
    private readonly port: number,
  ) {
    this.#server.on('connection', (socket) => {
      this.#open.add(socket);
      socket.on('close', () => this.#open.delete(socket));
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done));
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  #pass(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '/';
    if (url === this.prefix) return void response.writeHead(308, { location: `${this.prefix}/` }).end();
    if (!url.startsWith(`${this.prefix}/`)) {
      this.strays.push(url);
      return void response.writeHead(404).end('not ours');
    }
    const headers = { ...request.headers, 'x-forwarded-prefix': this.prefix, 'x-forwarded-proto': 'http' };
    const path = url.slice(this.prefix.length);
    const passed = http.request({ host: '127.0.0.1', port: this.port, method: request.method, path, headers });
    passed.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      if (!answer.headers['content-type']?.startsWith('text/event-stream')) return;
      const timer = Number.isFinite(this.cutAfterMs)
        ? setTimeout(() => this.#cut(response), this.cutAfterMs)
        : undefined;
      response.on('close', () => {
        clearTimeout(timer);
        passed.destroy();
      });
    });
    passed.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end('no answer')));
    request.pipe(passed);
  }

  #cut(response: ServerResponse): void {
    this.cut += 1;
    response.destroy();
  }
}
