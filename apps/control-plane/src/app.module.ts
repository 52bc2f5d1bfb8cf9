import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type DynamicModule, type InjectionToken, Module, type Provider } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import pino, { type Logger } from 'pino';
import { DirectoryArtifactStore } from './adapters/artifacts/directory-artifact-store.js';
import { DirectoryCatalogue } from './adapters/catalogue/directory-catalogue.js';
import { SiteCertificateAuthority } from './adapters/certificates/site-certificate-authority.js';
import { SystemClock } from './adapters/clock/system-clock.js';
import { UlidIds } from './adapters/clock/ulid-ids.js';
import { type Database, openDatabase } from './adapters/database/database.js';
import { KyselyApiTokenRows } from './adapters/database/kysely-api-token-rows.js';
import { KyselyAuditLog } from './adapters/database/kysely-audit-log.js';
import { KyselyLimits } from './adapters/database/kysely-limits.js';
import { KyselyPlanStore } from './adapters/database/kysely-plan-store.js';
import { KyselyRunStore } from './adapters/database/kysely-run-store.js';
import { KyselySecretRows } from './adapters/database/kysely-secret-rows.js';
import { KyselyStackStore } from './adapters/database/kysely-stack-store.js';
import { migrate } from './adapters/database/migrate.js';
import { EmbeddedPostgres } from './adapters/embedded/embedded-postgres.js';
import { EmbeddedRedis } from './adapters/embedded/embedded-redis.js';
import { ProxmoxSubstrates } from './adapters/proxmox/proxmox-substrates.js';
import { BullmqStepQueue } from './adapters/queue/bullmq-step-queue.js';
import { EnvelopeSecretStore } from './adapters/secrets/envelope-secret-store.js';
import { MasterKeyFile } from './adapters/secrets/master-key-file.js';
import { RandomSecretSource } from './adapters/secrets/random-secret-source.js';
import { tokenFromFile } from './adapters/secrets/token-file.js';
import { SshGuestShell } from './adapters/ssh/ssh-guest-shell.js';
import { type SshKey, sshKeyFrom } from './adapters/ssh/ssh-key.js';
import { ApiTokens } from './application/accounts/api-tokens.js';
import type { ArtifactStore } from './application/artifacts/artifact-store.port.js';
import type { Catalogue } from './application/catalogue/catalogue.port.js';
import type { CertificateAuthority } from './application/certificates/certificate-authority.port.js';
import type { Clock, NewId } from './application/clock.port.js';
import type { GuestShell } from './application/guests/guest-shell.port.js';
import { ApplyPlan } from './application/plans/apply-plan.js';
import type { PlanWorld } from './application/plans/gather-plan-input.js';
import { MakePlan } from './application/plans/make-plan.js';
import type { PlanStore } from './application/plans/plan-store.port.js';
import { AdvanceRun } from './application/runs/advance-run.js';
import { CancelRun } from './application/runs/cancel-run.js';
import { ExecuteStep } from './application/runs/execute-step.js';
import { abortOutsideTask } from './application/runs/executors/abort-outside-task.js';
import { makeExecutors } from './application/runs/executors/executors.js';
import type { StepWorld } from './application/runs/executors/step-world.js';
import { FollowRun } from './application/runs/follow-run.js';
import { LeaveRun } from './application/runs/leave-run.js';
import { RequestUndo } from './application/runs/request-undo.js';
import { RetryRun } from './application/runs/retry-run.js';
import { RunControl } from './application/runs/run-control.js';
import { DEFAULT_JOURNAL } from './application/runs/step-journal.js';
import { DEFAULT_LIMIT_SIZES } from './application/runs/step-limits.js';
import { Sweep } from './application/runs/sweep.js';
import { UndoRun } from './application/runs/undo-run.js';
import type { SecretStore } from './application/secrets/secret-store.port.js';
import { ConnectSite, ExamineSite, siteSecret } from './application/sites/connect-site.js';
import { CheckStack } from './application/stacks/check-stack.js';
import { ShowStack } from './application/stacks/show-stack.js';
import type { StackStore } from './application/stacks/stack-store.port.js';
import type { Substrates } from './application/substrates/substrate.port.js';
import type { Config } from './config/config.js';
import { parseSite } from './documents/documents.js';
import { DEFAULT_RETRY_POLICY } from './domain/run/retry-policy.js';
import { AccessGuard } from './http/access-guard.js';
import { AuditInterceptor } from './http/acts.js';
import { CONTROLLERS } from './http/api.js';
import * as http from './http/tokens.js';
import { Worker } from './worker/worker.js';

/** What the product is made of, by token; the HTTP tokens are those that controllers ask for. */
const CONFIG = Symbol('CONFIG');
const LOG = Symbol('LOG');
const CLOCK = Symbol('CLOCK');
const NEW_ID = Symbol('NEW_ID');
const ENGINES = Symbol('ENGINES');
const DATABASE = Symbol('DATABASE');
const LIMITS = Symbol('LIMITS');
const QUEUE = Symbol('QUEUE');
const SECRETS = Symbol('SECRETS');
const SSH_KEY = Symbol('SSH_KEY');
const SUBSTRATES = Symbol('SUBSTRATES');
const PLAN_WORLD = Symbol('PLAN_WORLD');
const STEP_WORLD = Symbol('STEP_WORLD');
const ADVANCE_RUN = Symbol('ADVANCE_RUN');
export const WORKER = Symbol('WORKER');
export const CLOSE = Symbol('CLOSE');
export const GUEST_SHELL = Symbol('GUEST_SHELL');

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** `Provider` with the types of its dependencies left to the factory: tokens carry none. */
const from = (
  provide: InjectionToken,
  inject: InjectionToken[],
  // biome-ignore lint/suspicious/noExplicitAny: the container hands over what the tokens stand for
  useFactory: (...parts: any[]) => unknown,
): Provider => ({
  provide,
  inject,
  useFactory,
});

/** Database and queue by URL, or as private children of this process. */
interface Engines {
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

const outsideThings: Provider[] = [
  from(CLOCK, [], () => new SystemClock()),
  from(NEW_ID, [], () => new UlidIds()),
  from(ENGINES, [CONFIG, LOG], startEngines),
  from(DATABASE, [ENGINES], openMigrated),
  from(http.STACK_STORE, [DATABASE], (database: Database) => new KyselyStackStore(database)),
  from(http.PLAN_STORE, [DATABASE], (database: Database) => new KyselyPlanStore(database)),
  from(http.RUN_STORE, [DATABASE], (database: Database) => new KyselyRunStore(database)),
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

const useCases: Provider[] = [
  from(
    PLAN_WORLD,
    [http.STACK_STORE, http.PLAN_STORE, SUBSTRATES, http.CATALOGUE, CLOCK, NEW_ID],
    (
      stacks: StackStore,
      plans: PlanStore,
      substrates: Substrates,
      catalogue: Catalogue,
      clock: Clock,
      newId: NewId,
    ): PlanWorld => ({
      stacks,
      plans,
      substrates,
      catalogue,
      clock,
      newId,
      sha256,
    }),
  ),
  from(
    STEP_WORLD,
    [
      http.STACK_STORE,
      http.PLAN_STORE,
      SUBSTRATES,
      GUEST_SHELL,
      SECRETS,
      http.CERTIFICATES,
      http.CATALOGUE,
      http.ARTIFACT_STORE,
      SSH_KEY,
    ],
    (
      stacks: StackStore,
      plans: PlanStore,
      substrates: Substrates,
      shell: GuestShell,
      secrets: SecretStore,
      certificates: CertificateAuthority,
      catalogue: Catalogue,
      artifacts: ArtifactStore,
      key: SshKey,
    ): StepWorld => ({
      stacks,
      plans,
      substrates,
      shell,
      secrets,
      certificates,
      catalogue,
      artifacts,
      secretSource: new RandomSecretSource(),
      sshPublicKey: key.publicKey,
      sha256,
    }),
  ),
  from(
    ADVANCE_RUN,
    [http.RUN_STORE, QUEUE, LOG],
    (runs: KyselyRunStore, queue: BullmqStepQueue, log: Logger) => new AdvanceRun(runs, queue, log),
  ),
  from(
    http.API_TOKENS,
    [DATABASE, CLOCK, NEW_ID],
    (database: Database, clock: Clock, newId: NewId) =>
      new ApiTokens(new KyselyApiTokenRows(database), clock, newId, new RandomSecretSource(), sha256),
  ),
  from(http.MAKE_PLAN, [PLAN_WORLD], (world: PlanWorld) => new MakePlan(world)),
  from(
    http.APPLY_PLAN,
    [PLAN_WORLD, http.RUN_STORE, QUEUE],
    (world: PlanWorld, runs: KyselyRunStore, queue: BullmqStepQueue) => new ApplyPlan(world, runs, queue),
  ),
  from(
    http.CONNECT_SITE,
    [http.STACK_STORE, SECRETS],
    (stacks: StackStore, secrets: SecretStore) => new ConnectSite(stacks, secrets),
  ),
  from(
    http.EXAMINE_SITE,
    [http.STACK_STORE, SUBSTRATES, CLOCK],
    (stacks: StackStore, substrates: Substrates, clock: Clock) => new ExamineSite(stacks, substrates, clock),
  ),
  from(
    http.SHOW_STACK,
    [http.STACK_STORE, http.CATALOGUE, SECRETS],
    (stacks: StackStore, catalogue: Catalogue, secrets: SecretStore) => new ShowStack(stacks, catalogue, secrets),
  ),
  from(
    http.CHECK_STACK,
    [STEP_WORLD, NEW_ID, CLOCK],
    (world: StepWorld, newId: NewId, clock: Clock) => new CheckStack(world, newId, () => clock.now()),
  ),
  from(http.PARSE_SITE, [], () => parseSite),
  from(
    http.RUN_CONTROL,
    [http.RUN_STORE, ADVANCE_RUN, http.MAKE_PLAN, http.APPLY_PLAN, CLOCK],
    (runs: KyselyRunStore, advance: AdvanceRun, makePlan: MakePlan, applyPlan: ApplyPlan, clock: Clock) =>
      new RunControl(runs, {
        cancel: new CancelRun(runs, advance),
        retry: new RetryRun(runs, advance),
        leave: new LeaveRun(runs),
        undo: new UndoRun(runs, new RequestUndo(runs), makePlan, applyPlan),
        follow: new FollowRun(runs, clock),
      }),
  ),
];

const work: Provider[] = [
  from(
    WORKER,
    [CONFIG, STEP_WORLD, http.RUN_STORE, LIMITS, ADVANCE_RUN, QUEUE, CLOCK, LOG],
    (
      config: Config,
      world: StepWorld,
      store: KyselyRunStore,
      limits: KyselyLimits,
      advance: AdvanceRun,
      queue: BullmqStepQueue,
      clock: Clock,
      log: Logger,
    ) => {
      const executeStep = new ExecuteStep(
        {
          store,
          stacks: world.stacks,
          limits,
          executors: makeExecutors(world),
          abortOutsideTask: abortOutsideTask(world),
          advance,
          clock,
          log,
          random: Math.random,
        },
        {
          holder: `${hostname()}:${process.pid}:${clock.now()}`,
          leaseMs: config.leaseMs,
          maxStarts: 5,
          graceMs: 10_000,
          retryPolicy: DEFAULT_RETRY_POLICY,
          limitSizes: DEFAULT_LIMIT_SIZES,
          journal: DEFAULT_JOURNAL,
        },
      );
      return new Worker(
        queue,
        executeStep,
        new Sweep(store, advance),
        { concurrency: config.concurrency, sweepMs: config.sweepMs },
        log,
      );
    },
  ),
  from(http.API_TOKEN, [CONFIG], (config: Config) => tokenFromFile(config.apiTokenFile)),
  from(http.READINESS, [DATABASE, QUEUE], (database: Database, queue: BullmqStepQueue) => async () => {
    const [db, ring] = await Promise.allSettled([
      database.db.selectNoFrom((select) => select.lit(1).as('one')).execute(),
      queue.canary(5_000),
    ]);
    const reason = (result: PromiseSettledResult<unknown>): string | undefined =>
      result.status === 'fulfilled' ? undefined : String(result.reason);
    return { database: reason(db), queue: reason(ring) };
  }),
  // The reverse of the way up: who uses goes before what is used.
  from(
    CLOSE,
    [QUEUE, GUEST_SHELL, SUBSTRATES, http.RUN_STORE, DATABASE, ENGINES],
    (
      queue: BullmqStepQueue,
      shell: GuestShell & Partial<Pick<SshGuestShell, 'close'>>,
      substrates: ProxmoxSubstrates,
      runs: KyselyRunStore,
      database: Database,
      engines: Engines,
    ) =>
      async () => {
        await queue.close();
        shell.close?.();
        await substrates.close();
        await runs.close();
        await database.close();
        await engines.stop();
      },
  ),
];

/** Composition root: the only file where ports meet adapters. Tests replace what a token stands for through Nest's own overrides. */
@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: the shape Nest wants of a dynamic module
export class AppModule {
  static with(config: Config): DynamicModule {
    const settings: Provider[] = [
      { provide: CONFIG, useValue: config },
      from(LOG, [], () => pino({ level: config.logLevel, base: { role: config.role } })),
    ];
    return {
      module: AppModule,
      controllers: config.role === 'worker' ? [] : CONTROLLERS,
      providers: [
        ...settings,
        ...outsideThings,
        ...useCases,
        ...work,
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
      ],
    };
  }
}
