import { randomBytes } from 'node:crypto';
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

/** What a browser holds while it stands at the door: binds challenges to it before it has a session. */
const DOOR = 'bastide_door';
const DOOR_MS = 20 * 60_000;

export const newDoorToken = (): string => randomBytes(32).toString('base64url');

export function giveDoorToken(request: Request, response: Response, token: string): void {
  response.cookie(DOOR, token, { ...options(request), maxAge: DOOR_MS });
}

export const heldDoorToken = (request: Request): string | undefined =>
  /(?:^|;\s*)bastide_door=([\w-]{43})(?:;|$)/.exec(request.headers.cookie ?? '')?.[1];

/** Gone once somebody came in: the next person at this browser starts anew. */
export function takeDoorToken(request: Request, response: Response): void {
  if (heldDoorToken(request) !== undefined) response.clearCookie(DOOR, options(request));
}

/** What a browser keeps to be known by at later log-ins, whoever they are of. */
const DEVICE = 'bastide_device';
const DEVICE_MS = 180 * 24 * 3_600_000;

export const heldDeviceToken = (request: Request): string | undefined =>
  /(?:^|;\s*)bastide_device=([\w-]{43})(?:;|$)/.exec(request.headers.cookie ?? '')?.[1];

export function giveDeviceToken(request: Request, response: Response, token: string): void {
  response.cookie(DEVICE, token, { ...options(request), maxAge: DEVICE_MS });
}

const options = (request: Request) => ({
  httpOnly: true,
  sameSite: 'lax' as const,
  // Over plain HTTP (loopback alone) a Secure cookie would not come back.
  secure: request.secure,
  // Behind a proxy under a path the other paths of the host belong to others.
  path: basePath(request),
});
