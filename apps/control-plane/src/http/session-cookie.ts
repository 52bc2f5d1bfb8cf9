import type { Request, Response } from 'express';
import { basePath } from './forwarded-prefix.js';

/** The browser's session: not readable by scripts, not sent along by other sites' requests that change something. */
const NAME = 'bastide_session';

export function sessionCookie(request: Request): string | undefined {
  return /(?:^|;\s*)bastide_session=([\w-]{20,100})(?:;|$)/.exec(request.headers.cookie ?? '')?.[1];
}

/** `Lax` and not `Strict`: who follows a link to a run from a mail is still logged in. */
export function giveSessionCookie(request: Request, response: Response, token: string, expiresAt: number): void {
  response.cookie(NAME, token, { ...options(request), expires: new Date(expiresAt) });
}

export function takeSessionCookie(request: Request, response: Response): void {
  response.clearCookie(NAME, options(request));
}

const options = (request: Request) => ({
  httpOnly: true,
  sameSite: 'lax' as const,
  // Over plain HTTP (loopback alone) a Secure cookie would not come back.
  secure: request.secure,
  // Behind a proxy under a path the other paths of the host belong to others.
  path: basePath(request),
});
