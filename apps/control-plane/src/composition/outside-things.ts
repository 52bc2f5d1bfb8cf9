import { join } from 'node:path';
import { type Provider } from '@nestjs/common';
import { type Logger } from 'pino';
import { DirectoryArtifactStore } from '../adapters/artifacts/directory-artifact-store.js';
import { DirectoryCatalogue } from '../adapters/catalogue/directory-catalogue.js';
import { SiteCertificateAuthority } from '../adapters/certificates/site-certificate-authority.js';
import { SystemClock } from '../adapters/clock/system-clock.js';
import { UlidIds } from '../adapters/clock/ulid-ids.js';
import { type Database, openDatabase } from '../adapters/database/database.js';
import { KyselyAuditLog } from '../adapters/database/kysely-audit-log.js';
import { KyselyCheckHistory } from '../adapters/database/kysely-check-history.js';
import { KyselyDriftBook } from '../adapters/database/kysely-drift-book.js';
import { KyselyLimits } from '../adapters/database/kysely-limits.js';
import { KyselyPlanStore } from '../adapters/database/kysely-plan-store.js';
import { KyselyRunStore } from '../adapters/database/kysely-run-store.js';
import { KyselySecretRows } from '../adapters/database/kysely-secret-rows.js';
import { KyselyStackStore } from '../adapters/database/kysely-stack-store.js';
import { migrate } from '../adapters/database/migrate.js';
import { EmbeddedPostgres } from '../adapters/embedded/embedded-postgres.js';
import { EmbeddedRedis } from '../adapters/embedded/embedded-redis.js';
import { ProxmoxSubstrates } from '../adapters/proxmox/proxmox-substrates.js';
import { BullmqStepQueue } from '../adapters/queue/bullmq-step-queue.js';
import { EnvelopeSecretStore } from '../adapters/secrets/envelope-secret-store.js';
import { MasterKeyFile } from '../adapters/secrets/master-key-file.js';
import { RandomSecretSource } from '../adapters/secrets/random-secret-source.js';
import { SshGuestShell } from '../adapters/ssh/ssh-guest-shell.js';
import { type SshKey, sshKeyFrom } from '../adapters/ssh/ssh-key.js';
import type { Clock } from '../application/clock.port.js';
import type { SecretStore } from '../application/secrets/secret-store.port.js';
import { siteSecret } from '../application/sites/connect-site.js';
import type { StackStore } from '../application/stacks/stack-store.port.js';
import type { Config } from '../config/config.js';
import * as http from '../http/tokens.js';
import {
  CLOCK,
  CONFIG,
  DATABASE,
  DRIFT_BOOK,
  ENGINES,
  from,
  GUEST_SHELL,
  LIMITS,
  LOG,
  NEW_ID,
  QUEUE,
  SECRETS,
  SSH_KEY,
  SUBSTRATES,
} from './tokens.js';

/** Database and queue by URL, or as private children of this process. */
export interface Engines {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  stop(): Promise<void>;
}

async function startEngines(config: Config, log: Logger): Promise<Engines> {
  const directory = config.stateDir;
  const postgres = config.databaseUrl === undefined ? new EmbeddedPostgres({ directory, log }) : undefined;
  const redis = config.redisUrl === undefined ? new EmbeddedRedis({ directory, log }) : undefined;
  await Promise.all([postgres?.start(), redis?.start()]);
  return {
    databaseUrl: config.databaseUrl ?? postgres!.url,
    redisUrl: config.redisUrl ?? redis!.url,
    stop: async () => {
      await Promise.all([postgres?.stop(), redis?.stop()]);
    },
  };
}

async function openMigrated(engines: Engines): Promise<Database> {
  const database = openDatabase({ url: engines.databaseUrl });
  await migrate(database.db);
  return database;
}

export const outsideThings: Provider[] = [
  from(CLOCK, [], () => new SystemClock()),
  from(NEW_ID, [], () => new UlidIds()),
  from(ENGINES, [CONFIG, LOG], startEngines),
  from(DATABASE, [ENGINES], openMigrated),
  from(http.STACK_STORE, [DATABASE], (database: Database) => new KyselyStackStore(database)),
  from(http.PLAN_STORE, [DATABASE], (database: Database) => new KyselyPlanStore(database)),
  from(http.RUN_STORE, [DATABASE], (database: Database) => new KyselyRunStore(database)),
  from(DRIFT_BOOK, [DATABASE], (database: Database) => new KyselyDriftBook(database)),
  from(http.CHECK_HISTORY, [DATABASE], (database: Database) => new KyselyCheckHistory(database)),
  from(LIMITS, [DATABASE, CLOCK], (database: Database, clock: Clock) => new KyselyLimits(database, clock)),
  from(QUEUE, [ENGINES, LOG], (engines: Engines, log: Logger) =>
    BullmqStepQueue.open({ address: engines.redisUrl, log }),
  ),
  from(
    SECRETS,
    [DATABASE, CONFIG],
    (database: Database, config: Config) =>
      new EnvelopeSecretStore(new KyselySecretRows(database), new MasterKeyFile(config.masterKeyFile)),
  ),
  from(http.SECRET_STORE, [SECRETS], (secrets: SecretStore) => secrets),
  from(
    http.CERTIFICATES,
    [SECRETS, CLOCK],
    (secrets: SecretStore, clock: Clock) => new SiteCertificateAuthority(secrets, clock),
  ),
  from(
    http.CATALOGUE,
    [CONFIG],
    (config: Config) =>
      new DirectoryCatalogue({ modules: config.moduleDirectories, blueprints: config.blueprintDirectories }),
  ),
  from(
    http.ARTIFACT_STORE,
    [CONFIG],
    (config: Config) => new DirectoryArtifactStore({ directory: join(config.stateDir, 'artifacts') }),
  ),
  from(http.AUDIT_LOG, [DATABASE, CLOCK, SECRETS], async (database: Database, clock: Clock, secrets: SecretStore) => {
    const fresh = (): string => new RandomSecretSource().generate({ length: 64, alphabet: 'hex' });
    return new KyselyAuditLog(database, clock, await secrets.ensure('audit/chain-key', fresh));
  }),
  from(SSH_KEY, [SECRETS], sshKeyFrom),
  from(GUEST_SHELL, [SSH_KEY], (key: SshKey) => new SshGuestShell({ privateKey: key.privateKey })),
  from(
    SUBSTRATES,
    [http.STACK_STORE, SECRETS, CLOCK],
    (stacks: StackStore, secrets: SecretStore, clock: Clock) =>
      new ProxmoxSubstrates(
        {
          site: (name) => stacks.getSite(name),
          secret: async (reference, site) => {
            const value = await secrets.get(siteSecret(site, reference));
            if (value === undefined) throw new Error(`the secret ${reference} of site ${site} is not stored`);
            return value;
          },
        },
        clock,
      ),
  ),
];
