import type { Challenge, ChallengeStore } from '../../application/accounts/challenges.js';
import type { Instant } from '../../domain/ids.js';
import { type Database, reach } from './database.js';

/** Challenges in PostgreSQL, by their hashes. */
export class KyselyChallenges implements ChallengeStore {
  constructor(private readonly database: Pick<Database, 'db'>) {}

  async put(hash: string, challenge: Challenge, now: Instant): Promise<void> {
    const { purpose, holder, account, data, expiresAt } = challenge;
    const { db } = this.database;
    await reach(async () => {
      await db
        .deleteFrom('door_challenges')
        .where((is) => is.or([is('expires_at', '<=', new Date(now)), is.and({ holder, purpose })]))
        .execute();
      await db
        .insertInto('door_challenges')
        .values({
          hash,
          purpose,
          holder,
          account: account ?? null,
          data: JSON.stringify(data),
          expires_at: new Date(expiresAt),
        })
        .execute();
    });
  }

  async take(hash: string): Promise<Challenge | undefined> {
    const row = await reach(() =>
      this.database.db.deleteFrom('door_challenges').where('hash', '=', hash).returningAll().executeTakeFirst(),
    );
    if (!row) return undefined;
    const { purpose, holder, account, data } = row;
    return {
      purpose: purpose as Challenge['purpose'],
      holder,
      ...(account === null ? {} : { account }),
      data,
      expiresAt: row.expires_at.getTime(),
    };
  }
}
