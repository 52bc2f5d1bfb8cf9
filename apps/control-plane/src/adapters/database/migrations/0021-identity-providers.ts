import { type Kysely, type Migration, sql } from 'kysely';

/** Identity providers (OpenID Connect) and whom they know here. Their clients' secrets lie in the secret store. */
export const identityProviders: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql
      .raw(
        `create table identity_providers (id text primary key, created_at timestamptz not null, body jsonb not null);
         create table identities (
           issuer text not null, subject text not null, provider text not null references identity_providers (id) on delete cascade,
           account text not null references accounts (id) on delete cascade, created_at timestamptz not null, last_used_at timestamptz,
           primary key (issuer, subject), unique (provider, account));
         create index identities_account on identities (account);
         alter table accounts add column origin text references identity_providers (id) on delete set null;
         alter table sessions add column provider text`,
      )
      .execute(db);
  },
};
