import { Redis, type RedisOptions } from 'ioredis';
import { Refusal, WorldFailure } from '../../domain/problem.js';

/** `redis://…`, `rediss://…`, or the path of a unix socket. Never logged: it may hold a password. */
export type RedisAddress = string;

/** Soon again, but not in step with everybody else. */
const retryStrategy = (times: number): number => Math.min(times * 200, 2_000) + Math.floor(Math.random() * 200);

const connect = (address: RedisAddress, options: RedisOptions): Redis => {
  const all: RedisOptions = { retryStrategy, connectTimeout: 5_000, lazyConnect: true, ...options };
  const redis = address.startsWith('/') ? new Redis({ path: address, ...all }) : new Redis(address, all);
  // Its absence shows where it is used; an unheard event would end the process.
  redis.on('error', () => {});
  return redis;
};

/** For asking: fails soon instead of waiting for Redis to come back. */
export const impatient = (address: RedisAddress): Redis =>
  connect(address, { maxRetriesPerRequest: 0, enableOfflineQueue: false, commandTimeout: 5_000 });

/** For listening: waits for as long as it takes (BullMQ wants it so). */
export const patient = (address: RedisAddress): Redis => connect(address, { maxRetriesPerRequest: null });

export const unavailable = (cause: unknown): WorldFailure => {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new WorldFailure(
    { code: 'queue.unavailable', retryable: 'now', message: `The queue (Redis) does not answer: ${why}` },
    { cause },
  );
};

/** Redis is there, but nobody took the canary: the workers are what is missing. */
export const noWorker = (withinMs: number): WorldFailure =>
  new WorldFailure({
    code: 'queue.unavailable',
    retryable: 'now',
    message: `No worker answers: none took a canary within ${withinMs} ms.`,
  });

/**
 * Connects and makes sure that Redis keeps what it is given. Throws `Refusal` `queue.unavailable` when it may evict
 * keys: jobs would vanish and locks with them; `WorldFailure` when it cannot be reached.
 */
export async function connectChecked(redis: Redis): Promise<void> {
  let memory: string;
  try {
    await redis.connect();
    // INFO instead of CONFIG GET: managed servers forbid the latter.
    memory = await redis.info('memory');
  } catch (error) {
    redis.disconnect();
    throw unavailable(error);
  }
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1];
  if (policy === undefined || policy === 'noeviction') return;
  redis.disconnect();
  throw new Refusal({
    code: 'queue.unavailable',
    subject: 'Redis',
    message: `Its maxmemory-policy is ${policy}: it may throw jobs away.`,
    remedy: 'Set maxmemory-policy to noeviction.',
    details: { policy },
  });
}
