/** Firewall options, rules and security groups. */
import { emptyFirewall } from '../guests/firewall.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import { methodOf } from '../schema/schema.js';
import type { FirewallRecord } from '../state/model.js';
import { logPage } from '../tasks/log-page.js';
import { BASES, checkDigest, digest, type Entry, given, load, PLACE, save, withDigest } from './firewall-records.js';
import { checkRule, copyRule, type Rule, type RuleScope, withoutProperties } from './firewall-rule.js';
import { setHandlers } from './firewall-sets.js';

type Scope = RuleScope;

const MACROS = (
  'Amanda Auth BGP BitTorrent BitTorrent32 Ceph CVS Citrix DAAP DCC DHCPfwd DNS Distcc FTP Finger GNUnet GRE Git HKP HTTP HTTPS ICPV2 ' +
  'ICQ IMAP IMAPS IPIP IPsec IPsecah IPsecnat IRC Jetdirect L2TP LDAP LDAPS MSNP MSSQL Mail MDNS Munin MySQL NNTP NNTPS NTP OSPF OpenVPN ' +
  'PCA PMG POP3 POP3S PPtP Ping PostgreSQL Printer RDP RIP RNDC Razor Rdate Rsync SANE SMB SMBswat SMTP SMTPS SNMP SPAMD SSH SVN SixXS ' +
  'SPICEproxy Squid Submission Syslog TFTP Telnet Telnets Time Trcrt VNC VNCL Web Webcache Webmin Whois'
).split(' ');

function positionOf(call: Call, record: FirewallRecord): number {
  const position = call.number('pos') ?? -1;
  if (!record.rules[position]) throw fail(`no rule at position ${position}`);
  return position;
}

const describeRule = (rule: Entry, pos: number, record: FirewallRecord) => ({
  ...rule,
  pos,
  enable: rule.enable ? 1 : 0,
  digest: digest(record.rules),
});

const known = (call: Call, scope: Scope, own: FirewallRecord) => ({
  own,
  cluster: scope === 'cluster' ? own : load(call, 'cluster'),
});

function ruleHandlers(scope: Scope, base: string, create: string): Handlers {
  return {
    [`GET ${base}`]: (call) => {
      const record = load(call, scope);
      return record.rules.map((rule, pos) => describeRule(rule, pos, record));
    },
    [`POST ${create}`]: async (call) => {
      const record = load(call, scope);
      const rule = checkRule(copyRule({}, call.parameters), scope, known(call, scope, record), MACROS);
      // A new rule goes to the top, whatever position is asked for.
      record.rules.unshift({ ...rule, enable: rule.enable ?? 0 });
      await save(call, scope, record);
    },
    [`GET ${base}/{pos}`]: (call) => {
      const record = load(call, scope);
      const position = positionOf(call, record);
      // Alone, its place is told as it was asked for: as text.
      return { ...describeRule(record.rules[position] ?? {}, position, record), pos: String(position) };
    },
    [`PUT ${base}/{pos}`]: async (call) => {
      const record = load(call, scope);
      checkDigest(call, record.rules);
      const position = positionOf(call, record);
      const before = record.rules[position] ?? {};
      const moveTo = call.number('moveto');
      if (moveTo !== undefined && moveTo !== position) {
        // Nothing else is looked at then.
        const target = Math.min(moveTo, record.rules.length);
        record.rules.splice(position, 1);
        record.rules.splice(target > position ? target - 1 : target, 0, before);
      } else {
        const rule = withoutProperties(copyRule(before, call.parameters), splitList(call.text('delete') ?? ''));
        delete rule.ipversion;
        record.rules[position] = checkRule(rule, scope, known(call, scope, record), MACROS);
      }
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
      const parameters = methodOf('PUT', `${base}/options`).parameters;
      const options: Entry = { ...record.options };
      for (const key of splitList(call.text('delete') ?? '')) {
        if (!parameters.has(key) || PLACE.has(key)) throw parameterError({ delete: `no such option '${key}'` });
        delete options[key];
      }
      Object.assign(options, given(call));
      // Anything above 1 is the moment from which on it holds.
      if (scope === 'cluster' && Number(options.enable) > 1) options.enable = Math.floor(call.lab.now() / 1000);
      await save(call, scope, { ...record, options });
    },
  };
}

const groupsOf = (call: Call) =>
  [...call.lab.journal.entries<FirewallRecord>('firewall')]
    .filter(([key]) => key.startsWith('group/'))
    .map(([key, record]) => ({ group: key.slice(6), ...record.options }))
    .sort((a, b) => (a.group < b.group ? -1 : 1));

/** Rules that point at a group follow its new name, wherever they stand. */
function renameInRules(call: Call, from: string, to: string): void {
  const { journal, state } = call.lab;
  const renamed = (rules: readonly Rule[]) =>
    rules.map((rule) => (rule.type === 'group' && rule.action === from ? { ...rule, action: to } : rule));
  for (const [key, record] of [...journal.entries<FirewallRecord>('firewall')])
    if (key === 'cluster' || key.startsWith('node/'))
      journal.put('firewall', key, { ...record, rules: renamed(record.rules) });
  for (const guest of state.guests.values()) {
    if (!guest.firewall?.rules.some((rule) => rule.type === 'group' && rule.action === from)) continue;
    guest.firewall = { ...guest.firewall, rules: renamed(guest.firewall.rules) };
    state.saveGuest(guest);
  }
}

function createOrRenameGroup(call: Call): void {
  const { journal } = call.lab;
  const group = call.need('group');
  const rename = call.text('rename');
  const comment = call.text('comment');
  const described = (record: FirewallRecord): FirewallRecord =>
    comment === undefined ? record : { ...record, options: comment === '' ? {} : { comment } };
  // The file knows a group by its name in small letters.
  const key = `group/${group.toLowerCase()}`;
  if (rename === undefined) {
    if (journal.get('firewall', `group/${group}`) !== undefined)
      throw parameterError({ group: `Security group '${group}' already exists` });
    journal.put('firewall', key, described(journal.get<FirewallRecord>('firewall', key) ?? emptyFirewall()));
    return;
  }
  checkDigest(call, groupsOf(call));
  const old = journal.get<FirewallRecord>('firewall', `group/${rename}`);
  if (!old) throw parameterError({ group: `Security group '${rename}' does not exist` });
  if (group !== rename && journal.get('firewall', `group/${group}`) !== undefined)
    throw parameterError({ group: `Security group '${group}' does already exist` });
  journal.put('firewall', key, described(old));
  if (group === rename) return;
  renameInRules(call, rename, group);
  if (key !== `group/${rename}`) journal.delete('firewall', `group/${rename}`);
}

const merged = (all: readonly Handlers[]): Handlers => Object.assign({}, ...all) as Handlers;

const noLog = (call: Call) => logPage(call, []);

export const firewallHandlers: Handlers = {
  ...merged(
    (['cluster', 'node', 'qemu', 'lxc', 'vnet'] as const).flatMap((scope) => [
      optionHandlers(scope),
      ruleHandlers(scope, `${BASES[scope]}/rules`, `${BASES[scope]}/rules`),
    ]),
  ),
  ...merged((['cluster', 'qemu', 'lxc'] as const).map(setHandlers)),
  ...ruleHandlers('group', BASES.group, BASES.group),
  'GET /cluster/firewall/groups': (call) => withDigest(groupsOf(call)),
  'POST /cluster/firewall/groups': createOrRenameGroup,
  'DELETE /cluster/firewall/groups/{group}': (call) => {
    if (load(call, 'group').rules.length > 0) throw fail(`Security group '${call.need('group')}' is not empty`);
    call.lab.journal.delete('firewall', `group/${call.need('group')}`);
  },
  'GET /cluster/firewall/macros': () => MACROS.map((macro) => ({ macro, descr: `${macro} traffic` })),
  'GET /nodes/{node}/qemu/{vmid}/firewall/log': noLog,
  'GET /nodes/{node}/lxc/{vmid}/firewall/log': noLog,
};
