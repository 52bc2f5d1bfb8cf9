import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import { API_PREFIX } from './api.js';
import { PREFIX } from './public-address.js';

/** Scripts, styles and connections of our own alone; no inline script or style, nobody may frame the pages. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Serves the built dashboard beside the API: files by name, the page itself for every other path (its router knows them).
 * Without a build there are no pages; the API works all the same.
 */
export function serveDashboard(app: NestExpressApplication, directory: string): void {
  const page = readPage(directory);
  if (page === undefined) return;
  app.useStaticAssets(directory, {
    index: false,
    dotfiles: 'ignore',
    setHeaders: (response: Response, path: string) => {
      response.setHeader('content-security-policy', PAGE_POLICY);
      // Names under assets/ carry the hash of their content.
      response.setHeader(
        'cache-control',
        path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      );
    },
  });
  app.use((request: Request, response: Response, next: NextFunction) => {
    const asksForPage = request.method === 'GET' || request.method === 'HEAD';
    if (!asksForPage || request.path.startsWith(`/${API_PREFIX}/`) || !request.accepts('html')) return next();
    // A file that is gone is gone: a page in place of a script would hide that a newer version is there.
    if (request.path.startsWith('/assets/')) return next();
    const prefix = request.headers['x-forwarded-prefix'];
    const base = typeof prefix === 'string' && PREFIX.test(prefix) ? `${prefix}/` : '/';
    response.setHeader('content-security-policy', PAGE_POLICY);
    response.setHeader('cache-control', 'no-store');
    response.type('html').send(page.replace('<base href="/" />', `<base href="${base}" />`));
  });
}

function readPage(directory: string): string | undefined {
  try {
    return readFileSync(join(directory, 'index.html'), 'utf8');
  } catch {
    return undefined;
  }
}
