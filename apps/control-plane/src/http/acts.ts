import {
  type CallHandler,
  createParamDecorator,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { catchError, mergeMap, type Observable } from 'rxjs';
import type { OpenSession } from '../application/accounts/sessions.js';
import type { AuditLog } from '../application/audit/audit-log.port.js';
import { allows, type Grant } from '../domain/account/roles.js';
import type { AuditAct } from '../domain/audit/audit-chain.js';
import type { Instant } from '../domain/ids.js';
import { type ProblemCode, Refusal, WorldFailure } from '../domain/problem.js';
import { type Declaration, NEEDS } from './needs.js';
import { StrangersRows } from './strangers-rows.js';
import { AUDIT_LOG } from './tokens.js';

/** Who asks, as the guard found out. */
export interface RequestPrincipal {
  readonly name: string;
  readonly kind: AuditAct['actorKind'];
  readonly grants: readonly Grant[];
  /** Of a token: when it ends. */
  readonly expiresAt?: Instant;
  /** Somebody who logged in at a browser. */
  readonly login?: OpenSession;
}

/** Express' request after the guard. */
export type PrincipalRequest = Request & {
  principal?: RequestPrincipal;
  /** What the act is about, where neither path nor body may say it. */
  actSubject?: string;
  /** Nothing was done after all: there is nothing for the audit to say. */
  noAct?: boolean;
  /** For answers that take long: looks again whether who asked may, and which roles they have now. */
  stillAllowed?: () => Promise<boolean>;
};

export const ACTS = 'bastide:acts';

export interface Act {
  readonly action: string;
  readonly subject?: string;
}

/** The endpoint changes something, or shows what is confidential: done or refused, it goes into the audit. `subject`: which of the path's or body's fields names it. */
export const Acts = (action: string, subject?: `param:${string}` | `body:${string}`): MethodDecorator =>
  SetMetadata(ACTS, { action, subject });

/** The name of who asks. */
export const Actor = createParamDecorator(
  (_: unknown, context: ExecutionContext): string =>
    context.switchToHttp().getRequest<PrincipalRequest>().principal?.name ?? 'nobody',
);

/** The browser's session of who asks; an endpoint about oneself means nothing to a token. */
export const Login = createParamDecorator((_: unknown, context: ExecutionContext): OpenSession => {
  const login = context.switchToHttp().getRequest<PrincipalRequest>().principal?.login;
  if (login) return login;
  throw new Refusal({
    code: 'auth.forbidden',
    subject: 'account',
    message: 'This is about the person who logged in; a token is nobody.',
    remedy: 'Log in with name and password.',
  });
});

/** Somebody only asks whether it is time yet. */
const NO_ACT: ReadonlySet<string> = new Set<ProblemCode>(['auth.pending']);

/** Writes what `@Acts` declares. The answer waits for the row: an act that nobody can read about later is told as a failure. */
@Injectable()
export class AuditInterceptor implements NestInterceptor {
  readonly #strangers = new StrangersRows();

  constructor(
    @Inject(AUDIT_LOG) private readonly log: AuditLog,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const declared = this.reflector.get<Act | undefined>(ACTS, context.getHandler());
    if (!declared) return next.handle();
    const request = context.switchToHttp().getRequest<PrincipalRequest>();
    const where = this.reflector.getAllAndOverride<Declaration | undefined>(NEEDS, [
      context.getHandler(),
      context.getClass(),
    ]);
    const act = (answer?: unknown): Omit<AuditAct, 'outcome'> => actOf(request, declared, where, answer);
    return next.handle().pipe(
      catchError(async (error: unknown) => {
        const [outcome, code] =
          error instanceof Refusal
            ? (['refused', error.problem.code] as const)
            : (['failed', error instanceof WorldFailure ? error.failure.code : 'internal'] as const);
        const unwritten = NO_ACT.has(code) ? undefined : this.#unwritten(request, outcome);
        if (unwritten !== undefined)
          await this.log.append({ ...act(), outcome, details: { code, ...(unwritten > 0 ? { unwritten } : {}) } });
        throw error;
      }),
      mergeMap(async (answer: unknown) => {
        if (!request.noAct) await this.log.append({ ...act(answer), outcome: 'done' });
        return answer;
      }),
    );
  }

  /** Whoever is somebody is always in the audit. Undefined: this one is not. */
  #unwritten(request: PrincipalRequest, outcome: AuditAct['outcome']): number | undefined {
    return request.principal || outcome === 'done' ? 0 : this.#strangers.take(request.ip ?? '');
  }
}

/** The audit's fields of a request. Who asks for a run or stack does not name the site; the answer may. */
export function actOf(
  request: PrincipalRequest,
  act: Act,
  where: Declaration | undefined,
  answer?: unknown,
): Omit<AuditAct, 'outcome'> {
  const site = fieldOf(request, where?.site) ?? text((answer as { site?: unknown } | undefined)?.site);
  return {
    actor: request.principal?.name ?? 'nobody',
    actorKind: request.principal?.kind ?? 'system',
    ...(request.ip ? { address: request.ip } : {}),
    action: act.action,
    subject: request.actSubject ?? fieldOf(request, act.subject) ?? request.path,
    ...(site ? { site } : {}),
  };
}

/** The principal's eyes: lists show only what lies on a site they may see. A stream that lasts sees by the roles of now. */
export const Sees = createParamDecorator((_: unknown, context: ExecutionContext): SeesSite => {
  const request = context.switchToHttp().getRequest<PrincipalRequest>();
  return (site) => allows(request.principal?.grants ?? [], 'viewer', { site });
});
export type SeesSite = (site: string) => boolean;

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** `param:name` or `body:name` of a request, when it is text. */
export function fieldOf(request: Request, place: string | undefined): string | undefined {
  const [kind, name] = (place ?? '').split(':');
  if (!name) return undefined;
  const source: unknown = kind === 'param' ? request.params : request.body;
  return text((source as Record<string, unknown> | undefined)?.[name]);
}
