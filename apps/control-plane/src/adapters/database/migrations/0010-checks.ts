import { type Kysely, type Migration, sql } from 'kysely';

/** What checks said, and whose turn it is to be checked. */
export const checks: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(
        `create table checks (
           id bigint generated always as identity primary key, stack text not null, at timestamptz not null, instance text not null,
           guest text not null, healthy boolean not null, tail jsonb not null, error text, asked_by text not null);
         create index checks_stack on checks (stack, id desc);
         create table check_turns (stack text primary key, last_at timestamptz not null)`,
      )
      .execute(db);
  },
};
