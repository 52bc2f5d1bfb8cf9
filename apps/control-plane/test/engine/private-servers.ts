import { rmSync } from 'node:fs';
import { EmbeddedPostgres } from '../../src/adapters/embedded/embedded-postgres.js';
import { EmbeddedRedis } from '../../src/adapters/embedded/embedded-redis.js';
import { SILENT_LOG } from '../../src/application/runs/engine-log.port.js';

import { scratchDirectory } from './scratch-directory.js';

export interface PrivateServer {
  readonly url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Of the server itself. */
  pid(): number;
}

function privateServer<
  S extends { url: string; pid: number | undefined; start(): Promise<void>; stop(): Promise<void> },
>(make: (directory: string) => S): PrivateServer {
  const directory = scratchDirectory();
  let server = make(directory);
  const { url } = server;
  beforeAll(() => server.start(), 60_000);
  afterAll(async () => {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }, 60_000);
  return {
    url,
    start: () => {
      server = make(directory);
      return server.start();
    },
    stop: () => server.stop(),
    pid: () => {
      if (server.pid === undefined) throw new Error('the server is not running');
      return server.pid;
    },
  };
}

/** A Redis of the suite's own, gone with it. Call it in a `describe`. */
export const privateRedis = (): PrivateServer =>
  privateServer((directory) => new EmbeddedRedis({ directory, log: SILENT_LOG }));

/** A PostgreSQL of the suite's own, gone with it. Call it in a `describe`. */
export const privatePostgres = (): PrivateServer =>
  privateServer((directory) => new EmbeddedPostgres({ directory, log: SILENT_LOG }));
