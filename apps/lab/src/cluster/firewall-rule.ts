/** What the firewall refuses in a rule: the first thing wrong, as the error of that parameter. */
import { fail, parameterError } from '../http/api-error.js';
import { addressVersion, wrongAddresses, wrongIcmpType, wrongPorts, wrongProtocol } from '../schema/firewall-values.js';
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

/** Takes away what is named for deletion. */
export function withoutProperties(rule: Rule, names: readonly string[]): Rule {
  const next = { ...rule };
  for (const name of names) {
    if (!KEPT.includes(name) && name !== 'pos' && name !== 'digest')
      throw parameterError({ delete: `no such property ('${name}')` });
    if (name === 'type' || name === 'action')
      throw parameterError({ delete: `unable to delete required property '${name}'` });
    delete next[name];
  }
  return next;
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
  const [, place, alias] = /^(guest\/|dc\/)?([A-Za-z][A-Za-z0-9\-_]+)$/.exec(value) ?? [];
  if (alias !== undefined) {
    const named = (record: FirewallRecord) =>
      Object.entries(record.aliases).find(([name]) => name.toLowerCase() === alias.toLowerCase())?.[1];
    const found = (place === 'dc/' ? undefined : named(known.own)) ?? named(known.cluster);
    if (!found && !named(known.own)) throw parameterError({ [key]: `no such alias '${value}'` });
    return found && addressVersion(String(found.cidr));
  }
  const wrong = wrongAddresses(value);
  if (wrong !== undefined) throw parameterError({ [key]: wrong });
  return addressVersion(value);
}

function checkPorts(rule: Rule): void {
  const proto = rule.proto === undefined ? undefined : String(rule.proto);
  const isIcmp = proto !== undefined && ICMP.includes(proto);
  const unknown = proto === undefined ? undefined : wrongProtocol(proto);
  if (unknown !== undefined) throw parameterError({ proto: unknown });
  const checkPort = (key: 'dport' | 'sport', withIcmp: boolean) => {
    if (rule[key] === undefined) return;
    const wrong = wrongPorts(String(rule[key]), withIcmp);
    if (wrong !== undefined) throw parameterError({ [key]: wrong });
    if (proto === undefined) throw parameterError({ proto: `missing property - '${key}' requires this property` });
    if (!WITH_PORTS.includes(proto) && !withIcmp)
      throw parameterError({ [key]: `protocol '${proto}' does not support ports` });
  };
  checkPort('dport', isIcmp);
  const icmpType = rule['icmp-type'];
  if (icmpType !== undefined) {
    if (!isIcmp) throw parameterError({ proto: "missing property - 'icmp-type' requires this property" });
    if (rule.dport !== undefined)
      throw parameterError({ 'icmp-type': "'icmp-type' cannot be specified together with 'dport'" });
    const wrong = wrongIcmpType(String(icmpType), proto);
    if (wrong !== undefined) throw parameterError({ 'icmp-type': wrong });
  }
  checkPort('sport', false);
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
