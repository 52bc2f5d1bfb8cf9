import { type Kysely, type Migration, Migrator } from 'kysely';
import { first } from './migrations/0001-first.js';
import { audit } from './migrations/0002-audit.js';
import { apiTokens } from './migrations/0003-api-tokens.js';
import { accounts } from './migrations/0004-accounts.js';
import { checks } from './migrations/0010-checks.js';
import { auditFailed } from './migrations/0011-audit-failed.js';
import { passkeys } from './migrations/0020-passkeys.js';
import { identityProviders } from './migrations/0021-identity-providers.js';
import { deviceLogIns } from './migrations/0022-device-log-ins.js';
import { notifications } from './migrations/0025-notifications.js';
import { ignoredDrift } from './migrations/0040-ignored-drift.js';
import { runAddress } from './migrations/0041-run-address.js';
import { archivedStacks } from './migrations/0042-archived-stacks.js';
import { begunGuests } from './migrations/0043-begun-guests.js';
import { knownDevices } from './migrations/0044-known-devices.js';
import type { Tables } from './schema.js';

/** In order; only ever added to. A released one is never changed. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-first': first,
  '0002-audit': audit,
  '0003-api-tokens': apiTokens,
  '0004-accounts': accounts,
  '0010-checks': checks,
  '0011-audit-failed': auditFailed,
  '0020-passkeys': passkeys,
  '0021-identity-providers': identityProviders,
  '0022-device-log-ins': deviceLogIns,
  '0025-notifications': notifications,
  '0040-ignored-drift': ignoredDrift,
  '0041-run-address': runAddress,
  '0042-archived-stacks': archivedStacks,
  '0043-begun-guests': begunGuests,
  '0044-known-devices': knownDevices,
};

/**
 * Brings the schema up to date and returns what was applied. Several processes may start at once: Kysely's migrator takes
 * an advisory lock, and all of it is one transaction. Throws when the database has migrations that this version does not
 * know: it was used by a newer one.
 */
export async function migrate(db: Kysely<Tables>): Promise<readonly string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(MIGRATIONS) } });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) {
    const failed = results?.find(({ status }) => status === 'Error')?.migrationName;
    const cause = error instanceof Error ? error.message : String(error);
    throw new Error(`database migration${failed === undefined ? '' : ` ${failed}`} failed: ${cause}`, { cause: error });
  }
  return (results ?? []).map(({ migrationName }) => migrationName);
}
