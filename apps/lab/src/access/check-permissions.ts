/** Evaluates a method's permission test from the schema, before anything is asked about existence. */
import { fail, forbidden } from '../http/api-error.js';
import { type RawParameters, textOf } from '../http/body.js';
import { splitList } from '../schema/formats.js';
import type { ApiMethod, PermissionTest } from '../schema/schema.js';
import { normalizeAclPath } from './acl-path.js';
import { type Directory } from './directory.js';

const fill = (template: string, parameters: RawParameters) =>
  template.replace(/\{([^}]+)\}/g, (_, name: string) => textOf(parameters[name]));

function refuse(quiet: boolean, what?: string): false {
  if (quiet) return false;
  throw forbidden(what);
}

/** The realm of a user name; dies as Proxmox does where it is none. */
export function realmOf(userid: string): string {
  if (userid.length < 3) throw fail(`user name '${userid}' is too short`);
  if (userid.length > 64) throw fail(`user name '${userid}' is too long (${userid.length} > 64)`);
  const realm = /^[^\s:/]+@([A-Za-z][A-Za-z0-9._-]+)$/.exec(userid)?.[1];
  if (realm === undefined) throw fail(`value '${userid}' does not look like a valid user name`);
  return realm;
}

/** All of the privileges, and the first that is missing is named; or any of them, and all are named. */
export function checkPrivileges(
  directory: Directory,
  user: string,
  path: string,
  privileges: readonly string[],
  any: boolean,
  quiet = false,
): boolean {
  if (user === 'root@pam' || directory.has(user, path, privileges, any)) return true;
  const missing = any ? privileges.join('|') : privileges.find((one) => !directory.has(user, path, [one]));
  return refuse(quiet, `${path}, ${missing}`);
}

function userExists(directory: Directory, userid: string, quiet: boolean): boolean {
  if (directory.users.has(userid)) return true;
  if (quiet) return false;
  realmOf(userid);
  throw fail(`no such user ('${userid}')`);
}

function checkUserGroup(
  directory: Directory,
  user: string,
  test: PermissionTest,
  parameters: RawParameters,
  quiet: boolean,
): boolean {
  const [, privileges, ...pairs] = test as [string, string[], ...unknown[]];
  const mode = pairs[0] === 'groups_param' ? pairs[1] : undefined;
  const userid = textOf(parameters.userid);
  if (mode !== 'create' && !userExists(directory, userid, quiet)) return false;
  if (directory.has(user, '/access/groups', privileges, true)) return true;
  const allowed = (group: string) => directory.has(user, `/access/groups/${group}`, privileges, true);
  if (mode !== undefined) {
    const wanted = splitList(textOf(parameters.groups));
    if (wanted.length === 0) throw forbidden(`/access/groups, ${privileges.join('|')}`);
    const bad = wanted.find((group) => !directory.groups.has(group) || !allowed(group));
    if (bad !== undefined) throw forbidden(`/access/groups/${bad}, ${privileges.join('|')}`);
  }
  if (mode === 'create') return true;
  return (directory.users.get(userid)?.groups ?? []).some(allowed) || refuse(quiet);
}

/** What may be asked of a path whose permissions shall change: more than Permissions.Modify below these three. */
export function modifyPrivileges(path: string): string[] {
  const privileges = ['Permissions.Modify'];
  if (/^\/storage\/./.test(path)) privileges.push('Datastore.Allocate');
  else if (/^\/vms\/./.test(path)) privileges.push('VM.Allocate');
  else if (/^\/pool\/./.test(path)) privileges.push('Pool.Allocate');
  return privileges;
}

function evaluate(
  directory: Directory,
  user: string,
  test: PermissionTest,
  parameters: RawParameters,
  quiet: boolean,
): boolean {
  const [kind, ...rest] = test as [string, ...unknown[]];
  if (kind === 'and') {
    // What fails in here is told even inside an `or`: the real check forgets to be quiet.
    for (const one of rest) evaluate(directory, user, one as PermissionTest, parameters, false);
    return true;
  }
  if (kind === 'or')
    return rest.some((one) => evaluate(directory, user, one as PermissionTest, parameters, true)) || refuse(quiet);
  if (kind === 'perm') {
    const [template, privileges, ...pairs] = rest as [string, string[], ...unknown[]];
    const option = (name: string) => (pairs.includes(name) ? pairs[pairs.indexOf(name) + 1] : undefined);
    const required = option('require_param');
    if (required !== undefined && (parameters[String(required)] ?? null) === null) return refuse(quiet);
    const path = normalizeAclPath(fill(template, parameters)) ?? '';
    return checkPrivileges(directory, user, path, privileges, Boolean(option('any')), quiet);
  }
  if (kind === 'userid-param') {
    const userid = textOf(parameters.userid);
    const realm = realmOf(userid);
    if (rest[0] === 'self') return userExists(directory, userid, quiet) && (user === userid || refuse(quiet));
    return checkPrivileges(directory, user, `/access/realm/${realm}`, ['Realm.AllocateUser'], false, quiet);
  }
  if (kind === 'userid-group') return checkUserGroup(directory, user, test, parameters, quiet);
  if (kind === 'perm-modify') {
    const path = normalizeAclPath(fill(String(rest[0]), parameters));
    // An impossible path is the handler's 400, not a 403.
    return path === undefined || checkPrivileges(directory, user, path, modifyPrivileges(path), true, quiet);
  }
  throw new Error(`unknown permission test in the schema: ${kind}`);
}

/** Throws 403. `user` is undefined only for the few methods open to the world. */
export function checkPermissions(
  directory: Directory,
  api: ApiMethod,
  user: string | undefined,
  parameters: RawParameters,
): void {
  if (user === undefined) {
    if (api.user === 'world') return;
    throw forbidden('user != null');
  }
  if (user === 'root@pam') return;
  if (!api.check && api.user === undefined) throw forbidden('user != root@pam');
  if (api.user === 'all') return;
  if (!api.check) throw forbidden();
  evaluate(directory, user, api.check, parameters, false);
}
