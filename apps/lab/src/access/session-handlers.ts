/** Tickets, console tickets, own permissions, passwords. */
import { ApiError, fail, forbidden, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import { aclTree, normalizeAclPath } from './acl-path.js';
import { realmOf } from './check-permissions.js';
import { hashSecret, secretMatches } from './directory.js';
import { realms } from './realm-handlers.js';

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

/** What the web interface shows or hides: privileges held anywhere, by area. */
function capabilities(call: Call, userid: string): Record<string, Record<string, 1>> {
  const result: Record<string, Record<string, 1>> = Object.fromEntries(
    Object.keys(CAPABILITIES).map((key) => [key, {}]),
  );
  const grant = (area: string, privilege: string) => {
    (result[area] as Record<string, 1>)[privilege] = 1;
  };
  for (const path of new Set([...PROBED, ...aclTree(call.lab.directory.listAcl())])) {
    const top = /^\/(\w+)/.exec(path)?.[1] ?? 'dc';
    const pattern = CAPABILITIES[top];
    for (const privilege of call.lab.directory.privileges(userid, path).keys()) {
      if (pattern?.test(privilege)) grant(top, privilege);
      if (top !== 'pool') continue;
      if (/^(VM\.|Permissions\.Modify)/.test(privilege)) grant('vms', privilege);
      if (/^(Datastore\.|Permissions\.Modify)/.test(privilege)) grant('storage', privilege);
    }
  }
  return result;
}

function isEnabled(lab: Lab, userid: string): boolean {
  const user = lab.directory.users.get(userid);
  return user?.enable === 1 && (user.expire === 0 || user.expire > lab.now() / 1000);
}

function passwordFits(lab: Lab, userid: string, password: string): boolean {
  const hash = lab.directory.users.get(userid)?.passwordHash;
  const realm = realms(lab)[userid.slice(userid.lastIndexOf('@') + 1)];
  return password !== '' && (realm?.type === 'pam' || realm?.type === 'pve') && !!hash && secretMatches(hash, password);
}

/** One answer to whatever is wrong, so that nobody learns which users there are. */
const failure = () => new ApiError(401, 'authentication failure\n');

function login(call: Call): unknown {
  const { lab } = call;
  const realm = call.text('realm');
  const userid = realm ? `${call.need('username')}@${realm}` : call.need('username');
  if (!isEnabled(lab, userid)) throw failure();
  const password = call.need('password');
  const path = call.text('path');
  const privileges = splitList(call.text('privs') ?? '');
  const holder = lab.tickets.verify(password);
  // A good ticket is taken for a password: this is how clients renew it. That of root opens every user's door.
  const renewed = holder !== undefined && (holder === userid || (holder === 'root@pam' && !path));
  if (!renewed) {
    const second = call.text('otp') ?? call.text('tfa-challenge');
    if (second !== undefined || !passwordFits(lab, userid, password)) throw failure();
  }
  const cap = capabilities(call, userid);
  const mayAudit = userid === 'root@pam' || lab.directory.has(userid, '/', ['Sys.Audit']);
  const cluster = lab.nodes.length > 1 && mayAudit ? { clustername: lab.name } : {};
  if (path && privileges.length > 0) {
    const normal = normalizeAclPath(path);
    if (normal === undefined || !lab.directory.has(userid, normal, privileges)) throw failure();
    return { username: userid, cap, ...cluster };
  }
  return {
    username: userid,
    ticket: lab.tickets.issue(userid),
    CSRFPreventionToken: lab.tickets.csrf(userid),
    cap,
    ...cluster,
  };
}

function checkConsoleTicket(call: Call): void {
  const path = normalizeAclPath(call.need('path'));
  const holder = call.need('authid');
  const privileges = splitList(call.need('privs'));
  if (
    path === undefined ||
    privileges.length === 0 ||
    !call.lab.tickets.verifyConsole(holder, path, call.need('vncticket'), call.number('port') ?? 0) ||
    !call.lab.directory.has(holder, path, privileges)
  )
    throw failure();
}

const TOP = ['/', '/access', '/access/groups', '/nodes', '/pool', '/sdn', '/storage', '/vms'];

function ownPermissions(call: Call): unknown {
  const holder = call.text('userid') ?? call.caller.id;
  if (holder !== call.caller.id && holder.split('!')[0] !== call.caller.id) call.demand('/access', ['Sys.Audit']);
  const { directory } = call.lab;
  const path = call.text('path');
  if (path) return { [path]: Object.fromEntries(directory.privileges(holder, path)) };
  const members = [...directory.pools.values()].flatMap((pool) => [
    ...pool.vms.map((vmid) => `/vms/${vmid}`),
    ...pool.storage.map((storage) => `/storage/${storage}`),
  ]);
  const result: Record<string, Record<string, 0 | 1>> = {};
  for (const one of new Set([...TOP, ...aclTree(directory.listAcl()), ...members])) {
    const privileges = directory.privileges(holder, one);
    if (privileges.size > 0) result[one] = Object.fromEntries(privileges);
  }
  return result;
}

function setPassword(call: Call): void {
  const { lab, caller } = call;
  const userid = call.need('userid');
  const realm = realmOf(userid);
  const user = lab.directory.users.get(userid);
  if (!user) throw fail(`no such user ('${userid}')`);
  if (!caller.isRoot) {
    if (userid === 'root@pam') throw forbidden();
    const confirmation = call.text('confirmation-password');
    if (confirmation === undefined)
      throw parameterError({ 'confirmation-password': 'password is required to modify user' });
    if (!passwordFits(lab, caller.userid, confirmation))
      throw fail(caller.userid.endsWith('@pve') ? 'invalid credentials' : 'Authentication failure');
    if (caller.id !== userid && realm === 'pam') throw forbidden();
  }
  const type = realms(lab)[realm]?.type;
  if (type === undefined) throw fail(`auth domain '${realm}' does not exist`);
  if (type !== 'pam' && type !== 'pve') throw fail(`can't set password on auth type '${type}'`);
  lab.directory.saveUser({ ...user, passwordHash: hashSecret(call.need('password')) });
}

export const sessionHandlers: Handlers = {
  'POST /access/ticket': login,
  'GET /access/ticket': () => null,
  'POST /access/vncticket': checkConsoleTicket,
  'GET /access/permissions': ownPermissions,
  'PUT /access/password': setPassword,
  'GET /access': () =>
    ['users', 'groups', 'roles', 'acl', 'domains', 'openid', 'tfa', 'ticket', 'password'].map((subdir) => ({ subdir })),
  'GET /access/openid': () => [{ subdir: 'auth-url' }, { subdir: 'login' }],
};
