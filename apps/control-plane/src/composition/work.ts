import { hostname } from 'node:os';
import { type Provider } from '@nestjs/common';
import { type Logger } from 'pino';
import { type Database } from '../adapters/database/database.js';
import { KyselyLimits } from '../adapters/database/kysely-limits.js';
import { KyselyRunStore } from '../adapters/database/kysely-run-store.js';
import { ProxmoxSubstrates } from '../adapters/proxmox/proxmox-substrates.js';
import { BullmqStepQueue } from '../adapters/queue/bullmq-step-queue.js';
import { tokenFromFile } from '../adapters/secrets/token-file.js';
import { SshGuestShell } from '../adapters/ssh/ssh-guest-shell.js';
import type { Clock } from '../application/clock.port.js';
import type { GuestShell } from '../application/guests/guest-shell.port.js';
import { AdvanceRun } from '../application/runs/advance-run.js';
import { ExecuteStep } from '../application/runs/execute-step.js';
import { abortOutsideTask } from '../application/runs/executors/abort-outside-task.js';
import { makeExecutors } from '../application/runs/executors/executors.js';
import type { StepWorld } from '../application/runs/executors/step-world.js';
import { DEFAULT_JOURNAL } from '../application/runs/step-journal.js';
import { DEFAULT_LIMIT_SIZES } from '../application/runs/step-limits.js';
import { Sweep } from '../application/runs/sweep.js';
import type { KeepChecks } from '../application/stacks/keep-checks.js';
import type { Config } from '../config/config.js';
import { DEFAULT_RETRY_POLICY } from '../domain/run/retry-policy.js';
import * as http from '../http/tokens.js';
import { Watchdog } from '../worker/watchdog.js';
import { Worker } from '../worker/worker.js';
import type { Engines } from './outside-things.js';
import {
  ABANDON,
  ADVANCE_RUN,
  CLOCK,
  CLOSE,
  CONFIG,
  DATABASE,
  ENGINES,
  from,
  GUEST_SHELL,
  LIMITS,
  LOG,
  QUEUE,
  STEP_WORLD,
  SUBSTRATES,
  WORKER,
} from './tokens.js';

export const work: Provider[] = [
  from(ABANDON, [], () => new AbortController()),
  from(
    WORKER,
    [http.KEEP_CHECKS, CONFIG, STEP_WORLD, http.RUN_STORE, LIMITS, ADVANCE_RUN, QUEUE, CLOCK, LOG, ABANDON],
    (
      checks: KeepChecks,
      config: Config,
      world: StepWorld,
      store: KyselyRunStore,
      limits: KyselyLimits,
      advance: AdvanceRun,
      queue: BullmqStepQueue,
      clock: Clock,
      log: Logger,
      abandon: AbortController,
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
        { concurrency: config.concurrency, sweepMs: config.sweepMs, checkMs: config.checkMs },
        log,
        checks,
        new Watchdog(queue, log, () => abandon.abort()),
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
