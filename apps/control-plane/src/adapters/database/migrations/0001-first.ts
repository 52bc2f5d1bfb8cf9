import { type Kysely, type Migration, sql } from 'kysely';

const STATEMENTS = [
  `create table sites (name text primary key, body jsonb not null)`,
  `create table stacks (
     id text primary key, site text not null references sites (name), name text not null,
     state text not null check (state in ('present', 'removed')), body jsonb not null)`,
  `create unique index stacks_name on stacks (site, name) where state <> 'removed'`,
  `create table instances (
     id text primary key, site text not null, stack text not null references stacks (id), body jsonb not null)`,
  `create index instances_site on instances (site)`,
  `create table guests (
     id text primary key, site text not null, stack text not null references stacks (id), instance text not null,
     key text not null, body jsonb not null, unique (site, key))`,
  `create index guests_key on guests (key)`,
  `create table bindings (
     id text primary key, site text not null, consumer text not null, provider text not null, body jsonb not null)`,
  `create index bindings_site on bindings (site)`,
  `create index bindings_consumer on bindings (consumer)`,
  `create index bindings_provider on bindings (provider)`,
  `create table reservations (
     site text not null, kind text not null check (kind in ('guest-id', 'address')), scope text not null,
     value text not null, owner text not null, plan text, expires_at timestamptz,
     primary key (site, kind, scope, value))`,
  `create index reservations_owner on reservations (owner)`,
  `create index reservations_plan on reservations (plan)`,
  `create table plans (
     id text primary key, site text not null, stack text not null, hash text not null,
     created_at timestamptz not null, body jsonb not null)`,
  `create table runs (
     id text primary key, plan text not null references plans (id), stack text not null, stack_name text not null,
     site text not null, operation text not null, undoes text references runs (id), state text not null,
     actor text not null, created_at timestamptz not null, finished_at timestamptz, last_seq integer not null default 0)`,
  // Two runs of one stack at once would each undo what the other does. Checked here, so that no race gets past it.
  `create unique index runs_one_active on runs (stack) where state in ('running', 'cancelling')`,
  `create index runs_stack on runs (stack, created_at desc)`,
  `create index runs_created on runs (created_at desc)`,
  `create index runs_undoes on runs (undoes) where undoes is not null`,
  `create index runs_undoing on runs (stack) where state = 'undoing'`,
  `create table run_steps (
     run text not null references runs (id), step text not null, place integer not null, planned jsonb not null,
     after text[] not null, weight_ms double precision not null, deadline_ms double precision not null,
     duration_key text not null, state text not null, attempt integer not null default 0,
     epoch integer not null default 0, starts integer not null default 0, retries integer not null default 0,
     holder text, lease_until timestamptz, deadline timestamptz, not_before timestamptz, started_at timestamptz,
     finished_at timestamptz, percent integer, text text, waiting_for text, failure jsonb, problem jsonb,
     blocked_by text, output jsonb, outside_task text, primary key (run, step))`,
  `create index run_steps_open on run_steps (state) where state in ('ready', 'running', 'retrying')`,
  `create index run_steps_durations on run_steps (duration_key, finished_at desc) where state = 'succeeded'`,
  `create table run_events (
     run text not null references runs (id), seq integer not null, at timestamptz not null, step text,
     type text not null, data jsonb not null, primary key (run, seq))`,
  `create function run_events_only_grow() returns trigger language plpgsql as $$
     begin raise exception 'the run log only grows: % is not allowed', tg_op using errcode = 'restrict_violation'; end $$`,
  `create trigger run_events_rows before update or delete on run_events
     for each row execute function run_events_only_grow()`,
  `create trigger run_events_table before truncate on run_events
     for each statement execute function run_events_only_grow()`,
  `create table secrets (
     name text collate "C" primary key, key_id text not null, wrapped_key bytea not null, nonce bytea not null,
     ciphertext bytea not null)`,
  `create table limits (
     key text not null, slot integer not null, run text not null, step text not null, epoch integer not null,
     expires_at timestamptz not null, primary key (key, slot))`,
  `create index limits_holder on limits (run, step)`,
];

/** Sites, stacks, what is recorded of them, plans, runs and their log, secrets, limits. */
export const first: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
