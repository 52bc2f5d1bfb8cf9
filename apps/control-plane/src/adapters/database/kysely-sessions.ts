import type { Selectable } from 'kysely';
import type { Session, SessionStore } from '../../application/accounts/account-store.port.js';
import type { Account } from '../../domain/account/account.js';
import type { Instant } from '../../domain/ids.js';
import { type Database, reach } from './database.js';
import { toAccount } from './kysely-accounts.js';
import type { SessionsTable } from './schema.js';

/** Browsers' sessions in PostgreSQL, found by the hash of their token. */
export class KyselySessions implements SessionStore {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  async insert(session: Session, hash: string): Promise<void> {
    const { id, accountId, address, userAgent } = session;
    const row = {
      id,
      account: accountId,
      hash,
      address,
      user_agent: userAgent,
      provider: session.provider ?? null,
      provider_session: session.providerSession ?? null,
    };
    const times = {
      created_at: new Date(session.createdAt),
      last_seen_at: new Date(session.lastSeenAt),
      expires_at: new Date(session.expiresAt),
      confirmed_at: new Date(session.confirmedAt),
    };
    await reach(() =>
      this.database.db
        .insertInto('sessions')
        .values({ ...row, ...times })
        .execute(),
    );
  }

  async find(hash: string): Promise<{ session: Session; account: Account } | undefined> {
    const { db } = this.database;
    return await reach(async () => {
      const session = await db.selectFrom('sessions').selectAll().where('hash', '=', hash).executeTakeFirst();
      if (!session) return undefined;
      const account = await db.selectFrom('accounts').selectAll().where('id', '=', session.account).executeTakeFirst();
      return account && { session: toSession(session), account: toAccount(account) };
    });
  }

  async seen(session: Session, at: Instant): Promise<void> {
    const { db } = this.database;
    const last_seen_at = new Date(at);
    await reach(async () => {
      await db.updateTable('sessions').set({ last_seen_at }).where('id', '=', session.id).execute();
      await db.updateTable('accounts').set({ last_seen_at }).where('id', '=', session.accountId).execute();
    });
  }

  async confirmed(id: string, at: Instant): Promise<void> {
    const { db } = this.database;
    const confirmed_at = new Date(at);
    await reach(() => db.updateTable('sessions').set({ confirmed_at }).where('id', '=', id).execute());
  }

  async list(accountId: string): Promise<readonly Session[]> {
    const rows = await reach(() =>
      this.database.db
        .selectFrom('sessions')
        .selectAll()
        .where('account', '=', accountId)
        .orderBy('last_seen_at', 'desc')
        .execute(),
    );
    return rows.map(toSession);
  }

  async remove(accountId: string, id: string): Promise<boolean> {
    const { numDeletedRows } = await reach(() =>
      this.database.db.deleteFrom('sessions').where('account', '=', accountId).where('id', '=', id).executeTakeFirst(),
    );
    return numDeletedRows > 0n;
  }

  async removeAll(accountId: string, keep = ''): Promise<void> {
    const { db } = this.database;
    await reach(() => db.deleteFrom('sessions').where('account', '=', accountId).where('id', '!=', keep).execute());
  }

  async removeOfProvider(provider: string): Promise<void> {
    const { db } = this.database;
    await reach(() => db.deleteFrom('sessions').where('provider', '=', provider).execute());
  }

  async removeEndedOutside(
    provider: string,
    before: Instant,
    { accountId, session }: { readonly accountId?: string; readonly session?: string },
  ): Promise<number> {
    let ended = this.database.db
      .deleteFrom('sessions')
      .where('provider', '=', provider)
      .where('created_at', '<=', new Date(before));
    if (accountId !== undefined) ended = ended.where('account', '=', accountId);
    if (session !== undefined)
      ended = ended.where((is) =>
        is.or([
          is('provider_session', '=', session),
          ...(accountId === undefined ? [] : [is('provider_session', 'is', null)]),
        ]),
      );
    const { numDeletedRows } = await reach(() => ended.executeTakeFirst());
    return Number(numDeletedRows);
  }

  async sweep(at: Instant, idleSince: Instant): Promise<void> {
    await reach(() =>
      this.database.db
        .deleteFrom('sessions')
        .where((is) => is.or([is('expires_at', '<=', new Date(at)), is('last_seen_at', '<=', new Date(idleSince))]))
        .execute(),
    );
  }
}

const toSession = (row: Selectable<SessionsTable>): Session => ({
  id: row.id,
  accountId: row.account,
  createdAt: row.created_at.getTime(),
  lastSeenAt: row.last_seen_at.getTime(),
  expiresAt: row.expires_at.getTime(),
  address: row.address,
  userAgent: row.user_agent,
  confirmedAt: row.confirmed_at.getTime(),
  ...(row.provider === null ? {} : { provider: row.provider }),
  ...(row.provider_session === null ? {} : { providerSession: row.provider_session }),
});
