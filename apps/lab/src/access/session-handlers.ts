/** Tickets, console tickets, own permissions, passwords. */
import { ApiError, fail, forbidden } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import { aclTree, normalizeAclPath } from './acl-path.js';
import { realmOf } from './check-permissions.js';
import { hashSecret } from './directory.js';
import { realms } from './realm-handlers.js';
import { passwordFits, reauthenticate } from './reauthenticate.js';
import { challengeOf, verifyResponse } from './second-factors.js';

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

/** One answer to whatever is wrong, so that nobody learns which users there are. */
const failure = () => new ApiError(401, 'authentication failure\n');

/** Throws where password or second factor is wrong; answers what is still to be asked for. */
function checkFactors(call: Call, userid: string, password: string): string | undefined {
  const { lab } = call;
  const ticket = call.text('tfa-challenge');
  const otp = call.text('otp');
  if (ticket !== undefined) {
    const asked = otp === undefined && lab.tickets.verifyChallenge(userid, ticket);
    if (!asked || !verifyResponse(lab, userid, password)) throw failure();
    return undefined;
  }
  if (!passwordFits(lab, userid, password)) throw failure();
  const challenge = challengeOf(lab, userid);
  if (challenge === undefined && (otp !== undefined || realms(lab)[realmOf(userid)]?.tfa !== undefined))
    throw failure();
  if (otp === undefined) return challenge;
  if (!verifyResponse(lab, userid, otp)) throw failure();
  return undefined;
}

function login(call: Call): unknown {
  const { lab } = call;
  const realm = call.text('realm');
  const userid = realm ? `${call.need('username')}@${realm}` : call.need('username');
  if (!isEnabled(lab, userid)) throw failure();
  const password = call.need('password');
  const path = call.text('path');
  const privileges = splitList(call.text('privs') ?? '');
  const holder = call.text('tfa-challenge') === undefined ? lab.tickets.verify(password) : undefined;
  // A good ticket is taken for a password: this is how clients renew it. That of root opens every user's door.
  const renewed = holder !== undefined && (holder === userid || (holder === 'root@pam' && !path));
  const open = renewed ? undefined : checkFactors(call, userid, password);
  const cap = capabilities(call, userid);
  const mayAudit = userid === 'root@pam' || lab.directory.has(userid, '/', ['Sys.Audit']);
  const cluster = lab.nodes.length > 1 && mayAudit ? { clustername: lab.name } : {};
  if (path && privileges.length > 0) {
    const normal = normalizeAclPath(path);
    if (normal === undefined || !lab.directory.has(userid, normal, privileges)) throw failure();
    return { username: userid, cap, ...cluster };
  }
  if (open !== undefined)
    return {
      username: userid,
      ticket: lab.tickets.issueChallenge(userid, open),
      CSRFPreventionToken: lab.tickets.csrf(userid),
      NeedTFA: 1,
      ...cluster,
    };
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
  const user = reauthenticate(call, 'confirmation-password');
  const realm = realmOf(user.userid);
  if (!caller.isRoot && caller.id !== user.userid && realm === 'pam') throw forbidden();
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
