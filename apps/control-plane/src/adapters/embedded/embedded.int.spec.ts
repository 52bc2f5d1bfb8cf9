import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import pg from 'pg';
import { eventually } from '../../../test/engine/eventually.js';
import { scratchDirectory } from '../../../test/engine/scratch-directory.js';
import { SILENT_LOG } from '../../application/runs/engine-log.port.js';
import { EmbeddedPostgres } from './embedded-postgres.js';
import { EmbeddedRedis } from './embedded-redis.js';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const alive = (pid: number | undefined): ProcessIdentity => {
  const found = pid === undefined ? undefined : identify(pid);
  if (found === undefined) throw new Error('the server is not running');
  return found;
};

describe('embedded servers', () => {
  let directory: string;
  let postgres: EmbeddedPostgres;
  let redis: EmbeddedRedis;
  beforeEach(() => {
    directory = scratchDirectory();
    postgres = new EmbeddedPostgres({ directory, log: SILENT_LOG });
    redis = new EmbeddedRedis({ directory, log: SILENT_LOG });
  });
  afterEach(async () => {
    await Promise.all([postgres.stop(), redis.stop()]);
    rmSync(directory, { recursive: true, force: true });
  });

  const query = async (text: string): Promise<unknown> => {
    const client = new pg.Client({ connectionString: postgres.url });
    client.on('error', () => {});
    await client.connect();
    try {
      return Object.values((await client.query<Record<string, unknown>>(text)).rows[0] ?? {})[0];
    } finally {
      await client.end();
    }
  };

  it('answer on private sockets only, sync to disk, never evict, and leave no process behind', async () => {
    await Promise.all([postgres.start(), redis.start()]);
    const servers = [alive(postgres.pid), alive(redis.pid)];
    expect(await query('show listen_addresses')).toBe('');
    expect(await query('show fsync')).toBe('on');
    expect(statSync(path.join(directory, 'postgresql', 'socket')).mode & 0o077).toBe(0);
    expect(statSync(path.dirname(redis.url)).mode & 0o077).toBe(0);
    const client = new Redis(redis.url);
    expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    expect(await client.config('GET', 'port')).toEqual(['port', '0']);
    client.disconnect();
    await Promise.all([postgres.stop(), redis.stop()]);
    expect(servers.filter(isAlive)).toEqual([]);
  }, 60_000);

  it('come back after a crash, PostgreSQL with its data', async () => {
    await Promise.all([postgres.start(), redis.start()]);
    await query('create table kept as select 42 as answer');
    const before = [alive(postgres.pid), alive(redis.pid)];
    for (const { pid } of before) process.kill(pid, 'SIGKILL');
    await eventually(async () => expect(await query('select answer from kept')).toBe(42), 30_000);
    await eventually(async () => {
      const client = new Redis(redis.url, { lazyConnect: true, retryStrategy: () => null });
      client.on('error', () => {});
      await client.connect();
      client.disconnect();
    }, 30_000);
    expect([postgres.pid, redis.pid]).not.toEqual(before.map(({ pid }) => pid));
  }, 60_000);

  it('of a killed control plane are stopped before new ones start; of a running one they are left alone', async () => {
    const loader = here('../../../test/engine/ts-loader.mjs');
    const parent = spawn(
      process.execPath,
      ['--import', loader, here('../../../test/engine/embedded-process.ts'), directory],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { PATH: process.env.PATH },
      },
    );
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const left = (JSON.parse(line.toString()) as number[]).map(alive);
      await expect(postgres.start()).rejects.toThrow('belongs to a control plane that is running');
      parent.kill('SIGKILL');
      await once(parent, 'exit');
      expect(left.filter(isAlive)).toEqual(left);
      await Promise.all([postgres.start(), redis.start()]);
      expect(left.filter(isAlive)).toEqual([]);
      expect(await query('select 1')).toBe(1);
    } finally {
      parent.kill('SIGKILL');
    }
  }, 60_000);

  it('say why they do not come up', async () => {
    await postgres.start();
    await postgres.stop();
    rmSync(path.join(directory, 'postgresql', 'data', 'global'), { recursive: true });
    await expect(postgres.start()).rejects.toThrow(/postgresql did not come up: .*global/s);
  }, 60_000);
});
