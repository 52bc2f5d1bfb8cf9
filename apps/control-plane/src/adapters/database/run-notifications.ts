import { sql } from 'kysely';
import pg from 'pg';
import type { RunId } from '../../domain/ids.js';
import type { Database } from './database.js';

const CHANNEL = 'bastide_run';
/** Log lines come in floods: the first after a silence is told at once, then one per run and so long is enough. */
const COALESCE_MS = 25;
const RECONNECT_MS = 1_000;

type What = 'run' | 'log';
type Listener = (what: What) => void;
type Observer = (run: RunId, what: What) => void;

/**
 * Tells every process that a run has changed: NOTIFY after the commit (inside it would make all commits of the server
 * wait for each other), LISTEN on a connection of its own, made when the first listener comes. Losing one is harmless:
 * listeners look again by themselves.
 */
export class RunNotifications {
  private readonly listeners = new Map<RunId, Set<Listener>>();
  private readonly observers = new Set<Observer>();
  private readonly pending = new Map<RunId, What>();
  private timer: NodeJS.Timeout | undefined;
  private client: pg.Client | undefined;
  private reconnect: NodeJS.Timeout | undefined;
  private closed = false;
  private sending: Promise<unknown> = Promise.resolve();

  constructor(private readonly database: Database) {}

  /** After a commit. */
  announce(run: RunId, what: What): void {
    if (this.closed) return;
    this.tell(run, what);
    if (this.pending.get(run) !== 'run') this.pending.set(run, what);
    if (this.timer !== undefined) return;
    this.flush();
    this.rest();
  }

  watch(run: RunId, listener: Listener): () => void {
    const listeners = this.listeners.get(run) ?? new Set();
    listeners.add(listener);
    this.listeners.set(run, listeners);
    this.connect();
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.listeners.get(run) === listeners) this.listeners.delete(run);
    };
  }

  watchAll(observer: Observer): () => void {
    this.observers.add(observer);
    this.connect();
    return () => this.observers.delete(observer);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.reconnect);
    await this.sending;
    const { client } = this;
    this.client = undefined;
    await client?.end().catch(() => {});
  }

  private tell(run: RunId, what: What): void {
    for (const listener of [...(this.listeners.get(run) ?? [])]) listener(what);
    for (const observer of [...this.observers]) observer(run, what);
  }

  private rest(): void {
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.pending.size === 0) return;
      this.flush();
      this.rest();
    }, COALESCE_MS);
  }

  private flush(): void {
    const payloads = [...this.pending].map(([run, what]) => `${what} ${run}`);
    this.pending.clear();
    this.sending = sql`select pg_notify(${CHANNEL}, payload) from unnest(${payloads}::text[]) as payload`
      .execute(this.database.db)
      .catch(() => {});
  }

  private connect(): void {
    if (this.client !== undefined || this.reconnect !== undefined || this.closed) return;
    const client = new pg.Client({
      connectionString: this.database.url,
      application_name: 'bastide listener',
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
    });
    this.client = client;
    const again = (): void => {
      if (this.client !== client) return;
      this.client = undefined;
      client.end().catch(() => {});
      if (this.closed || this.listeners.size + this.observers.size === 0) return;
      this.reconnect = setTimeout(() => {
        this.reconnect = undefined;
        this.connect();
      }, RECONNECT_MS);
    };
    client.on('error', again);
    client.on('end', again);
    client.on('notification', ({ payload }) => this.hear(payload));
    client
      .connect()
      .then(() => client.query(`listen ${CHANNEL}`))
      // Whatever was said while nobody listened: everybody looks once.
      .then(() => {
        for (const run of [...this.listeners.keys()]) this.tell(run, 'run');
      })
      .catch(again);
  }

  private hear(payload: string | undefined): void {
    const [what, run] = payload?.split(' ') ?? [];
    if (run !== undefined && (what === 'run' || what === 'log')) this.tell(run as RunId, what);
  }
}
