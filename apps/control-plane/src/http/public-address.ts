import { isIP } from 'node:net';
import type { Request } from 'express';
import type { PasskeyPlace } from '../application/accounts/passkey.port.js';
import { Refusal } from '../domain/problem.js';
import { basePath } from './forwarded-prefix.js';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Where people reach us, without a slash at the end: as configured, else as the request says it. A `Host` that somebody
 * made up leads to that somebody's own browser alone; what must hold for others as well (redirect addresses at a
 * provider) takes {@link fixedAddress}.
 */
export function publicAddress(request: Request, configured: string | undefined): URL {
  if (configured !== undefined) return new URL(configured);
  try {
    return new URL(`${request.protocol}://${request.host}${basePath(request)}`);
  } catch {
    throw new Refusal({
      code: 'request.invalid',
      subject: 'Host',
      message: 'The request’s Host header is no address.',
      remedy: 'Open the dashboard at its own address.',
    });
  }
}

/** As `publicAddress`, but from the configuration alone, unless both sides are this very machine. */
export function fixedAddress(request: Request, configured: string | undefined): string {
  const address = publicAddress(request, configured);
  if (configured === undefined && !LOOPBACK.test(address.hostname)) {
    throw new Refusal({
      code: 'auth.insecure_page',
      subject: address.host,
      message: 'The control plane was not told at which address people reach it.',
      remedy: 'Set BASTIDE_PUBLIC_URL, such as https://bastide.town.example, and start it again.',
    });
  }
  return address.href.replace(/\/$/, '');
}

/** Where passkeys are made and asked for. Browsers know them on secure pages alone, and for names, not for addresses. */
export function passkeyPlace(request: Request, configured: string | undefined): PasskeyPlace {
  const address = publicAddress(request, configured);
  const { hostname, origin, protocol, port } = address;
  if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) {
    throw new Refusal({
      code: 'auth.insecure_page',
      subject: hostname,
      message: 'Passkeys belong to a name, and this page was opened by an address.',
      remedy: LOOPBACK.test(hostname)
        ? `Open it as ${protocol}//localhost${port ? `:${port}` : ''}.`
        : 'Open the dashboard by its name.',
    });
  }
  if (protocol !== 'https:' && hostname !== 'localhost') {
    throw new Refusal({
      code: 'auth.insecure_page',
      subject: hostname,
      message: 'Passkeys work over https alone, and this page was not opened so.',
      remedy:
        'Open the dashboard over https. Behind a reverse proxy on this machine, let it send X-Forwarded-Proto and X-Forwarded-Host, or set BASTIDE_PUBLIC_URL.',
    });
  }
  return { origin, rpId: hostname };
}

/** Where passkeys do not work, the other ways do. */
export function passkeyPlaceIfAny(request: Request, configured: string | undefined): PasskeyPlace | undefined {
  try {
    return passkeyPlace(request, configured);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}
