import { type Kysely, type Migration, sql } from 'kysely';

/** People, their browsers' sessions, failed log-ins, authenticator apps. Secrets are hashes here; those of apps lie in the secret store. */
export const accounts: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(
        `create table accounts (
           id text primary key, name text not null unique check (name = lower(name)), display_name text not null, email text,
           language text, grants jsonb not null, disabled boolean not null default false, password_hash text,
           password_temporary boolean not null default false, created_at timestamptz not null, last_seen_at timestamptz);
         create table sessions (
           id text primary key, account text not null references accounts (id) on delete cascade, hash text not null unique,
           created_at timestamptz not null, last_seen_at timestamptz not null, expires_at timestamptz not null,
           address text not null, user_agent text not null);
         create index sessions_account on sessions (account);
         create table login_failures (
           key text primary key, count integer not null, last_at timestamptz not null, previous_at timestamptz not null);
         create table one_time_codes (
           account text primary key references accounts (id) on delete cascade, confirmed boolean not null, last_step bigint not null);
         create table recovery_codes (
           account text not null references one_time_codes (account) on delete cascade, hash text not null, primary key (account, hash))`,
      )
      .execute(db);
  },
};
