/** Without quorum the cluster's file system is read-only: what would write there fails, in the words of whoever tries. */
import type { Lab } from '../lab.js';
import { fail } from './api-error.js';

const NOT_READY = 'cluster not ready - no quorum?';
const locked = (file: string, doing?: string) =>
  `${doing === undefined ? '' : `${doing} failed: `}cfs-lock 'file-${file}' error: no quorum!`;
const denied = (path: string) => `unable to open file '/etc/pve/${path}.tmp.${process.pid}' - Permission denied`;

const DOING: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', DELETE: 'delete' };

/** What goes on working: it touches the node alone, or a guest that runs already. */
const LOCAL =
  /\/agent\/|\/(termproxy|vncproxy|vncshell|monitor|sendkey|dbus-vmstate)$|^\/access\/(ticket|vncticket)$|\/tasks\/|\/status\/(stop|shutdown|reset|suspend|resume)$|^\/nodes\/[^/]+\/(network|dns|time|hosts|services|apt)(\/|$)|\/storage\/[^/]+\/(content|upload|download-url|oci-registry-pull|prunebackups)|\/aplinfo$/;

function textFor(method: string, path: string): string | undefined {
  const doing = DOING[method] ?? 'update';
  if (LOCAL.test(path)) return undefined;
  const config = /^\/nodes\/([^/]+)\/(qemu|lxc)\/(\d+)\/(?:config|resize)$/.exec(path);
  if (config) return denied(`nodes/${config[1]}/${config[2] === 'qemu' ? 'qemu-server' : 'lxc'}/${config[3]}.conf`);
  const firewall = /^\/nodes\/([^/]+)\/(?:qemu|lxc)\/(\d+)\/firewall\//.exec(path);
  if (firewall) return denied(`firewall/${firewall[2]}.fw`);
  if (/^\/nodes\/[^/]+\/firewall\//.test(path)) return denied(`nodes/${path.split('/')[2]}/host.fw`);
  if (path.startsWith('/cluster/firewall/')) return denied('firewall/cluster.fw');
  if (/^\/access\/users\/[^/]+\/token\//.test(path))
    return locked('user_cfg', { POST: 'generating token', PUT: 'updating token info' }[method] ?? 'deleting token');
  const [, kind] = /^\/access\/(users|groups|roles)(?:\/|$)/.exec(path) ?? [];
  if (kind) return locked('user_cfg', `${doing} ${kind.slice(0, -1)}`);
  if (path === '/access/acl') return locked('user_cfg', 'ACL update');
  if (path === '/access/password') return locked('priv_shadow_cfg');
  if (path.startsWith('/access/domains'))
    return locked('domains_cfg', `${method === 'POST' ? 'add' : doing} auth server`);
  if (/^\/pools(\/|$)/.test(path)) return locked('user_cfg', method === 'PUT' ? 'update pools' : `${doing} pool`);
  if (/^\/storage(\/|$)/.test(path)) return locked('storage_cfg', `${doing} storage`);
  if (path.startsWith('/cluster/backup')) return locked(method === 'POST' ? 'jobs_cfg' : 'vzdump_cron');
  if (path === '/cluster/options') return locked('datacenter_cfg');
  return NOT_READY;
}

/** Throws what a write is refused with as long as quorum is lost. */
export function checkQuorum(lab: Lab, method: string, path: string): void {
  if (method === 'GET' || !lab.faults.isQuorumLost()) return;
  const text = textFor(method, path);
  if (text !== undefined) throw fail(text);
}
