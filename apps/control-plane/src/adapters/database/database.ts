import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { asWorldFailure } from './database-failure.js';
import type { Tables } from './schema.js';

export interface DatabaseOptions {
  /** `postgresql://user@host/name`, or `postgresql:///name?host=/socket/directory&user=…`. */
  readonly url: string;
  readonly connections?: number;
  /**
   * A worker that is suspended in the middle of a transaction loses its connection, and with it its row locks, after so
   * long: nobody else has to wait for it.
   */
  readonly idleInTransactionMs?: number;
  readonly connectTimeoutMs?: number;
}

/** An open database. `url` is kept for connections outside the pool (LISTEN). */
export interface Database {
  readonly db: Kysely<Tables>;
  readonly url: string;
  close(): Promise<void>;
}

const DEFAULTS = { connections: 20, idleInTransactionMs: 10_000, connectTimeoutMs: 5_000 };

/** Opens a pool; connects on first use. */
export function openDatabase(options: DatabaseOptions): Database {
  const { connections, idleInTransactionMs, connectTimeoutMs } = { ...DEFAULTS, ...options };
  const pool = new pg.Pool({
    connectionString: options.url,
    max: connections,
    connectionTimeoutMillis: connectTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionMs,
    lock_timeout: 20_000,
    statement_timeout: 60_000,
    // Also a server that hangs lets go of the caller.
    query_timeout: 75_000,
    keepAlive: true,
    application_name: 'bastide',
  });
  // Without listeners a connection that the server closes would end the process; the query in question rejects anyway.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return { db, url: options.url, close: () => db.destroy() };
}

/** Runs a query or transaction; a server that is away or full becomes a `WorldFailure`, anything else passes. */
export async function reach<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asWorldFailure(error);
  }
}
