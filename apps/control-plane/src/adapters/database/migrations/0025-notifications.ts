import { type Kysely, type Migration, sql } from 'kysely';

const STATEMENTS = [
  `create table notification_targets (
     id text primary key, name text not null unique, body jsonb not null, created_at timestamptz not null)`,
  `create table notification_events (
     id bigint generated always as identity primary key, key text not null unique, at timestamptz not null,
     body jsonb not null, spread boolean not null default false)`,
  `create index notification_events_new on notification_events (id) where not spread`,
  // While open, next_at is when somebody may take it: the time of the next try, or the end of the holder's lease.
  `create table notification_deliveries (
     id text primary key, target text not null references notification_targets on delete cascade,
     state text not null check (state in ('open', 'sent', 'given-up')), created_at timestamptz not null,
     attempts integer not null default 0, next_at timestamptz, ended_at timestamptz, answer text, remedy text)`,
  `create index notification_deliveries_due on notification_deliveries (next_at) where state = 'open'`,
  `create index notification_deliveries_target on notification_deliveries (target, created_at desc)`,
  `create table notification_entries (
     target text not null references notification_targets on delete cascade,
     event bigint not null references notification_events on delete cascade,
     delivery text references notification_deliveries on delete cascade, primary key (target, event))`,
  `create index notification_entries_waiting on notification_entries (target) where delivery is null`,
  `create index notification_entries_delivery on notification_entries (delivery)`,
  // How things were when somebody last looked, and whose turn it is to look.
  `create table notification_memory (key text primary key, state text not null)`,
  `create table notification_turns (key text primary key, last_at timestamptz not null)`,
  `create table worker_signs (holder text primary key, seen_at timestamptz not null)`,
];

/** Who is told what: targets, events, messages to be sent; and signs of life of workers. */
export const notifications: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
