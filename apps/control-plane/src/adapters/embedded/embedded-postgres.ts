import { execFile } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import type { EngineLog } from '../../application/runs/engine-log.port.js';
import { type ServiceAccount, serverHome, serviceAccount } from './service-account.js';
import { SupervisedProcess } from './supervised-process.js';

const run = promisify(execFile);

export interface EmbeddedOptions {
  /** State directory of the control plane; ours is a folder in it. */
  readonly directory: string;
  readonly log: EngineLog;
}

const USER = 'bastide';
const DATABASE = 'bastide';
/** Unix socket paths end at 107 bytes. */
const SOCKET_LIMIT = 100;

/**
 * PostgreSQL in `<directory>/postgresql`, reachable only through a unix socket in a directory that nobody else may
 * enter. Runs as user `postgres` (or `nobody`) when we are root: PostgreSQL refuses root.
 */
export class EmbeddedPostgres {
  private readonly home: string;
  private process: SupervisedProcess | undefined;

  constructor(private readonly options: EmbeddedOptions) {
    this.home = serverHome(options.directory, 'postgresql');
  }

  /** Connection string for the pool. */
  get url(): string {
    return this.urlOf(DATABASE);
  }

  get pid(): number | undefined {
    return this.process?.pid;
  }

  /** Makes the cluster on first use, starts the server, returns when it answers. */
  async start(): Promise<void> {
    const bin = findBinaries();
    const account = serviceAccount('postgres');
    this.makeDirectories(account);
    if (!existsSync(path.join(this.data, 'PG_VERSION'))) await this.initialise(bin, account);
    this.process = new SupervisedProcess(
      {
        name: 'postgresql',
        command: path.join(bin, 'postgres'),
        args: ['-D', this.data, ...settings(this.sockets)],
        cwd: this.home,
        ...(account === undefined ? {} : { owner: account }),
        // Fast shutdown: open transactions are rolled back, data is safe.
        stopSignal: 'SIGINT',
        stopMs: 30_000,
        ready: (signal) => this.untilReady(signal),
        // After a crash it first replays its log.
        readyMs: 120_000,
        stateDirectory: path.join(path.resolve(this.options.directory), 'embedded'),
      },
      this.options.log,
    );
    await this.process.start();
    await this.ensureDatabase();
  }

  async stop(): Promise<void> {
    await this.process?.stop();
  }

  private get data(): string {
    return path.join(this.home, 'data');
  }

  private get sockets(): string {
    return path.join(this.home, 'socket');
  }

  private urlOf(database: string): string {
    return `postgresql:///${database}?host=${encodeURIComponent(this.sockets)}&user=${USER}`;
  }

  private makeDirectories(account: ServiceAccount | undefined): void {
    if (Buffer.byteLength(this.sockets) > SOCKET_LIMIT) {
      throw new Error(`the state directory's path is too long for a unix socket: ${this.sockets}`);
    }
    for (const directory of [this.home, this.sockets]) {
      mkdirSync(directory, { recursive: true });
      if (account !== undefined) chownSync(directory, account.uid, account.gid);
      chmodSync(directory, 0o700);
    }
  }

  private async initialise(bin: string, account: ServiceAccount | undefined): Promise<void> {
    // Made under another name: a cluster that was interrupted half-way is never taken for a whole one.
    const half = `${this.data}.new`;
    rmSync(half, { recursive: true, force: true });
    // "trust" is for those who can enter the socket directory: root and the server's own user.
    const args = ['-D', half, '-U', USER, '--auth-local=trust', '--auth-host=reject', '-E', 'UTF8', '--locale=C.UTF-8'];
    await run(path.join(bin, 'initdb'), args, {
      cwd: this.home,
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
      timeout: 120_000,
      ...(account ?? {}),
    });
    writeFileSync(path.join(half, 'pg_hba.conf'), 'local all all trust\n');
    await run('mv', [half, this.data]);
  }

  private async untilReady(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const client = new pg.Client({ connectionString: this.urlOf('postgres'), connectionTimeoutMillis: 2_000 });
      client.on('error', () => {});
      try {
        await client.connect();
        await client.query('select 1');
        return;
      } catch {
        await delay(50, undefined, { signal });
      } finally {
        await client.end().catch(() => {});
      }
    }
  }

  private async ensureDatabase(): Promise<void> {
    const client = new pg.Client({ connectionString: this.urlOf('postgres'), connectionTimeoutMillis: 5_000 });
    client.on('error', () => {});
    await client.connect();
    try {
      const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE]);
      if (rowCount === 0) await client.query(`create database ${DATABASE}`);
    } finally {
      await client.end();
    }
  }
}

const settings = (sockets: string): string[] =>
  [
    `unix_socket_directories=${sockets}`,
    'unix_socket_permissions=0700',
    'listen_addresses=',
    'max_connections=100',
    'fsync=on',
    'full_page_writes=on',
    'synchronous_commit=on',
    'shared_buffers=64MB',
    'max_wal_size=256MB',
    'log_min_messages=warning',
    'timezone=UTC',
  ].flatMap((setting) => ['-c', setting]);

/** Of the newest version that is installed: Debian keeps them out of the PATH. */
function findBinaries(root = '/usr/lib/postgresql'): string {
  const versions = existsSync(root) ? readdirSync(root) : [];
  const found = versions
    .filter((version) => Number(version) >= 15 && existsSync(path.join(root, version, 'bin', 'postgres')))
    .sort((a, b) => Number(b) - Number(a))[0];
  if (found === undefined) {
    throw new Error(`no PostgreSQL ≥ 15 in ${root}: install the package "postgresql", or set DATABASE_URL`);
  }
  return path.join(root, found, 'bin');
}
