import type { ConfirmedDevice, DeviceLogInRow, DeviceLogInStore } from '../../application/accounts/device-log-in.js';
import type { Instant } from '../../domain/ids.js';
import { type Database, reach } from './database.js';

/** Log-ins that wait for a browser, in PostgreSQL. */
export class KyselyDeviceLogIns implements DeviceLogInStore {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  async insert(row: DeviceLogInRow, hash: string, user_code_hash: string, now: Instant): Promise<void> {
    const { db } = this.database;
    await reach(async () => {
      await db.deleteFrom('device_log_ins').where('expires_at', '<=', new Date(now)).execute();
      await db
        .insertInto('device_log_ins')
        .values({
          hash,
          user_code_hash,
          address: row.address,
          user_agent: row.userAgent,
          created_at: new Date(row.createdAt),
          expires_at: new Date(row.expiresAt),
          account: null,
          provider: null,
          provider_session: null,
        })
        .execute();
    });
  }

  async findByUserCode(user_code_hash: string, now: Instant): Promise<DeviceLogInRow | undefined> {
    const row = await reach(() =>
      this.database.db
        .selectFrom('device_log_ins')
        .selectAll()
        .where('user_code_hash', '=', user_code_hash)
        .where('expires_at', '>', new Date(now))
        .executeTakeFirst(),
    );
    return (
      row && {
        address: row.address,
        userAgent: row.user_agent,
        createdAt: row.created_at.getTime(),
        expiresAt: row.expires_at.getTime(),
        ...(row.account === null ? {} : { confirmed: toConfirmed(row.account, row) }),
      }
    );
  }

  async waiting(now: Instant): Promise<ReadonlyMap<string, number>> {
    const rows = await reach(() =>
      this.database.db
        .selectFrom('device_log_ins')
        .select((is) => ['address', is.fn.countAll<string>().as('count')])
        .where('account', 'is', null)
        .where('expires_at', '>', new Date(now))
        .groupBy('address')
        .execute(),
    );
    return new Map(rows.map(({ address, count }) => [address, Number(count)]));
  }

  async confirm(user_code_hash: string, by: ConfirmedDevice, now: Instant): Promise<boolean> {
    const { numUpdatedRows } = await reach(() =>
      this.database.db
        .updateTable('device_log_ins')
        .set({
          account: by.accountId,
          provider: by.provider ?? null,
          provider_session: by.providerSession ?? null,
        })
        .where('user_code_hash', '=', user_code_hash)
        .where('account', 'is', null)
        .where('expires_at', '>', new Date(now))
        .executeTakeFirst(),
    );
    return numUpdatedRows > 0n;
  }

  async refuse(user_code_hash: string): Promise<boolean> {
    const { numDeletedRows } = await reach(() =>
      this.database.db
        .deleteFrom('device_log_ins')
        .where('user_code_hash', '=', user_code_hash)
        .where('account', 'is', null)
        .executeTakeFirst(),
    );
    return numDeletedRows > 0n;
  }

  async take(hash: string, now: Instant): Promise<ConfirmedDevice | 'waiting' | undefined> {
    const { db } = this.database;
    return await reach(async () => {
      const taken = await db
        .deleteFrom('device_log_ins')
        .where('hash', '=', hash)
        .where('account', 'is not', null)
        .where('expires_at', '>', new Date(now))
        .returning(['account', 'provider', 'provider_session'])
        .executeTakeFirst();
      if (taken?.account) return toConfirmed(taken.account, taken);
      const waits = await db
        .selectFrom('device_log_ins')
        .select('hash')
        .where('hash', '=', hash)
        .where('expires_at', '>', new Date(now))
        .executeTakeFirst();
      return waits ? 'waiting' : undefined;
    });
  }
}

const toConfirmed = (
  accountId: string,
  row: { readonly provider: string | null; readonly provider_session: string | null },
): ConfirmedDevice => ({
  accountId,
  ...(row.provider === null ? {} : { provider: row.provider }),
  ...(row.provider_session === null ? {} : { providerSession: row.provider_session }),
});
