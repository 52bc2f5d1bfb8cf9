import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const LAYERS = 20;
const account = {
  id: 'acc_1',
  name: 'ada',
  displayName: 'Ada',
  roles: [{ role: 'admin', site: null }],
  disabled: false,
  passwordTemporary: false,
  twoFactor: { totp: false },
  createdAt: 0,
};

export const stepId = (at: number): string => `hook.run:part${at}:install`;

/** Answers as the control plane does about one run, from memory, so that nothing but the browser is measured. */
export class AnsweringServer {
  /** When the newest answer about the run was given (ms since the epoch). */
  answeredAt = 0;
  #seq = 1;
  readonly #streams = new Set<ServerResponse>();
  readonly #server = createServer((request, response) => this.#answer(request.url ?? '/', response));
  readonly #answers: Readonly<Record<string, string>>;

  constructor(
    steps: number,
    private readonly built: string,
    stateOf: (at: number) => string = () => 'waiting',
    private readonly history: readonly string[] = [],
  ) {
    const now = Date.now();
    const run = {
      id: 'run_1',
      plan: 'pln_1',
      stack: 'stk_1',
      stackName: 'office',
      site: 'town',
      operation: 'install',
      state: 'running',
      createdAt: now - 90_000,
      actor: 'ada',
      lastSeq: 1,
    };
    const detail = {
      run,
      steps: Array.from({ length: steps }, (_, at) => ({
        id: stepId(at),
        kind: 'guest.start',
        subject: 'guest',
        label: `Install part ${at}`,
        state: stateOf(at),
        after: at < LAYERS ? [] : [stepId(at - LAYERS)],
        layer: Math.floor(at / (steps / LAYERS)),
        weightMs: 1_000,
        attempt: 0,
      })),
      progress: { percent: 0 },
      touched: [],
      decisions: { cancel: true, retry: false, undo: false, leave: false },
      estimateMs: 100_000,
    };
    this.#answers = {
      '/api/v1/session': JSON.stringify({ account, csrfToken: 'x', firstRun: false }),
      '/api/v1/runs/run_1': JSON.stringify(detail),
    };
  }

  async start(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    for (const stream of this.#streams) stream.destroy();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  get readers(): number {
    return this.#streams.size;
  }

  /** Writes an entry of the run log to everybody who listens; answers with its frame. */
  send(step: number, event: object): string {
    this.#seq += 1;
    const entry = { run: 'run_1', seq: this.#seq, at: Date.now(), step: stepId(step), event };
    const frame = `id: ${this.#seq}\nevent: entry\ndata: ${JSON.stringify(entry)}\n\n`;
    for (const stream of this.#streams) stream.write(frame);
    return frame;
  }

  #answer(url: string, response: ServerResponse): void {
    const { pathname } = new URL(url, 'http://localhost');
    if (pathname.endsWith('/events')) {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.write(': open\n\n');
      for (const frame of this.history) response.write(frame);
      this.#streams.add(response);
      response.on('close', () => this.#streams.delete(response));
      return;
    }
    const answer = this.#answers[pathname];
    if (answer !== undefined) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
      if (pathname.includes('/runs/')) this.answeredAt = Date.now();
      return;
    }
    const file = extname(pathname) === '' ? 'index.html' : pathname.slice(1);
    try {
      const body = readFileSync(join(this.built, file));
      response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'text/html' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  }
}
