/** Passwords, and who has to give his own again before he changes how somebody logs in. */
import { fail, forbidden, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import type { Lab } from '../lab.js';
import { realmOf } from './check-permissions.js';
import { secretMatches, type UserRecord } from './directory.js';
import { realms } from './realm-handlers.js';

export function passwordFits(lab: Lab, userid: string, password: string): boolean {
  const hash = lab.directory.users.get(userid)?.passwordHash;
  const realm = realms(lab)[userid.slice(userid.lastIndexOf('@') + 1)];
  return password !== '' && (realm?.type === 'pam' || realm?.type === 'pve') && !!hash && secretMatches(hash, password);
}

/** The user that shall be changed; `parameter` holds the password of whoever changes it, which only root need not give. */
export function reauthenticate(call: Call, parameter: string): UserRecord {
  const { lab, caller } = call;
  const userid = call.need('userid');
  realmOf(userid);
  const user = lab.directory.users.get(userid);
  if (!user) throw fail(`no such user ('${userid}')`);
  if (caller.isRoot) return user;
  if (userid === 'root@pam') throw forbidden();
  const password = call.text(parameter);
  if (password === undefined) throw parameterError({ [parameter]: 'password is required to modify user' });
  if (!passwordFits(lab, caller.userid, password))
    throw fail(caller.userid.endsWith('@pve') ? 'invalid credentials' : 'Authentication failure');
  return user;
}
