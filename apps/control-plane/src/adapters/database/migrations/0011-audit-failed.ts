import { type Kysely, type Migration, sql } from 'kysely';

/** An act that ended in a fault is written down too. */
export const auditFailed: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(
        `alter table audit_entries drop constraint audit_entries_outcome_check;
         alter table audit_entries add constraint audit_entries_outcome_check check (outcome in ('done', 'refused', 'failed'))`,
      )
      .execute(db);
  },
};
