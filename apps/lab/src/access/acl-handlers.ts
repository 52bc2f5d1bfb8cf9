/** Roles and access control lists. */
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import { isAclPath, normalizeAclPath } from './acl-path.js';
import { modifyPrivileges } from './check-permissions.js';
import { BUILT_IN_ROLES } from './roles.js';

/** Dies while the lock on user.cfg is held: the text says during what. */
const failed = (doing: string, text: string) => fail(`${doing} failed: ${text}`);

/** A refusal of parameters in there loses its shape and becomes part of that text. */
const badRole = (text: string) => failed('ACL update', `400 Parameter verification failed.\nrole: ${text}`);

/** Who may not modify permissions in general hands out (or takes) only roles within his own. */
function checkRole(call: Call, path: string, roleid: string, propagate: 0 | 1): void {
  const own = call.lab.directory.privileges(call.caller.id, path);
  if (own.has('Permissions.Modify')) return;
  const verb = call.flag('delete') ? 'remove' : 'add';
  for (const privilege of call.lab.directory.privilegesOfRole(roleid)) {
    if (!own.has(privilege))
      throw badRole(`Cannot ${verb} role '${roleid}' - requires 'Permissions.Modify' or superset of privileges.`);
    if (propagate && own.get(privilege) !== propagate && !call.flag('delete'))
      throw badRole(
        `Cannot ${verb} role '${roleid}' with propagation - requires 'Permissions.Modify' or propagated superset of privileges.`,
      );
  }
  if (roleid === 'NoAccess') throw badRole(`Cannot ${verb} role '${roleid}' - requires 'Permissions.Modify'`);
}

function holdersOf(call: Call): { readonly type: 'group' | 'user' | 'token'; readonly ugid: string }[] {
  return (['group', 'user', 'token'] as const).flatMap((type) =>
    splitList(call.text(`${type}s`) ?? '').map((ugid) => ({ type, ugid })),
  );
}

function updateAcl(call: Call): void {
  const { directory } = call.lab;
  if (!call.text('users') && !call.text('groups') && !call.text('tokens'))
    throw parameterError(
      Object.fromEntries(
        ['users', 'groups', 'tokens'].map((key) => [key, "either 'users', 'groups' or 'tokens' is required."]),
      ),
    );
  const remove = call.flag('delete');
  const path = normalizeAclPath(call.need('path'));
  if (path === undefined || (!remove && !isAclPath(path)))
    throw parameterError({ path: `invalid ACL path '${call.need('path')}'` });
  const propagate = call.number('propagate') === 0 ? 0 : 1;
  const roles = splitList(call.need('roles'));
  const holders = holdersOf(call);
  // Nothing is written before all of it is known to be good.
  for (const roleid of roles) {
    if (!directory.roleExists(roleid)) throw failed('ACL update', `role '${roleid}' does not exist`);
    checkRole(call, path, roleid, propagate);
    for (const { type, ugid } of holders) {
      if (type === 'group' && !directory.groups.has(ugid)) throw failed('ACL update', `group '${ugid}' does not exist`);
      if (type === 'user' && !directory.users.has(ugid)) throw failed('ACL update', `user '${ugid}' does not exist`);
      if (type !== 'token' || directory.tokenOf(ugid)) continue;
      const [userid = '', name = ''] = ugid.split('!');
      throw failed(
        'ACL update',
        directory.users.has(userid) ? `no such token '${name}' for user '${userid}'` : `no such user ('${userid}')`,
      );
    }
  }
  for (const roleid of roles)
    for (const { type, ugid } of holders)
      if (!remove) directory.setAcl({ path, type, ugid, roleid, propagate });
      else
        directory.dropAcl(
          (entry) => entry.path === path && entry.type === type && entry.ugid === ugid && entry.roleid === roleid,
        );
}

const describe = (roleid: string, privileges: Iterable<string>, special: 0 | 1) => ({
  roleid,
  privs: [...privileges].sort().join(','),
  special,
});

export const aclHandlers: Handlers = {
  'GET /access/acl': (call) =>
    call.lab.directory
      .listAcl()
      .filter(({ path }) => call.can('/access', ['Sys.Audit']) || call.can(path, modifyPrivileges(path), true)),
  'PUT /access/acl': updateAcl,
  'GET /access/roles': (call) => [
    ...[...BUILT_IN_ROLES].map(([roleid, privileges]) => describe(roleid, privileges, 1)),
    ...[...call.lab.directory.roles].map(([roleid, privileges]) => describe(roleid, privileges, 0)),
  ],
  'POST /access/roles': (call) => {
    const id = call.need('roleid');
    if (/^PVE/i.test(id))
      throw parameterError({ roleid: "cannot use role ID starting with the (case-insensitive) 'PVE' namespace" });
    if (call.lab.directory.roleExists(id)) throw failed('create role', `role '${id}' already exists`);
    call.lab.directory.saveRole(id, [...new Set(splitList(call.text('privs') ?? ''))]);
  },
  'GET /access/roles/{roleid}': (call) => {
    const id = call.need('roleid');
    if (!call.lab.directory.roleExists(id)) throw fail(`role '${id}' does not exist`);
    return Object.fromEntries([...call.lab.directory.privilegesOfRole(id)].map((privilege) => [privilege, 1]));
  },
  'PUT /access/roles/{roleid}': (call) => {
    const id = call.need('roleid');
    if (BUILT_IN_ROLES.has(id)) throw fail(`auto-generated role '${id}' cannot be modified`);
    const before = call.lab.directory.roles.get(id);
    if (!before) throw failed('update role', `role '${id}' does not exist`);
    const given = splitList(call.text('privs') ?? '');
    call.lab.directory.saveRole(id, [...new Set([...(call.flag('append') ? before : []), ...given])]);
  },
  'DELETE /access/roles/{roleid}': (call) => {
    const id = call.need('roleid');
    if (BUILT_IN_ROLES.has(id)) throw fail(`auto-generated role '${id}' cannot be deleted`);
    if (!call.lab.directory.roles.has(id)) throw failed('delete role', `role '${id}' does not exist`);
    call.lab.directory.deleteRole(id);
  },
};
