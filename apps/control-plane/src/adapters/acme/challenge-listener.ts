import { createServer, type Server } from 'node:http';
import { WorldFailure } from '../../domain/problem.js';

const PATH = /^\/\.well-known\/acme-challenge\/([A-Za-z0-9_-]{1,256})$/;

/** Answers the authority's questions (HTTP-01) while an order is under way, and nothing else. */
export class ChallengeListener {
  readonly answers = new Map<string, string>();
  /** The tokens that were asked for: what is not here never found the way to us. */
  readonly asked = new Set<string>();
  #server: Server | undefined;

  constructor(private readonly listen: { readonly host: string; readonly port: number }) {}

  async open(): Promise<void> {
    const server = createServer((request, response) => {
      const token = PATH.exec(request.url ?? '')?.[1];
      const answer = request.method === 'GET' && token !== undefined ? this.answers.get(token) : undefined;
      response.setHeader('content-type', 'text/plain');
      response.setHeader('connection', 'close');
      if (answer === undefined) response.writeHead(404).end('not found\n');
      else {
        this.asked.add(token!);
        response.end(answer);
      }
    });
    server.requestTimeout = 10_000;
    server.headersTimeout = 5_000;
    server.maxConnections = 100;
    const { host, port } = this.listen;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          new WorldFailure(
            {
              code: 'acme.listener',
              retryable: 'later',
              message: `${host}:${port} cannot be listened on for the authority’s questions (${error.code})`,
              hint: 'Ports below 1024 need CAP_NET_BIND_SERVICE; another program may have the port.',
            },
            { cause: error },
          ),
        ),
      );
      server.listen(port, host, resolve);
    });
    this.#server = server;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.answers.clear();
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }
}
