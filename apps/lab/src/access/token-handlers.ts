/** API tokens. */
import { randomUUID } from 'node:crypto';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import { realmOf } from './check-permissions.js';
import { hashSecret, type TokenRecord, type UserRecord } from './directory.js';

export const describeToken = (token: TokenRecord) => ({
  privsep: token.privsep,
  expire: token.expire,
  ...(token.comment ? { comment: token.comment } : {}),
});

function userOf(call: Call): UserRecord {
  const userid = call.need('userid');
  realmOf(userid);
  const user = call.lab.directory.users.get(userid);
  if (!user) throw fail(`no such user ('${userid}')`);
  return user;
}

function tokenOf(call: Call): { user: UserRecord; name: string; token: TokenRecord } {
  const user = userOf(call);
  const name = call.need('tokenid');
  const token = Object.hasOwn(user.tokens, name) ? user.tokens[name] : undefined;
  if (!token) throw fail(`no such token '${name}' for user '${user.userid}'`);
  return { user, name, token };
}

function createToken(call: Call): unknown {
  const user = userOf(call);
  const name = call.need('tokenid');
  if (Object.hasOwn(user.tokens, name)) throw parameterError({ tokenid: 'Token already exists.' });
  const value = randomUUID();
  const privsep = call.number('privsep');
  const comment = call.text('comment');
  user.tokens[name] = {
    secretHash: hashSecret(value),
    privsep: privsep === 0 ? 0 : 1,
    expire: call.number('expire') ?? 0,
    ...(comment ? { comment } : {}),
  };
  call.lab.directory.saveUser(user);
  // What was sent comes back as it was sent: text. What was not is the number.
  const info: Record<string, string | number> = { privsep: privsep === undefined ? 1 : String(privsep) };
  if (comment) info.comment = comment;
  if (call.text('expire') !== undefined) info.expire = call.need('expire');
  return { 'full-tokenid': `${user.userid}!${name}`, info, value };
}

function updateToken(call: Call): unknown {
  const { user, name, token } = tokenOf(call);
  const gone = splitList(call.text('delete') ?? '');
  const unknown = gone.find((key) => key !== 'comment');
  if (unknown !== undefined)
    throw fail(`updating token info failed: 400 Parameter verification failed.\ndelete: unknown option '${unknown}'`);
  const privsep = call.number('privsep');
  const value = call.flag('regenerate') ? randomUUID() : undefined;
  const { comment: before, ...rest } = token;
  const comment = gone.includes('comment') ? undefined : (call.text('comment') ?? before);
  const next: TokenRecord = {
    ...rest,
    ...(privsep === undefined ? {} : { privsep: privsep === 0 ? 0 : 1 }),
    expire: call.number('expire') ?? token.expire,
    ...(comment ? { comment } : {}),
    ...(value === undefined ? {} : { secretHash: hashSecret(value) }),
  };
  user.tokens[name] = next;
  call.lab.directory.saveUser(user);
  return {
    ...describeToken(next),
    ...(value === undefined ? {} : { value, 'full-tokenid': `${user.userid}!${name}` }),
  };
}

export const tokenHandlers: Handlers = {
  'GET /access/users/{userid}/token': (call) =>
    Object.entries(userOf(call).tokens).map(([tokenid, token]) => ({ tokenid, ...describeToken(token) })),
  'GET /access/users/{userid}/token/{tokenid}': (call) => describeToken(tokenOf(call).token),
  'POST /access/users/{userid}/token/{tokenid}': createToken,
  'PUT /access/users/{userid}/token/{tokenid}': updateToken,
  'DELETE /access/users/{userid}/token/{tokenid}': (call) => {
    const { user, name } = tokenOf(call);
    delete user.tokens[name];
    call.lab.directory.saveUser(user);
    call.lab.directory.dropAcl((entry) => entry.type === 'token' && entry.ugid === `${user.userid}!${name}`);
  },
};
