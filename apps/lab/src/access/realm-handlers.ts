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

/** What a realm of a kind cannot do without. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  ad: ['server1', 'domain'],
  ldap: ['server1', 'base_dn', 'user_attr'],
  openid: ['issuer-url', 'client-id'],
};
const CONNECTED = new Set(['ad', 'ldap']);

function checkConnection(call: Call, type: string, realm: Record<string, ConfigValue>): void {
  if (call.text('check-connection') === undefined) return;
  if (!CONNECTED.has(type))
    throw new Error("'check-connection' parameter can only be set for realms of type 'ldap' or 'ad'");
  if (call.flag('check-connection')) throw new Error(`unable to connect to LDAP server '${String(realm.server1)}'`);
}

function create(call: Call): void {
  const name = call.need('realm');
  const type = call.need('type');
  const refuse = (text: string) => fail(`add auth server failed: ${text}`);
  if (name === 'pam' || name === 'pve') throw refuse(`domain '${name}' already exists`);
  if (realms(call.lab)[name]) throw refuse(`domain '${name}' already exists`);
  if (BUILT_IN[type]) throw refuse(`unable to create builtin type '${type}'`);
  const entry = given(call);
  const missing = REQUIRED[type]?.find((key) => entry[key] === undefined);
  if (missing !== undefined) throw refuse(`missing value for required option '${missing}'`);
  refusing(refuse, () => checkConnection(call, type, entry));
  keep(call.lab, name, { ...entry, type });
}

/** What goes wrong inside is told in the words of what was to be done. */
function refusing(refuse: (text: string) => Error, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw refuse((error as Error).message);
  }
}

function update(call: Call): void {
  const name = call.need('realm');
  const refuse = (text: string) => fail(`update auth server failed: ${text}`);
  const digest = call.text('digest');
  if (digest && digest !== digestOf(call.lab))
    throw refuse('detected modified configuration - file changed by other user? Try again.');
  const before = realms(call.lab)[name];
  if (!before) throw refuse(`domain '${name}' does not exist`);
  refusing(refuse, () => checkConnection(call, before.type, { ...before, ...given(call) }));
  const entry = given(call);
  const gone = splitList(call.text('delete') ?? '');
  if (Object.keys(entry).length === 0 && gone.length === 0 && call.text('password') === undefined)
    throw refuse('no options specified');
  const left = Object.fromEntries(Object.entries(before).filter(([key]) => !gone.includes(key)));
  const next: Realm = { ...left, ...entry, type: before.type };
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
    Object.entries(realms(call.lab)).map(([realm, { type, comment, default: isDefault, tfa }]) => ({
      realm,
      type,
      ...(tfa === undefined ? {} : { tfa: /(?:^|,)type=(\w+)/.exec(String(tfa))?.[1] }),
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
