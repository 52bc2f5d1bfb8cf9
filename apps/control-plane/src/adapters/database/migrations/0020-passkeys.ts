import { type Kysely, type Migration, sql } from 'kysely';

/**
 * Passkeys, and the single-use challenges of every ceremony at the door (only their hashes). Recovery codes stand in for
 * any second factor, so they belong to the account and no longer to the authenticator app. A session remembers when its
 * holder last proved who they are.
 */
export const passkeys: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(
        `create table passkeys (
           id text primary key, account text not null references accounts (id) on delete cascade, credential text not null unique,
           public_key text not null, counter bigint not null, transports jsonb not null, name text not null, rp_id text not null,
           created_at timestamptz not null, last_used_at timestamptz);
         create index passkeys_account on passkeys (account);
         create table door_challenges (
           hash text primary key, purpose text not null, holder text not null, account text, data jsonb not null,
           expires_at timestamptz not null);
         create index door_challenges_holder on door_challenges (holder, purpose);
         alter table recovery_codes drop constraint recovery_codes_account_fkey;
         alter table recovery_codes add foreign key (account) references accounts (id) on delete cascade;
         alter table sessions add column confirmed_at timestamptz;
         update sessions set confirmed_at = created_at;
         alter table sessions alter column confirmed_at set not null`,
      )
      .execute(db);
  },
};
