import { rmSync } from 'node:fs';
import { EmbeddedPostgres } from '../../src/adapters/embedded/embedded-postgres.js';
import { EmbeddedRedis } from '../../src/adapters/embedded/embedded-redis.js';
import { SILENT_LOG } from '../../src/application/runs/engine-log.port.js';
import { scratchDirectory } from './scratch-directory.js';

/** PostgreSQL and Redis in a folder of their own, for a bench; suites of tests have `private-servers.ts`. Stop them: that takes the folder away. */
export class LoneServers {
  readonly directory = scratchDirectory();
  readonly #postgres = new EmbeddedPostgres({ directory: this.directory, log: SILENT_LOG });
  readonly #redis = new EmbeddedRedis({ directory: this.directory, log: SILENT_LOG });

  get databaseUrl(): string {
    return this.#postgres.url;
  }
  get redisUrl(): string {
    return this.#redis.url;
  }

  async start(): Promise<void> {
    await Promise.all([this.#postgres.start(), this.#redis.start()]);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#postgres.stop(), this.#redis.stop()]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
