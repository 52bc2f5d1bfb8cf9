import { sql } from 'kysely';
import type { StackStore } from '../../application/stacks/stack-store.port.js';
import type { BindingId, GuestId, InstanceId, StackId } from '../../domain/ids.js';
import type { Site } from '../../domain/site/site.js';
import type {
  BegunGuest,
  RecordedBinding,
  RecordedGuest,
  RecordedInstance,
  RecordedSite,
  WantedStack,
} from '../../domain/stack/stack.js';
import { findBegun } from './begun-guests.js';
import { type Database, reach } from './database.js';
import { toWord } from './kysely-drift-book.js';
import { putWanted } from './wanted-stacks.js';

/** Sites, stacks and what is recorded of them, in PostgreSQL. */
export class KyselyStackStore implements StackStore {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  private get db(): Database['db'] {
    return this.database.db;
  }

  async putSite(site: Site): Promise<void> {
    const body = JSON.stringify(site);
    await reach(() =>
      this.db
        .insertInto('sites')
        .values({ name: site.name, body })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ body }))
        .execute(),
    );
  }

  async getSite(name: string): Promise<Site | undefined> {
    const row = await reach(() =>
      this.db.selectFrom('sites').select('body').where('name', '=', name).executeTakeFirst(),
    );
    return row?.body;
  }

  async listSites(): Promise<readonly Site[]> {
    const rows = await reach(() => this.db.selectFrom('sites').select('body').orderBy('name').execute());
    return rows.map(({ body }) => body);
  }

  async putStack(stack: WantedStack): Promise<void> {
    await reach(() => putWanted(this.db, stack));
  }

  async getStack(id: StackId): Promise<WantedStack | undefined> {
    const row = await reach(() => this.db.selectFrom('stacks').select('body').where('id', '=', id).executeTakeFirst());
    return row?.body;
  }

  async findStack(site: string, name: string): Promise<WantedStack | undefined> {
    const row = await reach(() =>
      this.db
        .selectFrom('stacks')
        .select('body')
        .where('site', '=', site)
        .where('name', '=', name)
        .where('state', '<>', 'removed')
        .executeTakeFirst(),
    );
    return row?.body;
  }

  async listStacks(site?: string): Promise<readonly WantedStack[]> {
    let query = this.db.selectFrom('stacks').select('body');
    if (site !== undefined) query = query.where('site', '=', site);
    const rows = await reach(() => query.orderBy('site').orderBy('name').orderBy('id').execute());
    return rows.map(({ body }) => body);
  }

  recorded(site: string): Promise<RecordedSite> {
    return reach(() =>
      this.db
        .transaction()
        .setIsolationLevel('repeatable read')
        .execute(async (tx) => {
          const instances = await tx
            .selectFrom('instances')
            .select('body')
            .where('site', '=', site)
            .orderBy('id')
            .execute();
          const guests = await tx.selectFrom('guests').select('body').where('site', '=', site).orderBy('id').execute();
          const bindings = await tx
            .selectFrom('bindings')
            .select('body')
            .where('site', '=', site)
            .orderBy('id')
            .execute();
          const begun = await tx
            .selectFrom('begun_guests')
            .select('body')
            .where('site', '=', site)
            .orderBy('id')
            .execute();
          // A removed stack counts as long as something of it is recorded.
          const stacks = await tx
            .selectFrom('stacks')
            .select(['id', 'name', 'state'])
            .where('site', '=', site)
            .where(
              sql<boolean>`(state <> 'removed' or exists (select from instances i where i.stack = stacks.id)
                or exists (select from guests g where g.stack = stacks.id)
                or exists (select from begun_guests b where b.stack = stacks.id))`,
            )
            .orderBy('id')
            .execute();
          const reservations = await tx
            .selectFrom('reservations')
            .select(['kind', 'scope', 'value', 'owner'])
            .where('site', '=', site)
            .where(sql<boolean>`(expires_at is null or expires_at >= clock_timestamp())`)
            .orderBy('kind')
            .orderBy('scope')
            .orderBy('value')
            .execute();
          const words = await tx.selectFrom('ignored_drift').selectAll().where('site', '=', site).execute();
          return {
            stacks: stacks.map(({ id, name, state }) => ({
              id,
              name,
              ...(state === 'archived' ? { archived: true as const } : {}),
            })),
            instances: instances.map(({ body }) => body),
            guests: guests.map(({ body }) => body),
            bindings: bindings.map(({ body }) => body),
            reservations,
            ...(begun.length > 0 ? { begun: begun.map(({ body }) => body) } : {}),
            ...(words.length > 0 ? { ignoredDrift: words.map(toWord) } : {}),
          };
        }),
    );
  }

  async findGuest(site: string, key: string): Promise<RecordedGuest | undefined> {
    const row = await reach(() =>
      this.db.selectFrom('guests').select('body').where('site', '=', site).where('key', '=', key).executeTakeFirst(),
    );
    return row?.body;
  }

  findBegun(id: GuestId): Promise<BegunGuest | undefined> {
    return reach(() => findBegun(this.db, id));
  }

  async findInstance(id: InstanceId): Promise<RecordedInstance | undefined> {
    const row = await reach(() =>
      this.db.selectFrom('instances').select('body').where('id', '=', id).executeTakeFirst(),
    );
    return row?.body;
  }

  async findBinding(id: BindingId): Promise<RecordedBinding | undefined> {
    const row = await reach(() =>
      this.db.selectFrom('bindings').select('body').where('id', '=', id).executeTakeFirst(),
    );
    return row?.body;
  }
}
