import type { KnownDeviceStore } from '../../application/accounts/known-devices.js';
import type { Instant } from '../../domain/ids.js';
import { type Database, reach } from './database.js';

/** More than anybody has in use; older ones make room. */
const MOST = 100;

/** What people came in with, in PostgreSQL: hashes alone. */
export class KyselyKnownDevices implements KnownDeviceStore {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  seen(
    account: string,
    marks: readonly string[],
    at: Instant,
    knownSince: Instant,
  ): Promise<'known' | 'first' | 'new'> {
    return reach(() =>
      this.database.db.transaction().execute(async (tx) => {
        // Of two at once with the same new device one is new.
        await tx.selectFrom('accounts').select('id').where('id', '=', account).forNoKeyUpdate().execute();
        const rows = await tx
          .selectFrom('known_devices')
          .select(['mark', 'last_seen_at'])
          .where('account', '=', account)
          .orderBy('last_seen_at', 'desc')
          .execute();
        const known = rows.some((row) => marks.includes(row.mark) && row.last_seen_at.getTime() >= knownSince);
        const last_seen_at = new Date(at);
        await tx
          .insertInto('known_devices')
          .values(marks.map((mark) => ({ account, mark, last_seen_at })))
          .onConflict((conflict) => conflict.columns(['account', 'mark']).doUpdateSet({ last_seen_at }))
          .execute();
        const old = rows.slice(MOST).map(({ mark }) => mark);
        if (old.length > 0)
          await tx.deleteFrom('known_devices').where('account', '=', account).where('mark', 'in', old).execute();
        return known ? 'known' : rows.length === 0 ? 'first' : 'new';
      }),
    );
  }

  async knows(name: string, mark: string, knownSince: Instant): Promise<boolean> {
    const row = await reach(() =>
      this.database.db
        .selectFrom('known_devices as k')
        .innerJoin('accounts as a', 'a.id', 'k.account')
        .select('k.mark')
        .where('a.name', '=', name)
        .where('k.mark', '=', mark)
        .where('k.last_seen_at', '>=', new Date(knownSince))
        .executeTakeFirst(),
    );
    return row !== undefined;
  }
}
