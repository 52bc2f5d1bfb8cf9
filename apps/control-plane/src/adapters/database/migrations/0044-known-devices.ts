import { type Kysely, type Migration, sql } from 'kysely';

/**
 * What people came in with (hashes alone), so that something new is noticed. Sessions know
 * which session at an identity provider they belong to, those of terminals too. Messages to a person: to the address in `recipient`, over the target's mail server.
 */
export const knownDevices: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(
        `create table known_devices (
           account text not null references accounts (id) on delete cascade, mark text not null, last_seen_at timestamptz not null,
           primary key (account, mark));
         alter table sessions add column provider_session text;
         alter table device_log_ins add column provider text, add column provider_session text;
         alter table notification_entries add column recipient text not null default '';
         alter table notification_entries drop constraint notification_entries_pkey;
         alter table notification_entries add primary key (target, event, recipient);
         alter table notification_deliveries add column recipient text not null default ''`,
      )
      .execute(db);
  },
};
