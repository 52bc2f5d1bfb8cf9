import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { openDatabase } from '../../src/adapters/database/database.js';
import { KyselySecretRows } from '../../src/adapters/database/kysely-secret-rows.js';
import { EnvelopeSecretStore } from '../../src/adapters/secrets/envelope-secret-store.js';
import { MasterKeyFile } from '../../src/adapters/secrets/master-key-file.js';

/** The socket of a private server: below the state folder, or where servers live when others may not pass through that. */
export function socketOf(state: string, server: 'postgresql' | 'redis', name: string): string {
  const elsewhere = '/var/lib/bastide';
  const places = [
    join(state, server),
    ...(existsSync(elsewhere)
      ? readdirSync(elsewhere)
          .filter((folder) => folder.startsWith(`${server}-`))
          .map((folder) => join(elsewhere, folder))
      : []),
    state,
  ].filter((place) => existsSync(place));
  const found = places.flatMap((place) =>
    execFileSync('find', [place, '-name', name, '-type', 's'], { encoding: 'utf8' }).trim().split('\n').filter(Boolean),
  );
  if (!found[0]) throw new Error(`no socket ${name} below ${places.join(', ')}`);
  return found[0];
}

/** Every key of Redis with what is in it, as text. */
export async function everythingIn(socket: string): Promise<string> {
  const redis = new Redis(socket);
  try {
    const parts: string[] = [];
    for await (const keys of redis.scanStream({ count: 500 }))
      for (const key of keys as string[]) {
        const kind = await redis.type(key);
        const value: unknown =
          kind === 'hash'
            ? await redis.hgetall(key)
            : kind === 'list'
              ? await redis.lrange(key, 0, -1)
              : kind === 'set'
                ? await redis.smembers(key)
                : kind === 'zset'
                  ? await redis.zrange(key, '0', '-1')
                  : kind === 'stream'
                    ? await redis.xrange(key, '-', '+')
                    : await redis.get(key);
        parts.push(`${key} ${JSON.stringify(value)}`);
      }
    return parts.join('\n');
  } finally {
    redis.disconnect();
  }
}

/** Every secret of the store by name, opened with the master key: of keys their middle, of documents their parts; certificates are no secrets. */
export async function storedSecrets(databaseUrl: string, state: string): Promise<[string, string][]> {
  const database = openDatabase({ url: databaseUrl });
  try {
    const rows = new KyselySecretRows(database);
    const store = new EnvelopeSecretStore(rows, new MasterKeyFile(join(state, 'master-key')));
    const all: [string, string][] = [];
    for (const { name } of await rows.listUnder('')) {
      const value = (await store.get(name)) ?? '';
      for (const part of partsOf(value)) all.push([name, part]);
    }
    return all;
  } finally {
    await database.close();
  }
}

function partsOf(value: string): string[] {
  const keys = [...value.matchAll(/-----BEGIN [A-Z ]*PRIVATE KEY-----([^-]+)-----END/g)].map(([, body]) =>
    (body ?? '').replace(/\\n|\s/g, '').slice(20, 60),
  );
  if (keys.length > 0) return keys;
  if (value.includes('-----BEGIN CERTIFICATE')) return [];
  if (value.startsWith('{')) {
    const inner = Object.values(JSON.parse(value) as Record<string, unknown>);
    return inner.flatMap((part) => (typeof part === 'string' ? partsOf(part) : []));
  }
  return value.length >= 8 ? [value] : [];
}

/** Everything that stands on a command line while it watches, guests' processes included: they are processes of this machine. */
export class CommandLines {
  readonly #seen = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  watch(): void {
    this.#timer = setInterval(() => {
      for (const pid of readdirSync('/proc')) {
        if (!/^\d+$/.test(pid)) continue;
        try {
          this.#seen.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
        } catch {
          // It has ended.
        }
      }
    }, 100);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get seen(): string {
    return [...this.#seen].join('\n');
  }
}
