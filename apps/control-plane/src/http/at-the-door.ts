import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';
import type { Door } from '../application/accounts/log-in.js';
import type { Traveller } from '../application/accounts/provider-log-in.js';
import type { OpenSession, Origin } from '../application/accounts/sessions.js';
import type { PrincipalRequest } from './acts.js';
import { passkeyPlaceIfAny } from './public-address.js';
import {
  giveDeviceToken,
  giveDoorToken,
  giveSessionCookie,
  heldDeviceToken,
  heldDoorToken,
  newDoorToken,
  takeDoorToken,
} from './session-cookie.js';

const hashed = (what: string, token: string): string => createHash('sha256').update(`${what} ${token}`).digest('hex');

/** Of a browser that was never here: what it is given when somebody comes in with it. */
const given = new WeakMap<Request, string>();

function deviceTokenOf(request: Request): string {
  const token = heldDeviceToken(request) ?? given.get(request) ?? newDoorToken();
  given.set(request, token);
  return token;
}

export const originOf = (request: Request): Origin => ({
  address: request.ip ?? '',
  userAgent: request.headers['user-agent'] ?? '',
  device: hashed('device', deviceTokenOf(request)),
});

/** A browser before it has a session: what it holds to be known by again, or will hold once it is given it. */
export function travellerOf(request: Request): Traveller {
  const token = heldDoorToken(request) ?? newDoorToken();
  return { token, holder: hashed('door', token) };
}

/** Lets the browser be known again, when something was asked that it has to answer. */
export function remember(request: Request, response: Response, { token }: Traveller): void {
  giveDoorToken(request, response, token);
}

export function doorOf(request: Request, { holder }: Traveller, publicUrl: string | undefined): Door {
  const place = passkeyPlaceIfAny(request, publicUrl);
  return { ...originOf(request), holder, ...(place ? { place } : {}) };
}

/** Hands a session to the browser. From here on the request is its account's, for the audit too. */
export function letIn(request: PrincipalRequest, response: Response, login: OpenSession): void {
  const { account } = login;
  request.principal = { name: account.name, kind: 'account', grants: account.grants, login };
  takeDoorToken(request, response);
  giveSessionCookie(request, response, login.token, login.session.expiresAt);
  giveDeviceToken(request, response, deviceTokenOf(request));
}

/** A page of our own, for the way back; anything else leads home. */
export const ownPath = (next: string | undefined): string =>
  next !== undefined && next.length < 500 && /^\/(?![/\\])[\x21-\x7e]*$/.test(next) ? next : '/';
