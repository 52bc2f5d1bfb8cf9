import { type Provider } from '@nestjs/common';
import { type Logger } from 'pino';
import { readOffer } from '../adapters/catalogue/offered-site-file.js';
import { KyselyRunStore } from '../adapters/database/kysely-run-store.js';
import { addressTowards } from '../adapters/proxmox/own-address.js';
import { ProxmoxSurveyor } from '../adapters/proxmox/surveyor.js';
import { BullmqStepQueue } from '../adapters/queue/bullmq-step-queue.js';
import { RandomSecretSource } from '../adapters/secrets/random-secret-source.js';
import { type SshKey } from '../adapters/ssh/ssh-key.js';
import type { ArtifactStore } from '../application/artifacts/artifact-store.port.js';
import type { AuditLog } from '../application/audit/audit-log.port.js';
import type { Catalogue } from '../application/catalogue/catalogue.port.js';
import type { CertificateAuthority } from '../application/certificates/certificate-authority.port.js';
import type { Clock, NewId } from '../application/clock.port.js';
import type { GuestShell } from '../application/guests/guest-shell.port.js';
import type { NotificationTargets, Outbox } from '../application/notifications/notification-store.port.js';
import { ShowOverview } from '../application/overview/show-overview.js';
import { ApplyPlan } from '../application/plans/apply-plan.js';
import type { PlanWorld } from '../application/plans/gather-plan-input.js';
import { MakePlan } from '../application/plans/make-plan.js';
import type { PlanStore } from '../application/plans/plan-store.port.js';
import { AdvanceRun } from '../application/runs/advance-run.js';
import { CancelRun } from '../application/runs/cancel-run.js';
import type { StepWorld } from '../application/runs/executors/step-world.js';
import { FollowRun } from '../application/runs/follow-run.js';
import { LeaveRun } from '../application/runs/leave-run.js';
import { RequestUndo } from '../application/runs/request-undo.js';
import { RetryRun } from '../application/runs/retry-run.js';
import { RunControl } from '../application/runs/run-control.js';
import type { RunStore } from '../application/runs/run-store.port.js';
import { UndoRun } from '../application/runs/undo-run.js';
import { WatchRuns } from '../application/runs/watch-runs.js';
import type { SecretStore } from '../application/secrets/secret-store.port.js';
import { ChangeDomain } from '../application/sites/change-domain.js';
import { ConnectSite, ExamineSite } from '../application/sites/connect-site.js';
import { DescribeSite } from '../application/sites/describe-site.js';
import { PrepareSite } from '../application/sites/prepare-site.js';
import { AnswerDrift } from '../application/stacks/answer-drift.js';
import type { CheckHistory } from '../application/stacks/check-history.port.js';
import { CheckStack } from '../application/stacks/check-stack.js';
import { DescribeStack } from '../application/stacks/describe-stack.js';
import type { DriftBook } from '../application/stacks/drift-book.port.js';
import { KeepChecks } from '../application/stacks/keep-checks.js';
import { LookAtGuests } from '../application/stacks/look-at-guests.js';
import { ShowStack } from '../application/stacks/show-stack.js';
import type { StackStore } from '../application/stacks/stack-store.port.js';
import type { Substrates } from '../application/substrates/substrate.port.js';
import type { Config } from '../config/config.js';
import { parseSite } from '../documents/documents.js';
import { renderSite } from '../documents/render-site.js';
import * as http from '../http/tokens.js';
import {
  ADVANCE_RUN,
  CLOCK,
  CONFIG,
  DRIFT_BOOK,
  from,
  GUEST_SHELL,
  LOG,
  NEW_ID,
  PLAN_WORLD,
  QUEUE,
  SECRETS,
  SSH_KEY,
  STEP_WORLD,
  SUBSTRATES,
  sha256,
  TARGETS,
} from './tokens.js';

export const useCases: Provider[] = [
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
  from(http.MAKE_PLAN, [PLAN_WORLD], (world: PlanWorld) => new MakePlan(world)),
  from(
    http.APPLY_PLAN,
    [PLAN_WORLD, http.RUN_STORE, QUEUE],
    (world: PlanWorld, runs: KyselyRunStore, queue: BullmqStepQueue) => new ApplyPlan(world, runs, queue),
  ),
  from(http.CHANGE_DOMAIN, [PLAN_WORLD], (world: PlanWorld) => new ChangeDomain(world)),
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
    http.KEEP_CHECKS,
    [STEP_WORLD, http.CHECK_HISTORY, http.RUN_STORE, NEW_ID, CLOCK, LOG],
    (world: StepWorld, history: CheckHistory, runs: RunStore, newId: NewId, clock: Clock, log: Logger) =>
      new KeepChecks(
        new CheckStack(world, newId, () => clock.now()),
        history,
        world.stacks,
        runs,
        world.plans,
        clock,
        log,
      ),
  ),
  from(
    http.DESCRIBE_STACK,
    [http.STACK_STORE, http.CATALOGUE, SUBSTRATES, SECRETS, CLOCK],
    (stacks: StackStore, catalogue: Catalogue, substrates: Substrates, secrets: SecretStore, clock: Clock) =>
      new DescribeStack(stacks, catalogue, substrates, secrets, clock),
  ),
  from(
    http.LOOK_AT_GUESTS,
    [http.STACK_STORE, SUBSTRATES, DRIFT_BOOK, CLOCK],
    (stacks: StackStore, substrates: Substrates, book: DriftBook, clock: Clock) =>
      new LookAtGuests(stacks, substrates, book, clock),
  ),
  from(
    http.ANSWER_DRIFT,
    [http.LOOK_AT_GUESTS, DRIFT_BOOK, CLOCK],
    (look: LookAtGuests, book: DriftBook, clock: Clock) => new AnswerDrift(look, book, clock),
  ),
  from(
    http.SHOW_OVERVIEW,
    [
      http.STACK_STORE,
      http.RUN_STORE,
      http.CHECK_HISTORY,
      http.CATALOGUE,
      http.SHOW_STACK,
      http.AUDIT_LOG,
      TARGETS,
      http.OUTBOX,
    ],
    (
      stacks: StackStore,
      runs: RunStore,
      checks: CheckHistory,
      catalogue: Catalogue,
      show: ShowStack,
      audit: AuditLog,
      targets: NotificationTargets,
      outbox: Outbox,
    ) =>
      new ShowOverview(stacks, runs, checks, catalogue, show, audit, {
        targets: async () => (await targets.list()).filter(({ paused }) => !paused).length,
        failing: () => outbox.failingTargets(),
      }),
  ),
  from(http.PARSE_SITE, [], () => parseSite),
  from(http.RENDER_SITE, [], () => renderSite),
  from(http.READ_OFFER, [CONFIG], (config: Config) => () => readOffer(config.labSite)),
  from(http.PREPARE_SITE, [CLOCK], (clock: Clock) => new PrepareSite(new ProxmoxSurveyor(clock), addressTowards)),
  from(
    http.DESCRIBE_SITE,
    [http.STACK_STORE, SUBSTRATES, CLOCK],
    (stacks: StackStore, substrates: Substrates, clock: Clock) => new DescribeSite(stacks, substrates, clock),
  ),
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
        watch: new WatchRuns(runs),
      }),
  ),
];
