// A control plane's embedded servers as a process of its own, to be killed. Says their pids.
import { EmbeddedPostgres } from '../../src/adapters/embedded/embedded-postgres.js';
import { EmbeddedRedis } from '../../src/adapters/embedded/embedded-redis.js';
import { SILENT_LOG } from '../../src/application/runs/engine-log.port.js';

const [directory = ''] = process.argv.slice(2);
const servers = [
  new EmbeddedPostgres({ directory, log: SILENT_LOG }),
  new EmbeddedRedis({ directory, log: SILENT_LOG }),
];
await Promise.all(servers.map((server) => server.start()));
process.stdout.write(`${JSON.stringify(servers.map(({ pid }) => pid))}\n`);
setInterval(() => {}, 60_000);
