/** Firewall options, rules, aliases and IP sets of guests, nodes and the datacenter; those of guests reach the runtime. */
import { createHash } from 'node:crypto';
import { applyFirewall, emptyFirewall } from '../guests/firewall.js';
import { guestOf } from '../guests/guests.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import type { ConfigValue, FirewallRecord } from '../state/model.js';

type Scope = 'cluster' | 'node' | 'qemu' | 'lxc' | 'vnet' | 'group';
type Entry = Record<string, ConfigValue>;

const BASES: Readonly<Record<Scope, string>> = {
  cluster: '/cluster/firewall',
  node: '/nodes/{node}/firewall',
  qemu: '/nodes/{node}/qemu/{vmid}/firewall',
  lxc: '/nodes/{node}/lxc/{vmid}/firewall',
  vnet: '/cluster/sdn/vnets/{vnet}/firewall',
  group: '/cluster/firewall/groups/{group}',
};
const PLACE = new Set(['node', 'vmid', 'vnet', 'group', 'pos', 'digest', 'delete', 'moveto', 'name', 'cidr', 'rename']);

function keyOf(call: Call, scope: Scope): string {
  if (scope === 'node') return `node/${call.node}`;
  if (scope === 'vnet') return `vnet/${call.need('vnet')}`;
  if (scope === 'group') return `group/${call.need('group')}`;
  return 'cluster';
}

function load(call: Call, scope: Scope): FirewallRecord {
  if (scope === 'qemu' || scope === 'lxc') return guestOf(call, scope).firewall ?? emptyFirewall();
  const kept = call.lab.journal.get<FirewallRecord>('firewall', keyOf(call, scope));
  if (scope === 'group' && !kept) throw fail(`security group '${call.need('group')}' does not exist`);
  return kept ?? emptyFirewall();
}

async function save(call: Call, scope: Scope, record: FirewallRecord): Promise<void> {
  if (scope !== 'qemu' && scope !== 'lxc') {
    call.lab.journal.put('firewall', keyOf(call, scope), record);
    return;
  }
  const guest = guestOf(call, scope);
  guest.firewall = record;
  call.lab.state.saveGuest(guest);
  if (guest.running && !guest.running.hollow) await applyFirewall(call.lab, guest);
}

const digest = (value: unknown) => createHash('sha1').update(JSON.stringify(value)).digest('hex');

function given(call: Call): Entry {
  const entry: Entry = {};
  for (const [key, value] of Object.entries(call.parameters))
    if (!PLACE.has(key) && !Array.isArray(value)) entry[key] = value;
  return entry;
}

function checkDigest(call: Call, record: unknown): void {
  const wanted = call.text('digest');
  if (wanted !== undefined && wanted !== digest(record))
    throw fail('detected modified configuration - file changed by other user? Try again.');
}

function positionOf(call: Call, record: FirewallRecord): number {
  const position = call.number('pos') ?? -1;
  if (!record.rules[position]) throw fail(`no rule at position ${position}`);
  return position;
}

const describeRule = (rule: Entry, pos: number, record: FirewallRecord) => ({
  ...rule,
  pos,
  enable: rule.enable ?? 0,
  digest: digest(record.rules),
});

function ruleHandlers(scope: Scope, base: string, create: string): Handlers {
  return {
    [`GET ${base}`]: (call) => {
      const record = load(call, scope);
      return record.rules.map((rule, pos) => describeRule(rule, pos, record));
    },
    [`POST ${create}`]: async (call) => {
      const record = load(call, scope);
      checkDigest(call, record.rules);
      const rule = given(call);
      if (rule.type === 'group' ? false : rule.action === undefined)
        throw parameterError({ action: 'property is missing and it is not optional' });
      const at = Math.min(call.number('pos') ?? 0, record.rules.length);
      // A new rule goes to the top, as the real one's does.
      record.rules.splice(at, 0, { ...rule, enable: rule.enable ?? 0 });
      await save(call, scope, record);
    },
    [`GET ${base}/{pos}`]: (call) => {
      const record = load(call, scope);
      const position = positionOf(call, record);
      return describeRule(record.rules[position] ?? {}, position, record);
    },
    [`PUT ${base}/{pos}`]: async (call) => {
      const record = load(call, scope);
      checkDigest(call, record.rules);
      const position = positionOf(call, record);
      const moveTo = call.number('moveto');
      const rule: Entry = { ...record.rules[position], ...given(call) };
      for (const key of splitList(call.text('delete') ?? '')) delete rule[key];
      record.rules.splice(position, 1);
      record.rules.splice(moveTo === undefined ? position : moveTo > position ? moveTo - 1 : moveTo, 0, rule);
      await save(call, scope, record);
    },
    [`DELETE ${base}/{pos}`]: async (call) => {
      const record = load(call, scope);
      checkDigest(call, record.rules);
      record.rules.splice(positionOf(call, record), 1);
      await save(call, scope, record);
    },
  };
}

function optionHandlers(scope: Scope): Handlers {
  const base = BASES[scope];
  return {
    [`GET ${base}/options`]: (call) => {
      const record = load(call, scope);
      return { ...record.options, digest: digest(record.options) };
    },
    [`PUT ${base}/options`]: async (call) => {
      const record = load(call, scope);
      checkDigest(call, record.options);
      const options: Entry = { ...record.options, ...given(call) };
      for (const key of splitList(call.text('delete') ?? '')) delete options[key];
      await save(call, scope, { ...record, options });
    },
  };
}

function setHandlers(scope: Scope): Handlers {
  const base = BASES[scope];
  const setOf = (call: Call, record: FirewallRecord) => {
    const found = record.ipset[call.need('name')];
    if (!found) throw fail(`no such IPSet '${call.need('name')}'`);
    return found;
  };
  const aliasOf = (call: Call, record: FirewallRecord) => {
    const found = record.aliases[call.need('name')];
    if (!found) throw parameterError({ name: `no such alias` });
    return found;
  };
  return {
    [`GET ${base}/aliases`]: (call) =>
      Object.entries(load(call, scope).aliases).map(([name, alias]) => ({ name, ...alias, digest: digest(alias) })),
    [`POST ${base}/aliases`]: async (call) => {
      const record = load(call, scope);
      if (record.aliases[call.need('name')])
        throw parameterError({ name: `alias '${call.need('name')}' already exists` });
      record.aliases[call.need('name')] = { ...given(call), cidr: call.need('cidr') };
      await save(call, scope, record);
    },
    [`GET ${base}/aliases/{name}`]: (call) => ({ name: call.need('name'), ...aliasOf(call, load(call, scope)) }),
    [`PUT ${base}/aliases/{name}`]: async (call) => {
      const record = load(call, scope);
      const alias = { ...aliasOf(call, record), ...given(call), cidr: call.need('cidr') };
      delete record.aliases[call.need('name')];
      record.aliases[call.text('rename') ?? call.need('name')] = alias;
      await save(call, scope, record);
    },
    [`DELETE ${base}/aliases/{name}`]: async (call) => {
      const record = load(call, scope);
      aliasOf(call, record);
      delete record.aliases[call.need('name')];
      await save(call, scope, record);
    },
    [`GET ${base}/ipset`]: (call) =>
      Object.entries(load(call, scope).ipset).map(([name, set]) => ({
        name,
        ...(set.comment ? { comment: set.comment } : {}),
        digest: digest(set),
      })),
    [`POST ${base}/ipset`]: async (call) => {
      const record = load(call, scope);
      const name = call.need('name');
      const rename = call.text('rename');
      if (rename !== undefined) {
        const old = record.ipset[rename];
        if (!old) throw fail(`no such IPSet '${rename}'`);
        delete record.ipset[rename];
        record.ipset[name] = old;
      } else if (record.ipset[name]) throw fail(`IPSet '${name}' already exists`);
      const comment = call.text('comment');
      record.ipset[name] = { entries: [], ...record.ipset[name], ...(comment === undefined ? {} : { comment }) };
      await save(call, scope, record);
    },
    [`GET ${base}/ipset/{name}`]: (call) => setOf(call, load(call, scope)).entries,
    [`POST ${base}/ipset/{name}`]: async (call) => {
      const record = load(call, scope);
      const set = setOf(call, record);
      const cidr = call.need('cidr');
      if (set.entries.some((entry) => entry.cidr === cidr)) throw fail(`address '${cidr}' already exists`);
      set.entries.push({ ...given(call), cidr });
      await save(call, scope, record);
    },
    [`DELETE ${base}/ipset/{name}`]: async (call) => {
      const record = load(call, scope);
      if (setOf(call, record).entries.length > 0 && !call.flag('force'))
        throw fail(`IPSet '${call.need('name')}' is not empty`);
      delete record.ipset[call.need('name')];
      await save(call, scope, record);
    },
    [`DELETE ${base}/ipset/{name}/{cidr}`]: async (call) => {
      const record = load(call, scope);
      const set = setOf(call, record);
      const next = set.entries.filter((entry) => entry.cidr !== call.need('cidr'));
      if (next.length === set.entries.length) throw parameterError({ cidr: 'no such IP/Network' });
      set.entries.splice(0, set.entries.length, ...next);
      await save(call, scope, record);
    },
    [`GET ${base}/refs`]: (call) => {
      const record = load(call, scope);
      return [
        ...Object.entries(record.aliases).map(([name]) => ({
          type: 'alias',
          name,
          ref: name,
          scope: scope === 'cluster' ? 'dc' : 'guest',
        })),
        ...Object.keys(record.ipset).map((name) => ({
          type: 'ipset',
          name,
          ref: `+${name}`,
          scope: scope === 'cluster' ? 'dc' : 'guest',
        })),
      ];
    },
  };
}

const merged = (all: readonly Handlers[]): Handlers => Object.assign({}, ...all) as Handlers;

export const firewallHandlers: Handlers = {
  ...merged(
    (['cluster', 'node', 'qemu', 'lxc', 'vnet'] as const).flatMap((scope) => [
      optionHandlers(scope),
      ruleHandlers(scope, `${BASES[scope]}/rules`, `${BASES[scope]}/rules`),
    ]),
  ),
  ...merged((['cluster', 'qemu', 'lxc'] as const).map(setHandlers)),
  ...ruleHandlers('group', BASES.group, BASES.group),
  'GET /cluster/firewall/groups': (call) =>
    [...call.lab.journal.entries<FirewallRecord>('firewall')]
      .filter(([key]) => key.startsWith('group/'))
      .map(([key, record]) => ({ group: key.slice(6), ...record.options, digest: digest(record) })),
  'POST /cluster/firewall/groups': (call) => {
    const key = `group/${call.need('group')}`;
    if (call.lab.journal.get('firewall', key) !== undefined)
      throw fail(`security group '${call.need('group')}' already exists`);
    const comment = call.text('comment');
    call.lab.journal.put('firewall', key, { ...emptyFirewall(), options: comment === undefined ? {} : { comment } });
  },
  'DELETE /cluster/firewall/groups/{group}': (call) => {
    if (load(call, 'group').rules.length > 0) throw fail(`Security group '${call.need('group')}' is not empty`);
    call.lab.journal.delete('firewall', `group/${call.need('group')}`);
  },
  'GET /cluster/firewall/macros': () =>
    ['SSH', 'HTTP', 'HTTPS', 'DNS', 'Ping', 'LDAP', 'LDAPS', 'SMTP', 'IMAP', 'IMAPS', 'PostgreSQL'].map((macro) => ({
      macro,
      descr: `${macro} traffic`,
    })),
};
