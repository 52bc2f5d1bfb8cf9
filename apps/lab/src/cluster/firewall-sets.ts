/** Aliases and IP sets of the firewall, and the list of both for rules to point at. */
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { FirewallRecord } from '../state/model.js';
import { BASES, checkDigest, digest, given, load, save } from './firewall-records.js';
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
  const ipVersion = (cidr: unknown) => (String(cidr).includes(':') ? 6 : 4);
  return {
    [`GET ${base}/aliases`]: (call) => {
      const { aliases } = load(call, scope);
      return Object.entries(aliases).map(([name, alias]) => ({ ...alias, name, digest: digest(aliases) }));
    },
    [`POST ${base}/aliases`]: async (call) => {
      const record = load(call, scope);
      const name = call.need('name');
      if (aliasKey(record, name) !== undefined) throw parameterError({ name: `alias '${name}' already exists` });
      const comment = call.text('comment');
      record.aliases[name] = { cidr: call.need('cidr'), ...(comment ? { comment } : {}) };
      await save(call, scope, record);
    },
    [`GET ${base}/aliases/{name}`]: (call) => {
      const { name, alias } = aliasOf(call, load(call, scope));
      return { ...alias, name, ipversion: ipVersion(alias.cidr) };
    },
    [`PUT ${base}/aliases/{name}`]: async (call) => {
      const record = load(call, scope);
      checkDigest(call, record.aliases);
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
      checkDigest(call, record.aliases);
      // One that is not there is gone already.
      const name = aliasKey(record, call.need('name'));
      if (name !== undefined) delete record.aliases[name];
      await save(call, scope, record);
    },
    [`GET ${base}/ipset`]: (call) => {
      const { ipset } = load(call, scope);
      return Object.entries(ipset).map(([name, set]) => ({
        name,
        ...(set.comment ? { comment: set.comment } : {}),
        digest: digest(ipset),
      }));
    },
    [`POST ${base}/ipset`]: async (call) => {
      const record = load(call, scope);
      const name = call.need('name');
      const rename = call.text('rename');
      const comment = call.text('comment');
      const isThere = (one: string) => Object.hasOwn(record.ipset, one);
      if (rename === undefined) {
        if (isThere(name)) throw parameterError({ name: `IPSet '${name}' already exists` });
        record.ipset[name] = { entries: [] };
      } else {
        checkDigest(call, record.ipset);
        if (!isThere(rename)) throw parameterError({ name: `IPSet '${rename}' does not exist` });
        if (isThere(name) && rename !== name) throw parameterError({ name: `IPSet '${name}' does already exist` });
        const { [rename]: old = { entries: [] }, ...rest } = record.ipset;
        record.ipset = { ...rest, [name]: old };
      }
      const set = record.ipset[name];
      if (set && comment !== undefined) set.comment = comment;
      await save(call, scope, record);
    },
    [`GET ${base}/ipset/{name}`]: (call) => {
      const { entries } = setOf(call, load(call, scope));
      return entries.map((entry) => ({ ...entry, digest: digest(entries) }));
    },
    [`POST ${base}/ipset/{name}`]: async (call) => {
      const record = load(call, scope);
      const set = setOf(call, record);
      const cidr = call.need('cidr');
      if (set.entries.some((entry) => entry.cidr === cidr))
        throw parameterError({ cidr: `address '${cidr}' already exists` });
      if (/\/0+$/.test(cidr)) throw parameterError({ cidr: 'a zero prefix is not allowed in ipset entries' });
      set.entries.unshift({ ...given(call), cidr });
      await save(call, scope, record);
    },
    [`DELETE ${base}/ipset/{name}`]: async (call) => {
      const record = load(call, scope);
      if (setOf(call, record).entries.length > 0 && !call.flag('force'))
        throw fail(`IPSet '${call.need('name')}' is not empty`);
      delete record.ipset[call.need('name')];
      await save(call, scope, record);
    },
    [`GET ${base}/ipset/{name}/{cidr}`]: (call) => ({ ...entryOf(call, load(call, scope)) }),
    [`PUT ${base}/ipset/{name}/{cidr}`]: async (call) => {
      const record = load(call, scope);
      checkDigest(call, setOf(call, record).entries);
      const entry = entryOf(call, record);
      for (const key of ['nomatch', 'comment'] as const) {
        const value = call.parameters[key];
        if (typeof value === 'string' || typeof value === 'number') entry[key] = value;
      }
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
              ['guest', own],
              ['dc', load(call, 'cluster')],
            ];
      const type = call.text('type');
      return places.flatMap(([place, record]) => [
        ...(type === 'ipset' ? [] : Object.entries(record.aliases)).map(([name, { comment }]) => ({
          type: 'alias',
          name,
          ref: `${place}/${name}`,
          scope: place,
          ...(comment ? { comment } : {}),
        })),
        ...(type === 'alias' ? [] : Object.entries(record.ipset)).map(([name, { comment }]) => ({
          type: 'ipset',
          name,
          ref: `+${place}/${name}`,
          scope: place,
          ...(comment ? { comment } : {}),
        })),
      ]);
    },
  };
}
