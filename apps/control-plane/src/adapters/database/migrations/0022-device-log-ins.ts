import { type Kysely, type Migration, sql } from 'kysely';

/** Log-ins that begin where there is no browser and are confirmed in one: only hashes of both codes. */
export const deviceLogIns: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(
        `create table device_log_ins (
           hash text primary key, user_code_hash text not null unique, address text not null, user_agent text not null,
           created_at timestamptz not null, expires_at timestamptz not null, account text references accounts (id) on delete cascade)`,
      )
      .execute(db);
  },
};
