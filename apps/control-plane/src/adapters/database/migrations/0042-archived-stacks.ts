import { type Kysely, type Migration, sql } from 'kysely';

/** A stack may be put to rest. */
export const archivedStacks: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(
        `alter table stacks drop constraint stacks_state_check;
         alter table stacks add constraint stacks_state_check check (state in ('present', 'archived', 'removed'))`,
      )
      .execute(db);
  },
};
