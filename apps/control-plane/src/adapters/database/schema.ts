import type { ColumnType, Generated } from 'kysely';
import type { Language } from '../../domain/account/account.js';
import type { IdentityProvider } from '../../domain/account/identity-provider.js';
import type { AccountRole, Grant } from '../../domain/account/roles.js';
import type { AuditAct } from '../../domain/audit/audit-chain.js';
import type { BindingId, GuestId, InstanceId, Json, PlanId, RunId, Sha256, StackId, StepId } from '../../domain/ids.js';
import type { DeliveryState } from '../../domain/notification/delivery.js';
import type { NotificationEvent } from '../../domain/notification/event.js';
import type { NotificationTarget } from '../../domain/notification/target.js';
import type { Plan, PlannedStep } from '../../domain/plan/plan.js';
import type { Problem } from '../../domain/problem.js';
import type { FailureData, RunState, StepState } from '../../domain/run/run.js';
import type { Site } from '../../domain/site/site.js';
import type { DriftField } from '../../domain/stack/drift.js';
import type {
  BegunGuest,
  RecordedBinding,
  RecordedGuest,
  RecordedInstance,
  WantedStack,
} from '../../domain/stack/stack.js';

/** A jsonb column: read parsed, written as text (an array would otherwise become a PostgreSQL array). */
type Document<T> = ColumnType<T, string, string>;
type OptionalDocument<T> = ColumnType<T | null, string | null, string | null>;
type Time = ColumnType<Date, Date, Date>;
type OptionalTime = ColumnType<Date | null, Date | null, Date | null>;

export interface SitesTable {
  name: string;
  body: Document<Site>;
}

export interface StacksTable {
  id: StackId;
  site: string;
  name: string;
  state: WantedStack['state'];
  body: Document<WantedStack>;
}

export interface InstancesTable {
  id: InstanceId;
  site: string;
  stack: StackId;
  body: Document<RecordedInstance>;
}

export interface GuestsTable {
  id: GuestId;
  site: string;
  stack: StackId;
  instance: InstanceId;
  key: string;
  body: Document<RecordedGuest>;
}

/** Asked for and not recorded. */
export interface BegunGuestsTable {
  id: GuestId;
  site: string;
  stack: StackId;
  key: string;
  body: Document<BegunGuest>;
}

export interface BindingsTable {
  id: BindingId;
  site: string;
  consumer: InstanceId;
  provider: InstanceId;
  body: Document<RecordedBinding>;
}

export interface ReservationsTable {
  site: string;
  kind: 'guest-id' | 'address';
  scope: string;
  value: string;
  owner: string;
  plan: PlanId | null;
  /** Null: for good. */
  expires_at: OptionalTime;
}

export interface PlansTable {
  id: PlanId;
  site: string;
  stack: StackId;
  hash: Sha256;
  created_at: Time;
  body: Document<Plan>;
}

export interface RunsTable {
  id: RunId;
  plan: PlanId;
  stack: StackId;
  stack_name: string;
  site: string;
  operation: Plan['operation'];
  undoes: RunId | null;
  state: RunState;
  actor: string;
  address: string | null;
  created_at: Time;
  finished_at: OptionalTime;
  last_seq: Generated<number>;
}

/** What the run log says of each step, kept beside it in the same transaction; and its lease. */
export interface RunStepsTable {
  run: RunId;
  step: StepId;
  /** Place in the plan. */
  place: number;
  planned: Document<PlannedStep>;
  after: StepId[];
  weight_ms: number;
  deadline_ms: number;
  /** Steps with the same key take about the same time: `guest.create`, `hook.run:wiki:install`. */
  duration_key: string;
  state: StepState;
  attempt: Generated<number>;
  epoch: Generated<number>;
  starts: Generated<number>;
  retries: Generated<number>;
  holder: string | null;
  lease_until: OptionalTime;
  deadline: OptionalTime;
  not_before: OptionalTime;
  started_at: OptionalTime;
  finished_at: OptionalTime;
  percent: number | null;
  text: string | null;
  waiting_for: string | null;
  failure: OptionalDocument<FailureData>;
  problem: OptionalDocument<Problem>;
  blocked_by: StepId | null;
  output: OptionalDocument<Json>;
  outside_task: string | null;
}

export interface RunEventsTable {
  run: RunId;
  seq: number;
  at: Time;
  step: StepId | null;
  type: string;
  data: Document<object>;
}

export interface SecretsTable {
  name: string;
  key_id: string;
  wrapped_key: Buffer;
  nonce: Buffer;
  ciphertext: Buffer;
}

export interface LimitsTable {
  key: string;
  slot: number;
  run: RunId;
  step: StepId;
  epoch: number;
  expires_at: Time;
}

/** Only grows: triggers refuse anything else. bigint comes as text. */
export interface AuditEntriesTable {
  seq: ColumnType<string, number, never>;
  at: Time;
  actor: string;
  actor_kind: AuditAct['actorKind'];
  address: string | null;
  action: string;
  subject: string;
  site: string | null;
  outcome: AuditAct['outcome'];
  details: OptionalDocument<NonNullable<AuditAct['details']>>;
  hash: string;
}

export interface AuditHeadTable {
  rows: ColumnType<string, number, number>;
  hash: string;
}

export interface ApiTokensTable {
  id: string;
  name: string;
  hash: string;
  role: AccountRole;
  site: string | null;
  created_at: Time;
  expires_at: Time;
  last_used_at: OptionalTime;
  made_by: string;
}

export interface AccountsTable {
  id: string;
  name: string;
  display_name: string;
  email: string | null;
  language: Language | null;
  grants: Document<readonly Grant[]>;
  disabled: boolean;
  password_hash: string | null;
  password_temporary: boolean;
  created_at: Time;
  last_seen_at: OptionalTime;
  /** The identity provider that the account comes from. */
  origin: string | null;
}

export interface SessionsTable {
  id: string;
  account: string;
  hash: string;
  created_at: Time;
  last_seen_at: Time;
  expires_at: Time;
  address: string;
  user_agent: string;
  confirmed_at: Time;
  provider: string | null;
  provider_session: string | null;
}

export interface LoginFailuresTable {
  key: string;
  count: number;
  last_at: Time;
  previous_at: Time;
}

export interface OneTimeCodesTable {
  account: string;
  confirmed: boolean;
  last_step: string | number;
}

export interface RecoveryCodesTable {
  account: string;
  hash: string;
}

export interface PasskeysTable {
  id: string;
  account: string;
  credential: string;
  public_key: string;
  /** bigint comes as text. */
  counter: ColumnType<string, number, number>;
  transports: Document<readonly string[]>;
  name: string;
  rp_id: string;
  created_at: Time;
  last_used_at: OptionalTime;
}

export interface DoorChallengesTable {
  hash: string;
  purpose: string;
  holder: string;
  account: string | null;
  data: Document<Readonly<Record<string, string>>>;
  expires_at: Time;
}

export interface IdentityProvidersTable {
  id: string;
  created_at: Time;
  body: Document<IdentityProvider>;
}

export interface IdentitiesTable {
  issuer: string;
  subject: string;
  provider: string;
  account: string;
  created_at: Time;
  last_used_at: OptionalTime;
}

export interface DeviceLogInsTable {
  hash: string;
  user_code_hash: string;
  address: string;
  user_agent: string;
  created_at: Time;
  expires_at: Time;
  account: string | null;
  provider: string | null;
  provider_session: string | null;
}

export interface KnownDevicesTable {
  account: string;
  /** Hash of what tells the device. */
  mark: string;
  last_seen_at: Time;
}

export interface ChecksTable {
  id: Generated<string>;
  stack: string;
  at: Time;
  instance: string;
  guest: string;
  healthy: boolean;
  tail: Document<readonly string[]>;
  error: string | null;
  asked_by: string;
}

export interface CheckTurnsTable {
  stack: string;
  last_at: Time;
}

export interface IgnoredDriftTable {
  guest: GuestId;
  field: DriftField;
  site: string;
  observed: Document<string | number>;
  reason: string;
  ignored_by: string;
  at: Time;
}

export interface NotificationTargetsTable {
  id: string;
  name: string;
  body: Document<Omit<NotificationTarget, 'id' | 'name' | 'createdAt'>>;
  created_at: Time;
}

export interface NotificationEventsTable {
  id: Generated<string>;
  key: string;
  at: Time;
  body: Document<NotificationEvent>;
  /** Handed to the targets that want it. */
  spread: Generated<boolean>;
}

export interface NotificationEntriesTable {
  target: string;
  event: string;
  /** Null: waits to become part of a message. */
  delivery: string | null;
  /** A person's address; empty: whoever the target names. */
  recipient: Generated<string>;
}

export interface NotificationDeliveriesTable {
  id: string;
  target: string;
  state: DeliveryState;
  created_at: Time;
  attempts: Generated<number>;
  next_at: OptionalTime;
  ended_at: OptionalTime;
  answer: string | null;
  remedy: string | null;
  recipient: Generated<string>;
}

export interface NotificationMemoryTable {
  key: string;
  state: string;
}

export interface NotificationTurnsTable {
  key: string;
  last_at: Time;
}

export interface WorkerSignsTable {
  holder: string;
  seen_at: Time;
}

export interface Tables {
  ignored_drift: IgnoredDriftTable;
  sites: SitesTable;
  stacks: StacksTable;
  instances: InstancesTable;
  guests: GuestsTable;
  begun_guests: BegunGuestsTable;
  bindings: BindingsTable;
  reservations: ReservationsTable;
  plans: PlansTable;
  runs: RunsTable;
  run_steps: RunStepsTable;
  run_events: RunEventsTable;
  secrets: SecretsTable;
  limits: LimitsTable;
  audit_entries: AuditEntriesTable;
  audit_head: AuditHeadTable;
  api_tokens: ApiTokensTable;
  accounts: AccountsTable;
  checks: ChecksTable;
  check_turns: CheckTurnsTable;
  sessions: SessionsTable;
  passkeys: PasskeysTable;
  door_challenges: DoorChallengesTable;
  identity_providers: IdentityProvidersTable;
  identities: IdentitiesTable;
  device_log_ins: DeviceLogInsTable;
  known_devices: KnownDevicesTable;
  login_failures: LoginFailuresTable;
  one_time_codes: OneTimeCodesTable;
  recovery_codes: RecoveryCodesTable;
  notification_targets: NotificationTargetsTable;
  notification_events: NotificationEventsTable;
  notification_entries: NotificationEntriesTable;
  notification_deliveries: NotificationDeliveriesTable;
  notification_memory: NotificationMemoryTable;
  notification_turns: NotificationTurnsTable;
  worker_signs: WorkerSignsTable;
}
