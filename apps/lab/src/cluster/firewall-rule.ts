/** What the firewall refuses in a rule: the first thing wrong, as the error of that parameter. */
import { isIPv4, isIPv6 } from 'node:net';
import { fail, parameterError } from '../http/api-error.js';
import type { ConfigValue, FirewallRecord } from '../state/model.js';

export type RuleScope = 'cluster' | 'node' | 'qemu' | 'lxc' | 'vnet' | 'group';
export type Rule = Record<string, ConfigValue>;

/** Proxmox's own names of the places a rule may stand in, and what kinds may stand there. */
const ENVIRONMENTS: Readonly<Record<RuleScope, { readonly name: string; readonly types: readonly string[] }>> = {
  cluster: { name: 'cluster', types: ['in', 'out', 'forward', 'group'] },
  group: { name: 'group', types: ['in', 'out', 'forward'] },
  node: { name: 'host', types: ['in', 'out', 'forward', 'group'] },
  qemu: { name: 'vm', types: ['in', 'out', 'group'] },
  lxc: { name: 'ct', types: ['in', 'out', 'group'] },
  vnet: { name: 'vnet', types: ['forward', 'group'] },
};
const ICMP = ['icmp', 'icmpv6', 'ipv6-icmp'];
const WITH_PORTS = ['tcp', 'udp', 'udplite', 'dccp', 'sctp', '6', '17', '33', '132', '136'];
const KEPT = [
  'action',
  'comment',
  'dest',
  'dport',
  'enable',
  'icmp-type',
  'iface',
  'log',
  'macro',
  'proto',
  'source',
  'sport',
  'type',
];

/** Puts what was sent into a rule; empty values and `-` take a field away. */
export function copyRule(rule: Rule, parameters: Readonly<Record<string, unknown>>): Rule {
  const next: Rule = { ...rule };
  for (const key of KEPT) {
    const value = parameters[key];
    if (value === '' || value === '-') delete next[key];
    else if (typeof value === 'string' || typeof value === 'number') next[key] = value;
  }
  return next;
}

function versionOf(address: string): 4 | 6 | undefined {
  const host = address.split(/[/-]/)[0] ?? '';
  return isIPv4(host) ? 4 : isIPv6(address.split('/')[0] ?? '') ? 6 : undefined;
}

interface Known {
  readonly own: FirewallRecord;
  readonly cluster: FirewallRecord;
}

/** The IP version the value stands for, where it says one. */
function checkAddress(key: 'source' | 'dest', value: string, known: Known): 4 | 6 | undefined {
  const all = [known.own, known.cluster];
  if (value.startsWith('+')) {
    const name = /^\+(?:guest\/|dc\/|sdn\/)?([A-Za-z][A-Za-z0-9\-_]+)$/.exec(value)?.[1];
    if (name === undefined) throw parameterError({ [key]: `invalid ipset name '${value}'` });
    if (!all.some((record) => Object.hasOwn(record.ipset, name)))
      throw parameterError({ [key]: `no such ipset '${name}'` });
    return undefined;
  }
  const alias = /^(?:guest\/|dc\/)?([A-Za-z][A-Za-z0-9\-_]+)$/.exec(value)?.[1];
  if (alias !== undefined) {
    const found = all
      .flatMap((record) => Object.entries(record.aliases))
      .find(([name]) => name.toLowerCase() === alias.toLowerCase());
    if (!found) throw parameterError({ [key]: `no such alias '${value}'` });
    return versionOf(String(found[1].cidr));
  }
  const versions = new Set(value.split(',').map((part) => versionOf(part.trim())));
  if (versions.has(undefined)) throw parameterError({ [key]: `invalid IP address '${value}'` });
  if (versions.size > 1) throw parameterError({ [key]: 'detected mixed ipv4/ipv6 addresses in address list' });
  return [...versions][0];
}

function checkPorts(rule: Rule): void {
  const proto = rule.proto === undefined ? undefined : String(rule.proto);
  const isIcmp = proto !== undefined && ICMP.includes(proto);
  for (const key of ['dport', 'sport'] as const) {
    const value = rule[key];
    if (value === undefined) continue;
    for (const part of String(value).split(',')) {
      const [, from, to] = /^(\d+)(?:[:-](\d+))?$/.exec(part) ?? [];
      if (
        from !== undefined &&
        (Number(from) > 65_535 || Number(to ?? from) > 65_535 || Number(to ?? from) < Number(from))
      )
        throw parameterError({ [key]: `invalid port '${part}'` });
    }
    if (proto === undefined && rule.macro === undefined)
      throw parameterError({ proto: `missing property - '${key}' requires this property` });
    if (proto !== undefined && !WITH_PORTS.includes(proto) && !(isIcmp && key === 'dport'))
      throw parameterError({ [key]: `protocol '${proto}' does not support ports` });
  }
  if (rule['icmp-type'] === undefined) return;
  if (!isIcmp) throw parameterError({ proto: "missing property - 'icmp-type' requires this property" });
  if (rule.dport !== undefined)
    throw parameterError({ 'icmp-type': "'icmp-type' cannot be specified together with 'dport'" });
}

function checkAction(rule: Rule, scope: RuleScope): void {
  const { name, types } = ENVIRONMENTS[scope];
  const { type, action } = rule;
  if (!type) throw parameterError({ type: 'missing property' });
  if (!action) throw parameterError({ action: 'missing property' });
  if (!types.includes(String(type)))
    throw parameterError({ type: `invalid rule type '${type}' for rule_env '${name}'` });
  if (type === 'forward' && action === 'REJECT')
    throw parameterError({ action: 'cannot define REJECT rules on forward chain' });
  if (type !== 'group' && !/^(ACCEPT|DROP|REJECT)$/.test(String(action)))
    throw parameterError({ action: `unknown action '${action}'` });
  if (type === 'group' && !/^[A-Za-z][A-Za-z0-9\-_]+$/.test(String(action)))
    throw parameterError({ action: 'invalid characters in security group name' });
}

/** Throws the 400 that names the parameter. */
export function checkRule(rule: Rule, scope: RuleScope, known: Known, macros: readonly string[]): Rule {
  checkAction(rule, scope);
  if (rule.iface !== undefined) {
    if (scope === 'group' || scope === 'vnet')
      throw parameterError({ type: 'parameter -i not allowed for this rule type' });
    if ((scope === 'qemu' || scope === 'lxc') && !/^net\d+$/.test(String(rule.iface)))
      throw parameterError({ iface: "value does not match the regex pattern 'net\\d+'" });
  }
  const next = { ...rule };
  if (rule.macro !== undefined) {
    const macro = macros.find((one) => one.toLowerCase() === String(rule.macro).toLowerCase());
    if (macro === undefined) throw parameterError({ macro: `unknown macro '${rule.macro}'` });
    next.macro = macro;
  }
  checkPorts(rule);
  const versions = new Set<number>();
  if (rule.proto === 'icmp') versions.add(4);
  if (rule.proto === 'icmpv6' || rule.proto === 'ipv6-icmp') versions.add(6);
  for (const key of ['source', 'dest'] as const) {
    if (rule[key] === undefined) continue;
    const version = checkAddress(key, String(rule[key]), known);
    if (version !== undefined) versions.add(version);
  }
  if (versions.size > 1) throw fail('detected mixed ipv4/ipv6 addresses in rule');
  const [version] = versions;
  return version === undefined ? next : { ...next, ipversion: version };
}
