// A process that delivers what is in the outbox to a webhook, until it is killed. Database and receiver by argv.
import { UlidIds } from '../../src/adapters/clock/ulid-ids.js';
import { openDatabase } from '../../src/adapters/database/database.js';
import { KyselyNotificationTargets } from '../../src/adapters/database/kysely-notification-targets.js';
import { KyselyOutbox } from '../../src/adapters/database/kysely-outbox.js';
import { WebhookMessenger } from '../../src/adapters/notifications/webhook-messenger.js';
import { DEFAULT_DELIVERY, DeliverNotifications } from '../../src/application/notifications/deliver-notifications.js';
import { SILENT_LOG } from '../../src/application/runs/engine-log.port.js';

const [url = ''] = process.argv.slice(2);
const database = openDatabase({ url, connections: 4 });
// The clock runs ahead, so that nothing waits for being gathered; all processes of the test agree about it.
const started = Date.now();
const now = (): number => started + 60 * (Date.now() - started) + 3600_000;
const messenger = new WebhookMessenger(now);
const deliver = new DeliverNotifications(
  new KyselyOutbox(database),
  new KyselyNotificationTargets(database),
  { mail: { send: async () => ({ ok: false, answer: 'no', remedy: 'None.' }) }, webhook: messenger },
  { get: async () => 'key' },
  { now },
  new UlidIds(),
  SILENT_LOG,
  Math.random,
  { ...DEFAULT_DELIVERY, sendMs: 2_000, leaseMs: 60_000 },
);
const forever = new AbortController();
process.stdout.write('ready\n');
for (;;) {
  await deliver.execute(forever.signal);
  await new Promise((resolve) => setTimeout(resolve, 50));
}
