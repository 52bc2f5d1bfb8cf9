import { type Kysely, type Migration, sql } from 'kysely';

/** Differences between record and world that somebody wants left as they are; they go with their guest. */
export const ignoredDrift: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(
        `create table ignored_drift (
           guest text not null references guests (id) on delete cascade, field text not null, site text not null, observed jsonb not null,
           reason text not null, ignored_by text not null, at timestamptz not null, primary key (guest, field));
         create index ignored_drift_site on ignored_drift (site)`,
      )
      .execute(db);
  },
};
