/** Aliases and IP sets of the firewall, and the list of both for rules to point at. */
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { addressVersion, plainNetwork } from '../schema/firewall-values.js';
import type { ConfigValue, FirewallRecord } from '../state/model.js';
import { BASES, checkDigest, digest, load, save, withDigest } from './firewall-records.js';
import type { RuleScope } from './firewall-rule.js';

export function setHandlers(scope: RuleScope): Handlers {
  const base = BASES[scope];
  const setOf = (call: Call, record: FirewallRecord) => {
    const found = Object.hasOwn(record.ipset, call.need('name')) ? record.ipset[call.need('name')] : undefined;
    if (!found) throw fail(`no such IPSet '${call.need('name')}'`);
    return found;
  };
  /** Aliases are the same in upper and lower case. */
  const aliasKey = (record: FirewallRecord, name: string) =>
    Object.keys(record.aliases).find((one) => one.toLowerCase() === name.toLowerCase());
  const aliasOf = (call: Call, record: FirewallRecord) => {
    const name = aliasKey(record, call.need('name'));
    const alias = name === undefined ? undefined : record.aliases[name];
    if (name === undefined || !alias) throw parameterError({ name: 'no such alias' });
    return { name, alias };
  };
  const entryOf = (call: Call, record: FirewallRecord) => {
    const found = setOf(call, record).entries.find((entry) => entry.cidr === call.need('cidr'));
    if (!found) throw parameterError({ cidr: 'no such IP/Network' });
    return found;
  };
  /** As the file is read back: a single address has no prefix. */
  const describeAlias = (record: FirewallRecord, name: string) => {
    const alias: { readonly cidr?: ConfigValue; readonly comment?: ConfigValue } = record.aliases[name] ?? {};
    const cidr = String(alias.cidr).replace(String(alias.cidr).includes(':') ? /\/128$/ : /\/32$/, '');
    return { ...alias, name, cidr, ipversion: addressVersion(cidr) };
  };
  const aliasesOf = (record: FirewallRecord) =>
    Object.keys(record.aliases)
      .sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
      .map((name) => describeAlias(record, name));
  const setsOf = (record: FirewallRecord) =>
    Object.keys(record.ipset)
      .sort()
      .map((name) => {
        const comment = record.ipset[name]?.comment;
        return { name, ...(comment ? { comment } : {}) };
      });
  /** An address or network as it is kept; an alias must be there. */
  const checkedCidr = (call: Call, record: FirewallRecord) => {
    const cidr = call.need('cidr');
    const [, place, alias] = /^(dc\/|guest\/)?([A-Za-z][A-Za-z0-9\-_]+)$/.exec(cidr) ?? [];
    if (alias === undefined) return plainNetwork(cidr);
    const own = scope === 'cluster' ? [] : place === 'dc/' ? [] : [record];
    const datacenter = place === 'guest/' ? [] : [scope === 'cluster' ? record : load(call, 'cluster')];
    if (![...own, ...datacenter].some((one) => aliasKey(one, alias) !== undefined))
      throw fail(`no such alias '${alias}'`);
    return cidr;
  };
  return {
    [`GET ${base}/aliases`]: (call) => withDigest(aliasesOf(load(call, scope))),
    [`POST ${base}/aliases`]: async (call) => {
      const record = load(call, scope);
      const name = call.need('name');
      if (aliasKey(record, name) !== undefined) throw parameterError({ name: `alias '${name}' already exists` });
      const comment = call.text('comment');
      record.aliases[name] = { cidr: call.need('cidr'), ...(comment ? { comment } : {}) };
      await save(call, scope, record);
    },
    [`GET ${base}/aliases/{name}`]: (call) => {
      const record = load(call, scope);
      return describeAlias(record, aliasOf(call, record).name);
    },
    [`PUT ${base}/aliases/{name}`]: async (call) => {
      const record = load(call, scope);
      checkDigest(call, aliasesOf(record));
      const { name } = aliasOf(call, record);
      const rename = call.text('rename');
      if (rename !== undefined && rename.toLowerCase() !== name.toLowerCase() && aliasKey(record, rename) !== undefined)
        throw parameterError({ name: `alias '${rename}' already exists` });
      const comment = call.text('comment');
      delete record.aliases[name];
      record.aliases[rename ?? name] = { cidr: call.need('cidr'), ...(comment ? { comment } : {}) };
      await save(call, scope, record);
    },
    [`DELETE ${base}/aliases/{name}`]: async (call) => {
      const record = load(call, scope);
      checkDigest(call, aliasesOf(record));
      // One that is not there is gone already.
      const name = aliasKey(record, call.need('name'));
      if (name !== undefined) delete record.aliases[name];
      await save(call, scope, record);
    },
    [`GET ${base}/ipset`]: (call) => withDigest(setsOf(load(call, scope))),
    [`POST ${base}/ipset`]: async (call) => {
      const record = load(call, scope);
      const name = call.need('name');
      const rename = call.text('rename');
      const comment = call.text('comment');
      // The file knows a set by its name in small letters.
      const kept = name.toLowerCase();
      const isThere = (one: string) => Object.hasOwn(record.ipset, one);
      if (rename === undefined) {
        if (isThere(name)) throw parameterError({ name: `IPSet '${name}' already exists` });
        record.ipset[kept] ??= { entries: [] };
      } else {
        checkDigest(call, setsOf(record));
        if (!isThere(rename)) throw parameterError({ name: `IPSet '${rename}' does not exist` });
        if (isThere(name) && rename !== name) throw parameterError({ name: `IPSet '${name}' does already exist` });
        const { [rename]: old = { entries: [] }, ...rest } = record.ipset;
        record.ipset = { ...rest, [kept]: old };
      }
      const set = record.ipset[kept];
      if (set && comment !== undefined) set.comment = comment;
      await save(call, scope, record);
    },
    [`GET ${base}/ipset/{name}`]: (call) => withDigest(setOf(call, load(call, scope)).entries),
    [`POST ${base}/ipset/{name}`]: async (call) => {
      const record = load(call, scope);
      const set = setOf(call, record);
      const cidr = checkedCidr(call, record);
      const comment = call.text('comment');
      if (set.entries.some((entry) => entry.cidr === cidr))
        throw parameterError({ cidr: `address '${cidr}' already exists` });
      if (/\/0+$/.test(cidr)) throw parameterError({ cidr: 'a zero prefix is not allowed in ipset entries' });
      set.entries.unshift({ cidr, ...(call.flag('nomatch') ? { nomatch: 1 } : {}), ...(comment ? { comment } : {}) });
      await save(call, scope, record);
    },
    [`DELETE ${base}/ipset/{name}`]: async (call) => {
      const record = load(call, scope);
      if (setOf(call, record).entries.length > 0 && !call.flag('force'))
        throw fail(`IPSet '${call.need('name')}' is not empty`);
      delete record.ipset[call.need('name')];
      await save(call, scope, record);
    },
    [`GET ${base}/ipset/{name}/{cidr}`]: (call) => {
      const record = load(call, scope);
      return { ...entryOf(call, record), digest: digest(setOf(call, record).entries) };
    },
    [`PUT ${base}/ipset/{name}/{cidr}`]: async (call) => {
      const record = load(call, scope);
      checkDigest(call, setOf(call, record).entries);
      const entry = entryOf(call, record);
      // What is not sent is taken away.
      const comment = call.text('comment');
      for (const key of ['nomatch', 'comment'] as const) delete entry[key];
      if (call.flag('nomatch')) entry.nomatch = 1;
      if (comment) entry.comment = comment;
      await save(call, scope, record);
    },
    [`DELETE ${base}/ipset/{name}/{cidr}`]: async (call) => {
      const record = load(call, scope);
      const set = setOf(call, record);
      checkDigest(call, set.entries);
      // One that is not there is gone already.
      set.entries = set.entries.filter((entry) => entry.cidr !== call.need('cidr'));
      await save(call, scope, record);
    },
    [`GET ${base}/refs`]: (call) => {
      const own = load(call, scope);
      const places: readonly (readonly [string, FirewallRecord])[] =
        scope === 'cluster'
          ? [['dc', own]]
          : [
              ['dc', load(call, 'cluster')],
              ['guest', own],
            ];
      const type = call.text('type');
      return places.flatMap(([place, record]) => [
        ...(type === 'alias' ? [] : setsOf(record)).map((set) => ({
          type: 'ipset',
          ...set,
          ref: `+${set.name}`,
          scope: place,
        })),
        ...(type === 'ipset' ? [] : aliasesOf(record)).map(({ name, comment }) => ({
          type: 'alias',
          name: name.toLowerCase(),
          ref: name.toLowerCase(),
          scope: place,
          ...(comment ? { comment } : {}),
        })),
      ]);
    },
  };
}
