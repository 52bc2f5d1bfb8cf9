/** Every implemented method of the API in one table. */
import { aclHandlers } from './access/acl-handlers.js';
import { realmHandlers } from './access/realm-handlers.js';
import { sessionHandlers } from './access/session-handlers.js';
import { tfaHandlers } from './access/tfa-handlers.js';
import { tokenHandlers } from './access/token-handlers.js';
import { userHandlers } from './access/user-handlers.js';
import { acmeHandlers } from './cluster/acme-handlers.js';
import { clusterHandlers } from './cluster/cluster-handlers.js';
import { logHandlers } from './cluster/cluster-log.js';
import { defaultHandlers } from './cluster/default-handlers.js';
import { firewallHandlers } from './cluster/firewall-handlers.js';
import { haHandlers } from './cluster/ha.js';
import { haStatusHandlers } from './cluster/ha-status.js';
import { poolHandlers } from './cluster/pool-handlers.js';
import { sdnHandlers } from './cluster/sdn-handlers.js';
import { metricsExportHandlers } from './figures/metrics-export.js';
import { rrdHandlers } from './figures/rrd-handlers.js';
import { bulkHandlers } from './guests/bulk-handlers.js';
import { configHandlers } from './guests/config-handlers.js';
import { consoleHandlers } from './guests/console-handlers.js';
import { guestHandlers } from './guests/guest-handlers.js';
import { migrateHandlers } from './guests/migrate.js';
import { migrateConditionHandlers } from './guests/migrate-conditions.js';
import { nodeBulkHandlers } from './guests/node-bulk-handlers.js';
import { powerHandlers } from './guests/power-handlers.js';
import { snapshotHandlers } from './guests/snapshots.js';
import { cloneHandlers } from './guests/template.js';
import { vzdumpHandlers } from './guests/vzdump-handlers.js';
import { vzdumpInfoHandlers } from './guests/vzdump-info.js';
import type { Handlers } from './http/call.js';
import { indexHandlers } from './http/index-handlers.js';
import { backupJobHandlers } from './jobs/backup-job-handlers.js';
import { realmSyncHandlers } from './jobs/realm-sync-handlers.js';
import { replicationHandlers } from './jobs/replication-handlers.js';
import { containerHandlers } from './lxc/container-handlers.js';
import { aptRepositoryHandlers } from './nodes/apt-repositories.js';
import { certificateHandlers } from './nodes/certificate-handlers.js';
import { networkHandlers } from './nodes/network-handlers.js';
import { nodeConfigHandlers } from './nodes/node-config.js';
import { nodeHandlers } from './nodes/node-handlers.js';
import { nodeLogHandlers } from './nodes/node-log.js';
import { subscriptionHandlers } from './nodes/subscription-handlers.js';
import { systemHandlers } from './nodes/system-handlers.js';
import { agentHandlers } from './qemu/agent-handlers.js';
import { cpuModelHandlers } from './qemu/cpu-models.js';
import { monitorHandlers } from './qemu/monitor-handlers.js';
import { contentHandlers } from './storage/content-handlers.js';
import { fileHandlers } from './storage/file-handlers.js';
import { foreignHandlers } from './storage/foreign-handlers.js';
import { pruneHandlers } from './storage/prune-handlers.js';
import { storageHandlers } from './storage/storage-handlers.js';
import { taskHandlers } from './tasks/task-handlers.js';

export const HANDLERS: Handlers = {
  ...sessionHandlers,
  ...userHandlers,
  ...tokenHandlers,
  ...tfaHandlers,
  ...aclHandlers,
  ...realmHandlers,
  ...indexHandlers,
  ...clusterHandlers,
  ...acmeHandlers,
  ...defaultHandlers,
  ...logHandlers,
  ...firewallHandlers,
  ...haHandlers,
  ...haStatusHandlers,
  ...poolHandlers,
  ...nodeHandlers,
  ...nodeConfigHandlers,
  ...certificateHandlers,
  ...aptRepositoryHandlers,
  ...subscriptionHandlers,
  ...networkHandlers,
  ...systemHandlers,
  ...nodeLogHandlers,
  ...taskHandlers,
  ...storageHandlers,
  ...contentHandlers,
  ...fileHandlers,
  ...foreignHandlers,
  ...pruneHandlers,
  ...guestHandlers,
  ...configHandlers,
  ...powerHandlers,
  ...bulkHandlers,
  ...nodeBulkHandlers,
  ...snapshotHandlers,
  ...cloneHandlers,
  ...consoleHandlers,
  ...backupJobHandlers,
  ...replicationHandlers,
  ...realmSyncHandlers,
  ...vzdumpHandlers,
  ...vzdumpInfoHandlers,
  ...migrateHandlers,
  ...migrateConditionHandlers,
  ...sdnHandlers,
  ...containerHandlers,
  ...agentHandlers,
  ...cpuModelHandlers,
  ...monitorHandlers,
  ...rrdHandlers,
  ...metricsExportHandlers,
};
