import { type Kysely, type Migration, sql } from 'kysely';

const STATEMENTS = [
  `create table audit_entries (
     seq bigint primary key, at timestamptz not null, actor text not null, actor_kind text not null, address text,
     action text not null, subject text not null, site text, outcome text not null check (outcome in ('done', 'refused')),
     details jsonb, hash text not null)`,
  `create index audit_entries_at on audit_entries (at)`,
  `create function audit_only_grows() returns trigger language plpgsql as $$
     begin raise exception 'the audit only grows: % is not allowed', tg_op using errcode = 'restrict_violation'; end $$`,
  `create trigger audit_entries_rows before update or delete on audit_entries
     for each row execute function audit_only_grows()`,
  `create trigger audit_entries_table before truncate on audit_entries
     for each statement execute function audit_only_grows()`,
  // One row: its lock puts appends in order, and it tells when rows at the end were cut off.
  `create table audit_head (one boolean primary key default true check (one), rows bigint not null, hash text not null)`,
  `insert into audit_head (rows, hash) values (0, '')`,
  `create trigger audit_head_forward before update on audit_head
     for each row when (new.rows <> old.rows + 1) execute function audit_only_grows()`,
  `create trigger audit_head_stays before delete on audit_head for each row execute function audit_only_grows()`,
  `create trigger audit_head_table before truncate on audit_head
     for each statement execute function audit_only_grows()`,
];

/** The audit: append-only rows, chained by their hashes. */
export const audit: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
