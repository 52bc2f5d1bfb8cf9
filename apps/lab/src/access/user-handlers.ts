/** Users and groups. */
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import { realmOf } from './check-permissions.js';
import { hashSecret, type UserRecord } from './directory.js';
import { realms } from './realm-handlers.js';
import { factorsOf, forgetFactors, shownLock } from './second-factors.js';
import { describeToken } from './token-handlers.js';

const DETAILS = ['comment', 'email', 'firstname', 'lastname', 'keys'] as const;

function existing(call: Call, doing?: string): UserRecord {
  const userid = call.need('userid');
  const user = call.lab.directory.users.get(userid);
  if (!user) throw fail(`${doing === undefined ? '' : `${doing} user failed: `}no such user ('${userid}')`);
  return user;
}

function describe(user: UserRecord): Record<string, unknown> {
  const result: Record<string, unknown> = { enable: user.enable, expire: user.expire };
  for (const key of DETAILS) if (user[key] !== undefined && user[key] !== '') result[key] = user[key];
  // The file these are kept in has the address before comment and keys: it is there, if empty, where one of them is.
  if (result.email === undefined && (result.comment !== undefined || result.keys !== undefined)) result.email = '';
  return result;
}

function tokensOf(user: UserRecord): Record<string, unknown> | null {
  const tokens = Object.entries(user.tokens).map(([name, token]) => [name, describeToken(token)] as const);
  return tokens.length > 0 ? Object.fromEntries(tokens) : null;
}

function apply(call: Call, user: UserRecord, doing: 'create' | 'update'): UserRecord {
  const enable = call.number('enable');
  if (enable !== undefined) user.enable = enable === 0 ? 0 : 1;
  user.expire = call.number('expire') ?? user.expire;
  const groups = call.text('groups');
  if (groups !== undefined) {
    const named = splitList(groups);
    const missing = named.find((group) => !call.lab.directory.groups.has(group));
    if (missing !== undefined) throw fail(`${doing} user failed: no such group '${missing}'`);
    user.groups = [...new Set(call.flag('append') ? [...user.groups, ...named] : named)].sort();
  }
  for (const key of DETAILS) {
    const value = call.text(key);
    if (value !== undefined) user[key] = value;
  }
  return user;
}

function createUser(call: Call): void {
  const userid = call.need('userid');
  const realm = realmOf(userid);
  if (call.lab.directory.users.has(userid)) throw fail(`create user failed: user '${userid}' already exists`);
  const password = call.text('password');
  const type = realms(call.lab)[realm]?.type;
  if (password !== undefined && type === undefined)
    throw fail(`create user failed: auth domain '${realm}' does not exist`);
  if (password !== undefined && type !== 'pam' && type !== 'pve')
    throw fail(`create user failed: can't set password on auth type '${type}'`);
  const user = apply(call, { userid, enable: 1, expire: 0, groups: [], tokens: {} }, 'create');
  if (password !== undefined) user.passwordHash = hashSecret(password);
  call.lab.directory.saveUser(user);
}

function deleteUser(call: Call): void {
  const { directory } = call.lab;
  const userid = call.need('userid');
  realmOf(userid);
  // Only root by ticket gets here for a user that is not there, and is told nothing.
  if (userid !== 'root@pam') {
    if (!directory.users.has(userid)) return;
    directory.deleteUser(userid);
    forgetFactors(call.lab, userid);
    return;
  }
  // Root cannot go: he comes back at once, without his tokens.
  const hash = directory.users.get(userid)?.passwordHash;
  directory.deleteUser(userid);
  directory.saveUser({
    userid,
    enable: 1,
    expire: 0,
    groups: [],
    tokens: {},
    ...(hash === undefined ? {} : { passwordHash: hash }),
  });
}

function listUsers(call: Call): unknown {
  const { directory } = call.lab;
  const privileges = ['User.Modify', 'Sys.Audit'];
  const all = call.can('/access/groups', privileges, true);
  const shown = new Set(
    [...directory.groups.keys()].filter((id) => call.can(`/access/groups/${id}`, privileges, true)),
  );
  const known = realms(call.lab);
  const enabled = call.number('enabled');
  return [...directory.users.values()]
    .filter((user) => all || user.userid === call.caller.id || user.groups.some((group) => shown.has(group)))
    .filter((user) => enabled === undefined || user.enable === enabled)
    .sort((left, right) => (left.userid < right.userid ? -1 : 1))
    .map((user) => {
      const type = known[user.userid.slice(user.userid.lastIndexOf('@') + 1)]?.type;
      const tokens = Object.entries(user.tokens).sort(([left], [right]) => (left < right ? -1 : 1));
      return {
        userid: user.userid,
        ...(type === undefined ? {} : { 'realm-type': type }),
        ...describe(user),
        ...(call.flag('full')
          ? {
              groups: user.groups.join(','),
              tokens:
                tokens.length === 0 ? null : tokens.map(([tokenid, token]) => ({ tokenid, ...describeToken(token) })),
            }
          : {}),
        ...shownLock(call.lab, factorsOf(call.lab, user.userid)),
      };
    });
}

function members(call: Call, group: string): string[] {
  return [...call.lab.directory.users.values()]
    .filter((user) => user.groups.includes(group))
    .map((user) => user.userid)
    .sort();
}

function existingGroup(call: Call, doing?: string): { comment?: string } {
  const id = call.need('groupid');
  const group = call.lab.directory.groups.get(id);
  if (!group) throw fail(`${doing === undefined ? '' : `${doing} group failed: `}group '${id}' does not exist`);
  return group;
}

export const userHandlers: Handlers = {
  'GET /access/users': listUsers,
  'POST /access/users': createUser,
  'GET /access/users/{userid}': (call) => {
    const user = existing(call);
    return { ...describe(user), groups: user.groups, tokens: tokensOf(user) };
  },
  'PUT /access/users/{userid}': (call) =>
    call.lab.directory.saveUser(apply(call, { ...existing(call, 'update') }, 'update')),
  'DELETE /access/users/{userid}': deleteUser,
  'GET /access/groups': (call) =>
    [...call.lab.directory.groups]
      .filter(([groupid]) =>
        call.can(`/access/groups/${groupid}`, ['User.Modify', 'Group.Allocate', 'Sys.Audit'], true),
      )
      .map(([groupid, group]) => ({
        groupid,
        users: members(call, groupid).join(','),
        ...(group.comment ? { comment: group.comment } : {}),
      })),
  'POST /access/groups': (call) => {
    const id = call.need('groupid');
    if (call.lab.directory.groups.has(id)) throw fail(`create group failed: group '${id}' already exists`);
    const comment = call.text('comment');
    call.lab.directory.saveGroup(id, comment ? { comment } : {});
  },
  'GET /access/groups/{groupid}': (call) => ({ ...existingGroup(call), members: members(call, call.need('groupid')) }),
  'PUT /access/groups/{groupid}': (call) => {
    const group = existingGroup(call, 'update');
    const comment = call.text('comment');
    call.lab.directory.saveGroup(call.need('groupid'), comment === undefined ? group : comment ? { comment } : {});
  },
  'DELETE /access/groups/{groupid}': (call) => {
    existingGroup(call, 'delete');
    call.lab.directory.deleteGroup(call.need('groupid'));
  },
};
