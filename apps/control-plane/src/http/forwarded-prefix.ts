import type { Request } from 'express';

/** What a reverse proxy on this machine says of the path it serves us under. */
const PREFIX = /^(\/[\w.~-]+)+$/;

/** The path below which the browser sees us, with a slash at its end: `/`, or what a proxy that is trusted says in X-Forwarded-Prefix. */
export function basePath(request: Request): string {
  const prefix = request.headers['x-forwarded-prefix'];
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) return '/';
  const trusts = request.app.get('trust proxy fn') as ((address: string, hop: number) => boolean) | undefined;
  return trusts?.(request.socket.remoteAddress ?? '', 0) ? `${prefix}/` : '/';
}
