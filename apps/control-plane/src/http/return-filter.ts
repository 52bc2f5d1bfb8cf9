import { type ArgumentsHost, Catch, type ExceptionFilter, Inject } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Refusal } from '../domain/problem.js';
import { publicAddress } from './public-address.js';
import { PUBLIC_URL } from './tokens.js';

/**
 * A browser that comes from an identity provider shows a page, not a problem document: the log-in page, or for somebody
 * who is logged in their own settings. Only the code goes into the address; the page has the words.
 */
@Catch(Refusal)
export class ReturnFilter implements ExceptionFilter<Refusal> {
  constructor(@Inject(PUBLIC_URL) private readonly publicUrl: string | undefined) {}

  catch({ problem }: Refusal, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<Request & { principal?: { login?: unknown } }>();
    const base = publicAddress(request, this.publicUrl).href.replace(/\/$/, '');
    const page = request.principal?.login ? '/settings/account' : '/login';
    http
      .getResponse<Response>()
      .setHeader('cache-control', 'no-store')
      .redirect(303, `${base}${page}?problem=${encodeURIComponent(problem.code)}`);
  }
}
