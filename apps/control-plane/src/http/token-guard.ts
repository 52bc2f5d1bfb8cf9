import { timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Refusal } from '../domain/problem.js';
import type { PrincipalRequest } from './acts.js';
import { type Declaration, NEEDS } from './needs.js';
import { API_TOKEN } from './tokens.js';

/** Until there are accounts, one token in a file of the user who started the control plane opens everything, on loopback only. */
@Injectable()
export class TokenGuard implements CanActivate {
  constructor(
    @Inject(API_TOKEN) private readonly token: string,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const declared = this.reflector.getAllAndOverride<Declaration | undefined>(NEEDS, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (!declared)
      throw new Error(`${context.getClass().name}.${context.getHandler().name} does not declare what it needs`);
    if (declared.role === 'anonymous') return true;
    const request = context.switchToHttp().getRequest<PrincipalRequest>();
    const given = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const a = Buffer.from(given);
    const b = Buffer.from(this.token);
    if (a.length === b.length && timingSafeEqual(a, b)) {
      request.principal = { name: 'local', kind: 'local' };
      return true;
    }
    throw new Refusal({
      code: 'auth.missing',
      subject: `${request.method} ${request.path}`,
      message: 'The request carries no valid token.',
      remedy:
        'Send Authorization: Bearer with the content of the token file that the control plane names at its start.',
    });
  }
}
