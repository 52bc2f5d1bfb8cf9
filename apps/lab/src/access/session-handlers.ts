/** Tickets, own permissions, realms, roles and ACLs. */
import { ApiError, fail, forbidden, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import { normalizeAclPath, secretMatches } from './directory.js';
import { ALL_PRIVILEGES, BUILT_IN_ROLES } from './roles.js';

const CAPABILITIES: Readonly<Record<string, RegExp>> = {
  vms: /^(VM\.|Permissions\.Modify)/,
  access: /^((User|Group)\.|Permissions\.Modify)/,
  storage: /^(Datastore\.|Permissions\.Modify)/,
  nodes: /^(Sys\.|Permissions\.Modify)/,
  sdn: /^(SDN\.|Permissions\.Modify)/,
  dc: /^(Sys\.Audit|Sys\.Modify|SDN\.)/,
  mapping: /^(Mapping\.|Permissions.Modify)/,
};
const PROBED = ['/', '/nodes', '/access/groups', '/vms', '/storage', '/sdn', '/mapping'];

function capabilities(call: Call, userid: string): Record<string, Record<string, 1>> {
  const result: Record<string, Record<string, 1>> = Object.fromEntries(
    Object.keys(CAPABILITIES).map((key) => [key, {}]),
  );
  for (const path of new Set([...PROBED, ...call.lab.directory.listAcl().map((entry) => entry.path)])) {
    const top = /^\/(\w+)/.exec(path)?.[1] ?? 'dc';
    const pattern = CAPABILITIES[top];
    if (!pattern) continue;
    for (const privilege of call.lab.directory.privileges(userid, path).keys())
      if (pattern.test(privilege)) (result[top] as Record<string, 1>)[privilege] = 1;
  }
  return result;
}

function login(call: Call): unknown {
  const given = call.need('username');
  const userid = given.includes('@') ? given : `${given}@${call.text('realm') ?? 'pam'}`;
  const { directory, tickets } = call.lab;
  const password = call.need('password');
  const user = directory.users.get(userid);
  const enabled = user?.enable === 1 && (user.expire === 0 || user.expire > call.lab.now() / 1000);
  // A good ticket is taken for a password: this is how clients renew it.
  const renewed = password.startsWith('PVE:') && tickets.verify(password) === userid;
  const good = enabled && (renewed || (user.passwordHash !== undefined && secretMatches(user.passwordHash, password)));
  if (!good) throw new ApiError(401, 'authentication failure\n');
  return {
    username: userid,
    ticket: tickets.issue(userid),
    CSRFPreventionToken: tickets.csrf(userid),
    cap: capabilities(call, userid),
    ...(call.lab.nodes.length > 1 ? { clustername: call.lab.name } : {}),
  };
}

function ownPermissions(call: Call): unknown {
  const holder = call.text('userid') ?? call.caller.id;
  if (holder !== call.caller.id && !holder.startsWith(`${call.caller.id}!`)) call.demand('/access', ['Sys.Audit']);
  const path = call.text('path');
  const { directory } = call.lab;
  const paths =
    path === undefined
      ? new Set([...PROBED, '/pool', '/access', ...directory.listAcl().map((entry) => entry.path)])
      : [path];
  const result: Record<string, Record<string, 0 | 1>> = {};
  for (const one of paths) {
    const privileges = directory.privileges(holder, one);
    if (privileges.size > 0) result[one] = Object.fromEntries(privileges);
  }
  return result;
}

function updateAcl(call: Call): void {
  const path = normalizeAclPath(call.need('path'));
  if (path === undefined) throw parameterError({ path: `invalid ACL path '${call.need('path')}'` });
  const { directory } = call.lab;
  const holders = [
    ...splitList(call.text('users') ?? '').map((ugid) => ({ type: 'user' as const, ugid })),
    ...splitList(call.text('groups') ?? '').map((ugid) => ({ type: 'group' as const, ugid })),
    ...splitList(call.text('tokens') ?? '').map((ugid) => ({ type: 'token' as const, ugid })),
  ];
  if (holders.length === 0)
    throw parameterError(
      Object.fromEntries(
        ['users', 'groups', 'tokens'].map((key) => [key, "either 'users', 'groups' or 'tokens' is required."]),
      ),
    );
  const propagate = call.number('propagate') === 0 ? 0 : 1;
  for (const roleid of splitList(call.need('roles'))) {
    if (!directory.roleExists(roleid)) throw fail(`role '${roleid}' does not exist`);
    if (!call.flag('delete') && !call.can(path, ['Permissions.Modify'])) {
      const own = directory.privileges(call.caller.id, path);
      for (const privilege of directory.privilegesOfRole(roleid))
        if (!own.has(privilege)) throw forbidden(`${path}, ${privilege}`);
    }
    for (const { type, ugid } of holders) {
      if (type === 'user' && !directory.users.has(ugid)) throw fail(`user '${ugid}' does not exist`);
      if (type === 'group' && !directory.groups.has(ugid)) throw fail(`group '${ugid}' does not exist`);
      if (type === 'token' && !directory.tokenOf(ugid))
        throw fail(`no such token '${ugid.split('!')[1]}' for user '${ugid.split('!')[0]}'`);
      if (call.flag('delete'))
        directory.dropAcl(
          (entry) => entry.path === path && entry.type === type && entry.ugid === ugid && entry.roleid === roleid,
        );
      else directory.setAcl({ path, type, ugid, roleid, propagate });
    }
  }
}

function rolePrivileges(text: string): string[] {
  const wanted = splitList(text);
  for (const privilege of wanted) if (!ALL_PRIVILEGES.has(privilege)) throw fail(`invalid privilege '${privilege}'`);
  return wanted;
}

const REALMS = [
  { realm: 'pam', type: 'pam', comment: 'Linux PAM standard authentication', default: 1 },
  { realm: 'pve', type: 'pve', comment: 'Proxmox VE authentication server' },
];

export const sessionHandlers: Handlers = {
  'POST /access/ticket': login,
  'GET /access/ticket': () => null,
  'GET /access/permissions': ownPermissions,
  'GET /access': () =>
    ['users', 'groups', 'roles', 'acl', 'domains', 'openid', 'tfa', 'ticket', 'permissions', 'password'].map(
      (subdir) => ({ subdir }),
    ),
  'GET /access/domains': () => REALMS,
  'GET /access/domains/{realm}': (call) => {
    const realm = REALMS.find((one) => one.realm === call.need('realm'));
    if (!realm) throw fail(`domain '${call.need('realm')}' does not exist`);
    return { type: realm.type, comment: realm.comment, digest: '0'.repeat(40) };
  },
  'GET /access/tfa': (call) =>
    [...call.lab.directory.users.keys()]
      .map((userid) => ({ userid, entries: [] }))
      .filter(
        ({ userid }) => userid === call.caller.userid || call.can('/access/groups', ['User.Modify', 'Sys.Audit'], true),
      ),
  'GET /access/acl': (call) =>
    call.lab.directory
      .listAcl()
      .filter((entry) => call.can('/access', ['Sys.Audit']) || call.can(entry.path, ['Permissions.Modify'])),
  'PUT /access/acl': updateAcl,
  'GET /access/roles': (call) => [
    ...[...BUILT_IN_ROLES].map(([roleid, privileges]) => ({
      roleid,
      privs: [...privileges].sort().join(','),
      special: 1,
    })),
    ...[...call.lab.directory.roles].map(([roleid, privileges]) => ({
      roleid,
      privs: [...privileges].sort().join(','),
      special: 0,
    })),
  ],
  'POST /access/roles': (call) => {
    const id = call.need('roleid');
    if (call.lab.directory.roleExists(id)) throw fail(`create role failed: role '${id}' already exists`);
    if (id.startsWith('PVE'))
      throw parameterError({ roleid: "cannot use role ID starting with the (case-insensitive) 'PVE' namespace" });
    call.lab.directory.saveRole(id, rolePrivileges(call.text('privs') ?? ''));
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
    if (!before) throw fail(`role '${id}' does not exist`);
    const given = rolePrivileges(call.text('privs') ?? '');
    call.lab.directory.saveRole(id, call.flag('append') ? [...new Set([...before, ...given])] : given);
  },
  'DELETE /access/roles/{roleid}': (call) => {
    const id = call.need('roleid');
    if (BUILT_IN_ROLES.has(id)) throw fail(`auto-generated role '${id}' cannot be deleted`);
    if (!call.lab.directory.roles.has(id)) throw fail(`role '${id}' does not exist`);
    call.lab.directory.deleteRole(id);
  },
};
