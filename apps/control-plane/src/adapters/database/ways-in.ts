import type { Transaction } from 'kysely';
import type { Tables } from './schema.js';

/**
 * How many ways into its account there are: a password, passkeys, links to identity providers. The account's row is
 * locked, so of two that are taken away at once the second one sees what the first one left.
 */
export async function countWaysIn(tx: Transaction<Tables>, account: string): Promise<number> {
  const row = await tx
    .selectFrom('accounts')
    .select('password_hash')
    .where('id', '=', account)
    .forUpdate()
    .executeTakeFirst();
  if (!row) return 0;
  const count = (table: 'passkeys' | 'identities') =>
    tx
      .selectFrom(table)
      .select((is) => is.fn.countAll<string>().as('count'))
      .where('account', '=', account)
      .executeTakeFirstOrThrow();
  const [keys, links] = [await count('passkeys'), await count('identities')];
  return (row.password_hash === null ? 0 : 1) + Number(keys.count) + Number(links.count);
}
