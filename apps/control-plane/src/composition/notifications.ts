import { hostname } from 'node:os';
import type { Provider } from '@nestjs/common';
import type { Logger } from 'pino';
import type { Database } from '../adapters/database/database.js';
import { KyselyEventInlet } from '../adapters/database/kysely-event-inlet.js';
import { KyselyNotificationTargets } from '../adapters/database/kysely-notification-targets.js';
import { KyselyOutbox } from '../adapters/database/kysely-outbox.js';
import { StateDisk } from '../adapters/host/state-disk.js';
import { SmtpMessenger } from '../adapters/notifications/smtp-messenger.js';
import { WebhookMessenger } from '../adapters/notifications/webhook-messenger.js';
import { RandomSecretSource } from '../adapters/secrets/random-secret-source.js';
import type { AuditLog } from '../application/audit/audit-log.port.js';
import type { CertificateAuthority } from '../application/certificates/certificate-authority.port.js';
import type { Clock, NewId } from '../application/clock.port.js';
import { DEFAULT_DELIVERY, DeliverNotifications } from '../application/notifications/deliver-notifications.js';
import { KeepTargets } from '../application/notifications/keep-targets.js';
import type { Messengers } from '../application/notifications/messenger.port.js';
import type { NotificationTargets, Outbox } from '../application/notifications/notification-store.port.js';
import { DEFAULT_WATCH, WatchWorld } from '../application/notifications/watch-world.js';
import type { RunStore } from '../application/runs/run-store.port.js';
import type { SecretStore } from '../application/secrets/secret-store.port.js';
import type { LookAtGuests } from '../application/stacks/look-at-guests.js';
import type { StackStore } from '../application/stacks/stack-store.port.js';
import type { Config } from '../config/config.js';
import * as http from '../http/tokens.js';
import { DEFAULT_NOTIFIER, Notifier } from '../worker/notifier.js';
import {
  CLOCK,
  CONFIG,
  DATABASE,
  EVENT_INLET,
  from,
  LOG,
  MESSENGERS,
  NEW_ID,
  NOTIFIER,
  SECRETS,
  TARGETS,
} from './tokens.js';

/** Who is told what, and how. */
export const notifications: Provider[] = [
  from(EVENT_INLET, [DATABASE], (database: Database) => new KyselyEventInlet(database)),
  from(TARGETS, [DATABASE], (database: Database) => new KyselyNotificationTargets(database)),
  from(http.OUTBOX, [DATABASE], (database: Database) => new KyselyOutbox(database)),
  from(
    MESSENGERS,
    [CLOCK],
    (clock: Clock): Messengers => ({
      mail: new SmtpMessenger(),
      webhook: new WebhookMessenger(() => clock.now()),
    }),
  ),
  from(
    http.KEEP_TARGETS,
    [TARGETS, SECRETS, MESSENGERS, http.STACK_STORE, CLOCK, NEW_ID],
    (
      targets: NotificationTargets,
      secrets: SecretStore,
      messengers: Messengers,
      stacks: StackStore,
      clock: Clock,
      newId: NewId,
    ) => {
      const sites = async () => (await stacks.listSites()).map(({ name }) => name);
      return new KeepTargets(targets, secrets, new RandomSecretSource(), messengers, sites, clock, newId);
    },
  ),
  from(
    NOTIFIER,
    [
      CONFIG,
      EVENT_INLET,
      http.OUTBOX,
      TARGETS,
      MESSENGERS,
      SECRETS,
      http.STACK_STORE,
      http.RUN_STORE,
      http.LOOK_AT_GUESTS,
      http.CERTIFICATES,
      http.AUDIT_LOG,
      CLOCK,
      NEW_ID,
      LOG,
    ],
    (
      config: Config,
      inlet: KyselyEventInlet,
      outbox: Outbox,
      targets: NotificationTargets,
      messengers: Messengers,
      secrets: SecretStore,
      stacks: StackStore,
      runs: RunStore,
      look: LookAtGuests,
      certificates: CertificateAuthority,
      audit: AuditLog,
      clock: Clock,
      newId: NewId,
      log: Logger,
    ) => {
      const dashboard = config.publicUrl === undefined ? {} : { dashboard: config.publicUrl };
      const settings = { ...DEFAULT_DELIVERY, ...dashboard };
      const holder = config.role === 'api' ? {} : { holder: `${hostname()}:${process.pid}:${clock.now()}` };
      const disk = new StateDisk(config.stateDir);
      const world = { stacks, runs, look, certificates, audit, disk, workers: inlet };
      return new Notifier(
        new DeliverNotifications(outbox, targets, messengers, secrets, clock, newId, log, Math.random, settings),
        new WatchWorld(world, inlet, clock, log, { ...DEFAULT_WATCH, driftMs: config.checkMs }),
        inlet,
        () => clock.now(),
        log,
        { ...DEFAULT_NOTIFIER, ...holder },
      );
    },
  ),
];
