import { type Kysely, type Migration, sql } from 'kysely';

/**
 * Guests that the substrate was asked for and that are not recorded. What earlier versions began and never finished is
 * taken over without ids: it is looked for by its stamp alone, because nobody looked what else lay there before.
 */
export const begunGuests: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const statements = [
      `create table begun_guests (
         id text primary key, site text not null, stack text not null, key text not null, body jsonb not null)`,
      `create index begun_guests_site on begun_guests (site)`,
      `create index begun_guests_key on begun_guests (key)`,
      `insert into begun_guests (id, site, stack, key, body)
       select s.planned->'step'->'guest'->>'id', r.site, r.stack, s.planned->'step'->'guest'->>'key',
         jsonb_build_object('spec', s.planned->'step'->'guest', 'stack', r.stack, 'vmids', '[]'::jsonb)
       from run_steps s join runs r on r.id = s.run join stacks k on k.id = r.stack
       where s.planned->'step'->>'kind' = 'guest.create' and s.attempt > 0 and s.state not in ('succeeded', 'undone')
         and k.state <> 'removed'
         and not exists (select from guests g where g.id = s.planned->'step'->'guest'->>'id')
       on conflict do nothing`,
    ];
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
