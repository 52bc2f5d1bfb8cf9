import { chmodSync, chownSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { EmbeddedOptions } from './embedded-postgres.js';
import { serverHome, serviceAccount } from './service-account.js';
import { SupervisedProcess } from './supervised-process.js';

const COMMANDS = ['/usr/bin/valkey-server', '/usr/bin/redis-server', '/usr/local/bin/redis-server'];

/** Redis (or Valkey) in `<directory>/redis`, on a unix socket in a private directory. Keeps nothing on disk. */
export class EmbeddedRedis {
  private readonly home: string;
  private process: SupervisedProcess | undefined;

  constructor(private readonly options: EmbeddedOptions & { readonly maxMemory?: string }) {
    this.home = serverHome(options.directory, 'redis');
  }

  /** For REDIS_URL: the path of the socket. */
  get url(): string {
    return path.join(this.home, 'redis.sock');
  }

  get pid(): number | undefined {
    return this.process?.pid;
  }

  async start(): Promise<void> {
    const command = COMMANDS.find((candidate) => existsSync(candidate));
    if (command === undefined)
      throw new Error('no Redis or Valkey: install the package "redis-server", or set REDIS_URL');
    const account = serviceAccount('redis');
    mkdirSync(this.home, { recursive: true });
    if (account !== undefined) chownSync(this.home, account.uid, account.gid);
    chmodSync(this.home, 0o700);
    this.process = new SupervisedProcess(
      {
        name: 'redis',
        command,
        args: this.settings(),
        cwd: this.home,
        ...(account === undefined ? {} : { owner: account }),
        stopSignal: 'SIGTERM',
        stopMs: 10_000,
        ready: (signal) => this.untilReady(signal),
        readyMs: 20_000,
        stateDirectory: path.join(path.resolve(this.options.directory), 'embedded'),
      },
      this.options.log,
    );
    await this.process.start();
  }

  async stop(): Promise<void> {
    await this.process?.stop();
  }

  private settings(): string[] {
    const settings = {
      port: '0',
      unixsocket: this.url,
      unixsocketperm: '700',
      dir: this.home,
      save: '',
      appendonly: 'no',
      daemonize: 'no',
      'maxmemory-policy': 'noeviction',
      maxmemory: this.options.maxMemory ?? '256mb',
    };
    return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  }

  private async untilReady(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const client = new Redis(this.url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 2_000 });
      client.on('error', () => {});
      try {
        await client.connect();
        await client.ping();
        return;
      } catch {
        await delay(50, undefined, { signal });
      } finally {
        client.disconnect();
      }
    }
  }
}
