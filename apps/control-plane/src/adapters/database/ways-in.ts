import { sql, type Transaction } from 'kysely';
import type { Tables } from './schema.js';

/**
 * How many ways into its account there are: a password, passkeys, links to identity providers that are open. The
 * account's row is locked, so of two that are taken away at once the second one sees what the first one left.
 * `without`: a provider that is not counted.
 */
export async function countWaysIn(tx: Transaction<Tables>, account: string, without = ''): Promise<number> {
  const row = await tx
    .selectFrom('accounts')
    .select('password_hash')
    .where('id', '=', account)
    .forUpdate()
    .executeTakeFirst();
  if (!row) return 0;
  const keys = await tx
    .selectFrom('passkeys')
    .select((is) => is.fn.countAll<string>().as('count'))
    .where('account', '=', account)
    .executeTakeFirstOrThrow();
  const links = await tx
    .selectFrom('identities as i')
    .innerJoin('identity_providers as p', 'p.id', 'i.provider')
    .select((is) => is.fn.countAll<string>().as('count'))
    .where('i.account', '=', account)
    .where('i.provider', '!=', without)
    .where(sql<boolean>`(p.body->>'enabled')::boolean`)
    .executeTakeFirstOrThrow();
  return (row.password_hash === null ? 0 : 1) + Number(keys.count) + Number(links.count);
}
