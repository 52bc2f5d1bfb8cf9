/** Users, groups, passwords and API tokens. */
import { randomUUID } from 'node:crypto';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import { hashSecret, type TokenRecord, type UserRecord } from './directory.js';

const DETAILS = ['comment', 'email', 'firstname', 'lastname', 'keys'] as const;

function existing(call: Call): UserRecord {
  const userid = call.need('userid');
  const user = call.lab.directory.users.get(userid);
  if (!user) throw fail(`no such user ('${userid}')`);
  return user;
}

function describe(user: UserRecord): Record<string, unknown> {
  const result: Record<string, unknown> = { enable: user.enable, expire: user.expire };
  for (const key of DETAILS) if (user[key] !== undefined && user[key] !== '') result[key] = user[key];
  return result;
}

const describeToken = (token: TokenRecord) => ({
  privsep: token.privsep,
  expire: token.expire,
  ...(token.comment ? { comment: token.comment } : {}),
});

function apply(call: Call, user: UserRecord): UserRecord {
  const enable = call.number('enable');
  if (enable !== undefined) user.enable = enable === 0 ? 0 : 1;
  user.expire = call.number('expire') ?? user.expire;
  for (const key of DETAILS) {
    const value = call.text(key);
    if (value !== undefined) user[key] = value;
  }
  const groups = call.text('groups');
  if (groups !== undefined) {
    const named = splitList(groups);
    for (const group of named)
      if (!call.lab.directory.groups.has(group)) throw fail(`update user failed: group '${group}' does not exist`);
    user.groups = [...new Set(call.flag('append') ? [...user.groups, ...named] : named)];
  }
  return user;
}

function createUser(call: Call): void {
  const userid = call.need('userid');
  if (call.lab.directory.users.has(userid)) throw fail(`create user failed: user '${userid}' already exists`);
  const user = apply(call, { userid, enable: 1, expire: 0, groups: [], tokens: {} });
  const password = call.text('password');
  if (password !== undefined) user.passwordHash = hashSecret(password);
  call.lab.directory.saveUser(user);
}

function setPassword(call: Call): void {
  const user = existing(call);
  call.lab.directory.saveUser({ ...user, passwordHash: hashSecret(call.need('password')) });
}

function listUsers(call: Call): unknown {
  const all = call.can('/access/groups', ['User.Modify', 'Sys.Audit'], true);
  const enabled = call.number('enabled');
  return [...call.lab.directory.users.values()]
    .filter((user) => all || user.userid === call.caller.userid)
    .filter((user) => enabled === undefined || user.enable === enabled)
    .map((user) => ({
      userid: user.userid,
      'realm-type': user.userid.split('@').at(-1) ?? 'pam',
      ...describe(user),
      ...(call.flag('full')
        ? {
            groups: user.groups.join(','),
            tokens: Object.entries(user.tokens).map(([tokenid, token]) => ({ tokenid, ...describeToken(token) })),
          }
        : {}),
    }));
}

function tokenOf(call: Call): { user: UserRecord; name: string; token: TokenRecord } {
  const user = existing(call);
  const name = call.need('tokenid');
  const token = Object.hasOwn(user.tokens, name) ? user.tokens[name] : undefined;
  if (!token) throw fail(`no such token '${name}' for user '${user.userid}'`);
  return { user, name, token };
}

function createToken(call: Call): unknown {
  const user = existing(call);
  const name = call.need('tokenid');
  if (Object.hasOwn(user.tokens, name)) throw parameterError({ tokenid: 'Token already exists.' });
  const value = randomUUID();
  const privsep = call.number('privsep') === 0 ? 0 : 1;
  const comment = call.text('comment');
  user.tokens[name] = {
    secretHash: hashSecret(value),
    privsep,
    expire: call.number('expire') ?? 0,
    ...(comment ? { comment } : {}),
  };
  call.lab.directory.saveUser(user);
  const info: Record<string, string> = { privsep: String(privsep) };
  if (comment) info.comment = comment;
  if (call.text('expire') !== undefined) info.expire = call.need('expire');
  return { 'full-tokenid': `${user.userid}!${name}`, info, value };
}

function updateToken(call: Call): unknown {
  const { user, name, token } = tokenOf(call);
  const privsep = call.number('privsep');
  const next: TokenRecord = {
    ...token,
    ...(privsep === undefined ? {} : { privsep: privsep === 0 ? 0 : 1 }),
    expire: call.number('expire') ?? token.expire,
    ...(call.text('comment') === undefined ? {} : { comment: call.need('comment') }),
  };
  user.tokens[name] = next;
  call.lab.directory.saveUser(user);
  return describeToken(next);
}

function members(call: Call, group: string): string[] {
  return [...call.lab.directory.users.values()]
    .filter((user) => user.groups.includes(group))
    .map((user) => user.userid);
}

function existingGroup(call: Call): { comment?: string } {
  const group = call.lab.directory.groups.get(call.need('groupid'));
  if (!group) throw fail(`group '${call.need('groupid')}' does not exist`);
  return group;
}

export const userHandlers: Handlers = {
  'GET /access/users': listUsers,
  'POST /access/users': createUser,
  'GET /access/users/{userid}': (call) => {
    const user = existing(call);
    return {
      ...describe(user),
      groups: user.groups,
      tokens: Object.fromEntries(Object.entries(user.tokens).map(([name, token]) => [name, describeToken(token)])),
    };
  },
  'PUT /access/users/{userid}': (call) => call.lab.directory.saveUser(apply(call, { ...existing(call) })),
  'DELETE /access/users/{userid}': (call) => {
    const { userid } = existing(call);
    if (userid === 'root@pam') throw fail("user 'root@pam' cannot be deleted");
    call.lab.directory.deleteUser(userid);
  },
  'GET /access/users/{userid}/tfa': (call) => {
    existing(call);
    return { user: null, realm: null };
  },
  'PUT /access/users/{userid}/unlock-tfa': () => 0,
  'PUT /access/password': setPassword,
  'GET /access/users/{userid}/token': (call) =>
    Object.entries(existing(call).tokens).map(([tokenid, token]) => ({ tokenid, ...describeToken(token) })),
  'GET /access/users/{userid}/token/{tokenid}': (call) => describeToken(tokenOf(call).token),
  'POST /access/users/{userid}/token/{tokenid}': createToken,
  'PUT /access/users/{userid}/token/{tokenid}': updateToken,
  'DELETE /access/users/{userid}/token/{tokenid}': (call) => {
    const { user, name } = tokenOf(call);
    delete user.tokens[name];
    call.lab.directory.saveUser(user);
    call.lab.directory.dropAcl((entry) => entry.type === 'token' && entry.ugid === `${user.userid}!${name}`);
  },
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
    const group = existingGroup(call);
    const comment = call.text('comment');
    call.lab.directory.saveGroup(call.need('groupid'), comment === undefined ? group : { comment });
  },
  'DELETE /access/groups/{groupid}': (call) => {
    existingGroup(call);
    call.lab.directory.deleteGroup(call.need('groupid'));
  },
};
