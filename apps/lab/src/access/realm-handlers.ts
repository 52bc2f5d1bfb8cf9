/** Realms: `pam` and `pve` are always there and log people in; others are kept, but nobody can log in through them. */
import { createHash } from 'node:crypto';
import { ApiError, fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import type { ConfigValue } from '../state/model.js';

export type Realm = Record<string, ConfigValue> & { type: string };

const BUILT_IN: Readonly<Record<string, Realm>> = {
  pam: { type: 'pam', comment: 'Linux PAM standard authentication', plugin: 'PVE::Auth::PAM' },
  pve: { type: 'pve', comment: 'Proxmox VE authentication server' },
};

export function realms(lab: Lab): Record<string, Realm> {
  return { ...BUILT_IN, ...Object.fromEntries(lab.journal.entries<Realm>('realm')) };
}

function given(call: Call): Record<string, ConfigValue> {
  const entry: Record<string, ConfigValue> = {};
  for (const [key, value] of Object.entries(call.parameters))
    if (!['realm', 'delete', 'digest', 'password', 'check-connection'].includes(key) && !Array.isArray(value))
      entry[key] = value;
  return entry;
}

const digestOf = (lab: Lab) =>
  createHash('sha1')
    .update(JSON.stringify(realms(lab)))
    .digest('hex');

function keep(lab: Lab, name: string, realm: Realm): void {
  if (realm.default === 1)
    for (const [other, { default: isDefault, ...rest }] of lab.journal.entries<Realm>('realm'))
      if (isDefault === 1 && other !== name) lab.journal.put('realm', other, rest);
  lab.journal.put('realm', name, realm);
}

function create(call: Call): void {
  const name = call.need('realm');
  const type = call.need('type');
  const refuse = (text: string) => fail(`add auth server failed: ${text}`);
  if (name === 'pam' || name === 'pve') throw refuse(`domain '${name}' already exists`);
  if (realms(call.lab)[name]) throw refuse(`domain '${name}' already exists`);
  if (BUILT_IN[type]) throw refuse(`unable to create builtin type '${type}'`);
  keep(call.lab, name, { ...given(call), type });
}

function update(call: Call): void {
  const name = call.need('realm');
  const refuse = (text: string) => fail(`update auth server failed: ${text}`);
  const before = realms(call.lab)[name];
  if (!before) throw refuse(`domain '${name}' does not exist`);
  const digest = call.text('digest');
  if (digest !== undefined && digest !== digestOf(call.lab))
    throw refuse('detected modified configuration - file changed by other user? Try again.');
  const entry = given(call);
  const gone = splitList(call.text('delete') ?? '');
  if (Object.keys(entry).length === 0 && gone.length === 0 && call.text('password') === undefined)
    throw refuse('no options specified');
  const next: Realm = { ...before, ...entry, type: before.type };
  for (const key of gone) delete next[key];
  keep(call.lab, name, next);
}

function sync(call: Call): never {
  const realm = realms(call.lab)[call.need('realm')];
  if (!realm) throw parameterError({ realm: 'Realm does not exist.' });
  if (realm.type !== 'ldap' && realm.type !== 'ad')
    throw fail(`Cannot sync realm type '${realm.type}'! Only LDAP/AD realms can be synced.`);
  throw new ApiError(501, 'this lab has no directory server to synchronize with (Bastide lab)');
}

export const realmHandlers: Handlers = {
  'GET /access/domains': (call) =>
    Object.entries(realms(call.lab)).map(([realm, { type, comment, default: isDefault }]) => ({
      realm,
      type,
      ...(comment ? { comment } : {}),
      ...(isDefault ? { default: isDefault } : {}),
    })),
  'POST /access/domains': create,
  'GET /access/domains/{realm}': (call) => {
    const realm = realms(call.lab)[call.need('realm')];
    if (!realm) throw fail(`domain '${call.need('realm')}' does not exist`);
    return { ...realm, digest: digestOf(call.lab) };
  },
  'PUT /access/domains/{realm}': update,
  'DELETE /access/domains/{realm}': (call) => {
    const name = call.need('realm');
    if (!realms(call.lab)[name])
      throw fail(`delete auth server failed: authentication domain '${name}' does not exist`);
    call.lab.journal.delete('realm', name);
  },
  'POST /access/domains/{realm}/sync': sync,
};
