import { type Kysely, type Migration, sql } from 'kysely';

/** From where a run was started. */
export const runAddress: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql.raw('alter table runs add column address text').execute(db);
  },
};
