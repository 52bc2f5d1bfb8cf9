/** A guest's firewall as the runtime is to enforce it. Only set where the guest's own firewall is switched on. */
import type { Lab } from '../lab.js';
import type { FirewallRule } from '../runtime/guest-runtime.port.js';
import type { FirewallRecord, Guest } from '../state/model.js';
import { definitionOf } from './definition.js';

export const emptyFirewall = (): FirewallRecord => ({ options: {}, rules: [], aliases: {}, ipset: {} });

type Action = 'ACCEPT' | 'DROP' | 'REJECT';
const action = (value: unknown, otherwise: Action): Action =>
  value === 'ACCEPT' || value === 'DROP' || value === 'REJECT' ? value : otherwise;

/** `+set` and alias names → addresses; a rule that names nothing known matches nothing. */
function addresses(record: FirewallRecord, text: string): string {
  return text
    .split(',')
    .flatMap((part) => {
      const name = part.replace(/^\+?(?:guest\/|dc\/)?/, '');
      if (part.startsWith('+')) return (record.ipset[name]?.entries ?? []).map((entry) => String(entry.cidr));
      const alias = record.aliases[name];
      return alias ? [String(alias.cidr)] : [part];
    })
    .join(',');
}

function ruleOf(record: FirewallRecord, rule: FirewallRecord['rules'][number]): FirewallRule[] {
  if (rule.enable === 0 || (rule.type !== 'in' && rule.type !== 'out')) return [];
  const text = (key: string) => (rule[key] === undefined ? undefined : String(rule[key]));
  const macro = text('macro')?.toLowerCase();
  const known: Readonly<Record<string, readonly [string, string]>> = {
    ssh: ['tcp', '22'],
    http: ['tcp', '80'],
    https: ['tcp', '443'],
    dns: ['udp', '53'],
    ldap: ['tcp', '389'],
    ldaps: ['tcp', '636'],
    smtp: ['tcp', '25'],
    imap: ['tcp', '143'],
    imaps: ['tcp', '993'],
    postgresql: ['tcp', '5432'],
  };
  const [protocol, ports] = macro ? (known[macro] ?? [text('proto'), text('dport')]) : [text('proto'), text('dport')];
  const source = text('source');
  const destination = text('dest');
  return [
    {
      direction: rule.type,
      action: action(rule.action, 'ACCEPT'),
      ...(source ? { source: addresses(record, source) } : {}),
      ...(destination ? { destination: addresses(record, destination) } : {}),
      ...(protocol ? { protocol } : macro === 'ping' ? { protocol: 'icmp' } : {}),
      ...(ports ? { ports: ports.replaceAll('-', ':') } : {}),
    },
  ];
}

/** Gives the runtime the guest's whole rule set; called at start and after every change. */
export async function applyFirewall(lab: Lab, guest: Guest): Promise<void> {
  const definition = definitionOf(lab, guest);
  if (!definition) return;
  const record = guest.firewall ?? emptyFirewall();
  await lab.runtime.firewall(
    { vmid: guest.vmid, nics: definition.nics },
    {
      enabled: record.options.enable === 1,
      policyIn: action(record.options.policy_in, 'DROP'),
      policyOut: action(record.options.policy_out, 'ACCEPT'),
      rules: record.rules.flatMap((rule) => ruleOf(record, rule)),
    },
  );
}
