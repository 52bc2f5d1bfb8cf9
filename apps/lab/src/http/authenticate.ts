/** Who asks: an API token in the Authorization header, or a ticket in the cookie with a CSRF token for writing. */
import type { IncomingMessage } from 'node:http';
import type { Lab } from '../lab.js';
import { unauthorized } from './api-error.js';
import type { Caller } from './call.js';

const OPEN: readonly string[] = [
  'GET /access/domains',
  'GET /access/ticket',
  'POST /access/ticket',
  'POST /access/vncticket',
  'POST /access/openid/login',
  'POST /access/openid/auth-url',
];

function cookie(request: IncomingMessage): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(/;\s*/)) {
    const at = part.indexOf('=');
    if (part.slice(0, at) !== 'PVEAuthCookie') continue;
    try {
      return decodeURIComponent(part.slice(at + 1));
    } catch {
      return undefined;
    }
  }
  return undefined;
}

function isUsable(lab: Lab, userid: string): boolean {
  const user = lab.directory.users.get(userid);
  return user?.enable === 1 && (user.expire === 0 || user.expire > lab.now() / 1000);
}

function byToken(lab: Lab, credential: string): Caller {
  const [, id = '', userid = '', secret = ''] = /^(([^\s:/!=]+@[^!=]+)![^=]+)=(.*)$/.exec(credential) ?? [];
  const token = lab.directory.tokenOf(id);
  const expired = token !== undefined && token.expire !== 0 && token.expire < lab.now() / 1000;
  if (!token || expired || !isUsable(lab, userid) || !lab.directory.verifyToken(id, secret))
    throw unauthorized('Authentication failed!');
  return { id, userid, isToken: true, isRoot: false };
}

/** Throws the bodyless 401s. Undefined for the few requests that need nobody. */
export function authenticate(lab: Lab, request: IncomingMessage, method: string, path: string): Caller | undefined {
  if (OPEN.includes(`${method} ${path}`)) return undefined;
  const header = request.headers.authorization ?? '';
  const token = /^PVEAPIToken[= ](.*)$/.exec(header)?.[1];
  if (token !== undefined) return byToken(lab, token);
  const ticket = cookie(request) ?? /^PVEAuthCookie[= ](.*)$/.exec(header)?.[1];
  if (!ticket) throw unauthorized('No ticket');
  const userid = lab.tickets.verify(ticket);
  if (userid === undefined || !isUsable(lab, userid)) throw unauthorized('Authentication failed!');
  const isUpload = method === 'POST' && /^\/nodes\/[^/]+\/storage\/[^/]+\/upload$/.test(path);
  if (method !== 'GET' && !isUpload) {
    const csrf = request.headers.csrfpreventiontoken;
    if (typeof csrf !== 'string' || !lab.tickets.verifyCsrf(userid, csrf))
      throw unauthorized('Permission denied - invalid csrf token');
  }
  return { id: userid, userid, isToken: false, isRoot: userid === 'root@pam' };
}
