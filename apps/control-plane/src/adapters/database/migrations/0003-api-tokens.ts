import { type Kysely, type Migration, sql } from 'kysely';

/** Tokens for programs; of the token itself only its hash. */
export const apiTokens: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(
        `create table api_tokens (
           id text primary key, name text not null, hash text not null unique,
           role text not null check (role in ('viewer', 'operator', 'author', 'admin')), site text,
           created_at timestamptz not null, expires_at timestamptz not null, last_used_at timestamptz, made_by text not null)`,
      )
      .execute(db);
  },
};
