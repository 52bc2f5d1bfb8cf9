/** Who asks: an API token in the Authorization header, or a ticket in the cookie with a CSRF token for writing. */
import type { IncomingMessage } from 'node:http';
import type { Lab } from '../lab.js';
import { ApiError, unauthorized } from './api-error.js';
import type { Caller } from './call.js';

const OPEN: readonly string[] = [
  'GET /access/domains',
  'GET /access/ticket',
  'POST /access/ticket',
  'POST /access/vncticket',
  'POST /access/openid/login',
  'POST /access/openid/auth-url',
];

const TICKET = /(?:^|\s)PVEAuthCookie[= ]([^;]*)/;
const TOKEN = /(?:^|\s)PVEAPIToken[= ]([^;]*)/;

/** `PVEAuthCookie=…` or `PVEAPIToken …` out of a Cookie or Authorization header, decoded. */
function headerValue(header: string | undefined, pattern: RegExp): string | undefined {
  const value = header === undefined ? undefined : pattern.exec(header)?.[1];
  return value?.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function isUsable(lab: Lab, userid: string): boolean {
  const user = lab.directory.users.get(userid);
  return user?.enable === 1 && (user.expire === 0 || user.expire > lab.now() / 1000);
}

function byToken(lab: Lab, credential: string): Caller {
  const [, id = '', userid = '', secret = ''] =
    /^(([^\s:/]+@[A-Za-z][A-Za-z0-9._-]+)![A-Za-z][A-Za-z0-9._-]+)=([^=]*)$/.exec(credential) ?? [];
  const token = lab.directory.tokenOf(id);
  const expired = token !== undefined && token.expire !== 0 && token.expire < lab.now() / 1000;
  if (!token || expired || !isUsable(lab, userid) || !lab.directory.verifyToken(id, secret))
    throw unauthorized('Authentication failed!');
  return { id, userid, isToken: true, isRoot: false };
}

/** Throws the bodyless 401s. Undefined for the few requests that need nobody. */
export function authenticate(lab: Lab, request: IncomingMessage, method: string, path: string): Caller | undefined {
  if (OPEN.includes(`${method} ${path}`)) return undefined;
  const { cookie, authorization } = request.headers;
  const isUpload = method === 'POST' ? /^\/nodes\/[^/]+\/storage\/([^/]+)\/upload$/.exec(path) : null;
  // A ticket counts before a token, wherever it stands.
  const ticket = headerValue(cookie, TICKET) || headerValue(authorization, TICKET);
  const token = ticket ? undefined : headerValue(authorization, TOKEN);
  let caller: Caller;
  if (token) caller = byToken(lab, token);
  else {
    if (!ticket) throw unauthorized('No ticket');
    const userid = lab.tickets.verify(ticket);
    if (userid === undefined || !isUsable(lab, userid)) throw unauthorized('Authentication failed!');
    caller = { id: userid, userid, isToken: false, isRoot: userid === 'root@pam' };
  }
  // Forms of old browsers cannot send the CSRF header with a file: the right to upload is asked for at once instead.
  const target = `/storage/${isUpload?.[1]}`;
  if (isUpload && !caller.isRoot && !lab.directory.has(caller.id, target, ['Datastore.AllocateTemplate']))
    throw new ApiError(403, `Permission check failed (${target}, Datastore.AllocateTemplate)`, undefined, 'none');
  if (method !== 'GET' && !isUpload && !caller.isToken) {
    const csrf = request.headers.csrfpreventiontoken;
    if (typeof csrf !== 'string' || !lab.tickets.verifyCsrf(caller.userid, csrf))
      throw unauthorized('Permission denied - invalid csrf token');
  }
  return caller;
}
