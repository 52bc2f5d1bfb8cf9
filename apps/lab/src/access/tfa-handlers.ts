/** /access/tfa: one-time passwords and recovery keys of users. */
import { ApiError, fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { realmOf } from './check-permissions.js';
import { realms } from './realm-handlers.js';
import { reauthenticate } from './reauthenticate.js';
import {
  addRecovery,
  addTotp,
  changeFactor,
  factorsOf,
  removeFactor,
  type SecondFactors,
  shownFactors,
  shownLock,
  unlock,
} from './second-factors.js';
import { matchTotp, parseTotp, type Totp } from './totp.js';

const AUDIT = ['User.Modify', 'Sys.Audit'];

const entriesOf = (call: Call) => {
  const factors = factorsOf(call.lab, call.need('userid'));
  return factors ? shownFactors(factors) : [];
};

function listAll(call: Call): unknown {
  const { lab, caller } = call;
  const { directory } = lab;
  const all = call.can('/access/groups', AUDIT, true);
  const visible = (userid: string) =>
    all ||
    userid === caller.id ||
    (directory.users.get(userid)?.groups ?? []).some((group) => call.can(`/access/groups/${group}`, AUDIT, true));
  return [...lab.journal.entries<SecondFactors>('tfa')]
    .filter(([userid]) => visible(userid))
    .map(([userid, factors]) => ({ userid, entries: shownFactors(factors), ...shownLock(lab, factors) }));
}

function one(call: Call): unknown {
  const id = call.need('id');
  const entry = entriesOf(call).find((other) => other.id === id);
  if (!entry) throw new ApiError(404, `No such tfa entry '${id}'`);
  return entry;
}

/** The user's record says that there is something to ask for. */
function mark(call: Call, userid: string, has: boolean): void {
  const { keys: _, ...user } = call.lab.directory.users.get(userid) ?? {
    userid,
    enable: 1,
    expire: 0,
    groups: [],
    tokens: {},
  };
  call.lab.directory.saveUser(has ? { ...user, keys: 'x' } : user);
}

function refuseGiven(call: Call, names: readonly string[], text: string): void {
  if (names.some((name) => call.text(name) !== undefined)) throw fail(text);
}

function needDescription(call: Call): string {
  const description = call.text('description');
  if (description === undefined) throw fail("'description' is required for new entries");
  return description;
}

function readTotp(uri: string): Totp {
  try {
    return parseTotp(uri);
  } catch (error) {
    throw fail((error as Error).message);
  }
}

function newTotp(call: Call, userid: string): unknown {
  refuseGiven(call, ['challenge'], "'challenge' parameter is invalid for 'totp' entries");
  const description = needDescription(call);
  const uri = call.text('totp');
  const value = call.text('value');
  if (uri === undefined || value === undefined) throw fail("'totp' type requires both 'totp' and 'value' parameters");
  const totp = readTotp(uri);
  if (matchTotp(totp, value, call.lab.now()) === undefined) throw fail('failed to verify TOTP challenge');
  return { id: addTotp(call.lab, userid, description, totp) };
}

function newRecovery(call: Call, userid: string): unknown {
  refuseGiven(call, ['totp', 'value', 'challenge'], 'generating recovery tokens does not allow additional parameters');
  const recovery = addRecovery(call.lab, userid);
  if (!recovery) throw fail('user already has recovery keys');
  return { id: 'recovery', recovery };
}

function add(call: Call): unknown {
  const { userid } = reauthenticate(call, 'password');
  const type = call.need('type');
  if (type === 'yubico') {
    const realm = realmOf(userid);
    throw fail(
      realms(call.lab)[realm]
        ? `no yubico otp configuration available for realm ${realm}`
        : `auth domain '${realm}' does not exist`,
    );
  }
  mark(call, userid, true);
  if (type === 'totp') return newTotp(call, userid);
  if (type === 'recovery') return newRecovery(call, userid);
  refuseGiven(call, ['totp'], `'totp' parameter is invalid for '${type}' entries`);
  if (call.text('challenge') === undefined) needDescription(call);
  throw fail(`no ${type} configuration available`);
}

function change(call: Call): void {
  const { userid } = reauthenticate(call, 'password');
  const enable = call.number('enable');
  if (
    !changeFactor(
      call.lab,
      userid,
      call.need('id'),
      call.text('description'),
      enable === undefined ? enable : enable === 1,
    )
  )
    throw fail('no such entry');
}

function remove(call: Call): void {
  const { userid } = reauthenticate(call, 'password');
  const left = removeFactor(call.lab, userid, call.need('id'));
  if (left === undefined) throw fail('no such entry');
  if (left === 0) mark(call, userid, false);
}

function types(call: Call): unknown {
  const name = realmOf(call.need('userid'));
  const realm = realms(call.lab)[name];
  if (!realm) throw fail(`auth domain '${name}' does not exist`);
  const required = /(?:^|,)type=(\w+)/.exec(String(realm.tfa ?? ''))?.[1];
  return {
    ...(required === undefined ? {} : { realm: required }),
    ...(call.flag('multiple') ? { user: [...new Set(entriesOf(call).map(({ type }) => type))] } : {}),
  };
}

export const tfaHandlers: Handlers = {
  'GET /access/tfa': listAll,
  'GET /access/tfa/{userid}': entriesOf,
  'GET /access/tfa/{userid}/{id}': one,
  'POST /access/tfa/{userid}': add,
  'PUT /access/tfa/{userid}/{id}': change,
  'DELETE /access/tfa/{userid}/{id}': remove,
  'GET /access/users/{userid}/tfa': types,
  'PUT /access/users/{userid}/unlock-tfa': (call) => {
    const was = unlock(call.lab, call.need('userid'));
    if (was === undefined) throw fail('no such user');
    return was ? 1 : 0;
  },
};
