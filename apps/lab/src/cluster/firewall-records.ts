/** Where the firewall of the datacenter, a node, a guest, a vnet or a security group is kept; that of a guest reaches the runtime. */
import { createHash } from 'node:crypto';
import { applyFirewall, emptyFirewall } from '../guests/firewall.js';
import { guestOf } from '../guests/guests.js';
import { fail } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import type { ConfigValue, FirewallRecord } from '../state/model.js';
import type { RuleScope } from './firewall-rule.js';

export type Entry = Record<string, ConfigValue>;

export const BASES: Readonly<Record<RuleScope, string>> = {
  cluster: '/cluster/firewall',
  node: '/nodes/{node}/firewall',
  qemu: '/nodes/{node}/qemu/{vmid}/firewall',
  lxc: '/nodes/{node}/lxc/{vmid}/firewall',
  vnet: '/cluster/sdn/vnets/{vnet}/firewall',
  group: '/cluster/firewall/groups/{group}',
};
/** Parameters that say where, not what. */
export const PLACE = new Set([
  'node',
  'vmid',
  'vnet',
  'group',
  'pos',
  'digest',
  'delete',
  'moveto',
  'name',
  'cidr',
  'rename',
]);

function keyOf(call: Call, scope: RuleScope): string {
  if (scope === 'node') return `node/${call.node}`;
  if (scope === 'vnet') return `vnet/${call.need('vnet')}`;
  if (scope === 'group') return `group/${call.need('group')}`;
  return 'cluster';
}

export function load(call: Call, scope: RuleScope): FirewallRecord {
  if (scope === 'qemu' || scope === 'lxc') return guestOf(call, scope).firewall ?? emptyFirewall();
  const kept = call.lab.journal.get<FirewallRecord>('firewall', keyOf(call, scope));
  if (scope === 'group' && !kept) throw fail(`no such security group '${call.need('group')}'`);
  return kept ?? emptyFirewall();
}

export async function save(call: Call, scope: RuleScope, record: FirewallRecord): Promise<void> {
  if (scope !== 'qemu' && scope !== 'lxc') {
    call.lab.journal.put('firewall', keyOf(call, scope), record);
    return;
  }
  const guest = guestOf(call, scope);
  guest.firewall = record;
  call.lab.state.saveGuest(guest);
  if (guest.running && !guest.running.hollow) await applyFirewall(call.lab, guest);
}

export const digest = (value: unknown) => createHash('sha1').update(JSON.stringify(value)).digest('hex');

/** Lists carry the digest of the whole in every row. */
export function withDigest<T extends object>(list: readonly T[]): (T & { digest: string })[] {
  const whole = digest(list);
  return list.map((row) => ({ ...row, digest: whole }));
}

export function given(call: Call): Entry {
  const entry: Entry = {};
  for (const [key, value] of Object.entries(call.parameters))
    if (!PLACE.has(key) && !Array.isArray(value)) entry[key] = value;
  return entry;
}

export function checkDigest(call: Call, record: unknown): void {
  const wanted = call.text('digest');
  if (wanted !== undefined && wanted !== digest(record))
    throw fail('detected modified configuration - file changed by other user? Try again.');
}
