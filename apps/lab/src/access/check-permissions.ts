/** Evaluates a method's permission test from the schema, before anything is asked about existence. */
import { forbidden } from '../http/api-error.js';
import { type RawParameters, textOf } from '../http/body.js';
import { splitList } from '../schema/formats.js';
import type { ApiMethod, PermissionTest } from '../schema/schema.js';
import { type Directory, normalizeAclPath } from './directory.js';

const fill = (template: string, parameters: RawParameters) =>
  template.replace(/\{([^}]+)\}/g, (_, name: string) => textOf(parameters[name]));

function refuse(quiet: boolean, what?: string): false {
  if (quiet) return false;
  throw forbidden(what);
}

function evaluate(
  directory: Directory,
  user: string,
  test: PermissionTest,
  parameters: RawParameters,
  quiet: boolean,
): boolean {
  const [kind, ...rest] = test as [string, ...unknown[]];
  if (kind === 'and') return rest.every((one) => evaluate(directory, user, one as PermissionTest, parameters, quiet));
  if (kind === 'or')
    return rest.some((one) => evaluate(directory, user, one as PermissionTest, parameters, true)) || refuse(quiet);
  if (kind === 'perm') {
    const [template, privileges, ...pairs] = rest as [string, string[], ...unknown[]];
    const options = Object.fromEntries(pairs.flatMap((_, i) => (i % 2 === 0 ? [[pairs[i], pairs[i + 1]]] : [])));
    if (options.require_param && parameters[String(options.require_param)] === undefined) return refuse(quiet);
    const path = normalizeAclPath(fill(template, parameters)) ?? fill(template, parameters);
    if (directory.has(user, path, privileges, Boolean(options.any))) return true;
    return refuse(quiet, `${path}, ${privileges.join('|')}`);
  }
  const userid = textOf(parameters.userid);
  if (kind === 'userid-param') {
    if (rest[0] === 'self') return user === userid || refuse(quiet);
    const realm = `/access/realm/${userid.split('@').at(-1) ?? ''}`;
    return directory.has(user, realm, ['Realm.AllocateUser']) || refuse(quiet, `${realm}, Realm.AllocateUser`);
  }
  if (kind === 'userid-group') {
    const [privileges, ...pairs] = rest as [string[], ...unknown[]];
    const forCreate = pairs[0] === 'groups_param' && pairs[1] === 'create';
    const checkGroups = pairs[0] === 'groups_param';
    if (!forCreate && !directory.users.has(userid)) return refuse(quiet, undefined);
    if (directory.has(user, '/access/groups', privileges, true)) return true;
    const allowed = (group: string) => directory.has(user, `/access/groups/${group}`, privileges, true);
    if (checkGroups) {
      const wanted = splitList(textOf(parameters.groups));
      if (wanted.length === 0) return refuse(quiet, `/access/groups, ${privileges.join('|')}`);
      const bad = wanted.find((group) => !allowed(group));
      if (bad !== undefined) return refuse(quiet, `/access/groups/${bad}, ${privileges.join('|')}`);
    }
    if (forCreate) return true;
    return (directory.users.get(userid)?.groups ?? []).some(allowed) || refuse(quiet);
  }
  if (kind === 'perm-modify') {
    const path = normalizeAclPath(fill(String(rest[0]), parameters));
    // An impossible path is the handler's 400, not a 403.
    if (path === undefined) return true;
    const options = ['Permissions.Modify'];
    if (path.startsWith('/storage')) options.push('Datastore.Allocate');
    else if (path.startsWith('/vms')) options.push('VM.Allocate');
    else if (path.startsWith('/pool')) options.push('Pool.Allocate');
    return directory.has(user, path, options, true) || refuse(quiet, `${path}, ${options.join('|')}`);
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
  if (user === 'root@pam' || api.user === 'all' || api.user === 'world') return;
  if (!api.check && api.user === undefined) throw forbidden('user != root@pam');
  if (api.check) evaluate(directory, user, api.check, parameters, false);
}
