import { timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { ApiTokens } from '../application/accounts/api-tokens.js';
import type { FailedAddresses } from '../application/accounts/failed-addresses.port.js';
import type { Sessions } from '../application/accounts/sessions.js';
import type { AuditLog } from '../application/audit/audit-log.port.js';
import type { PlanStore } from '../application/plans/plan-store.port.js';
import type { RunStore } from '../application/runs/run-store.port.js';
import type { StackStore } from '../application/stacks/stack-store.port.js';
import { type AccountRole, allows, type Place } from '../domain/account/roles.js';
import type { PlanId, RunId, StackId } from '../domain/ids.js';
import { Refusal } from '../domain/problem.js';
import { ACTS, type Act, actOf, fieldOf, type PrincipalRequest, type RequestPrincipal } from './acts.js';
import { type Declaration, NEEDS } from './needs.js';
import { sessionCookie } from './session-cookie.js';
import {
  API_TOKEN,
  API_TOKENS,
  AUDIT_LOG,
  FAILED_ADDRESSES,
  PLAN_STORE,
  RUN_STORE,
  SESSIONS,
  STACK_STORE,
} from './tokens.js';

/** Lets through who has the role that the endpoint declares, on the site it is about. An endpoint without a declaration is refused. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    @Inject(API_TOKEN) private readonly localToken: string,
    @Inject(API_TOKENS) private readonly tokens: ApiTokens,
    @Inject(SESSIONS) private readonly sessions: Sessions,
    @Inject(FAILED_ADDRESSES) private readonly failures: FailedAddresses,
    @Inject(AUDIT_LOG) private readonly log: AuditLog,
    @Inject(STACK_STORE) private readonly stacks: StackStore,
    @Inject(RUN_STORE) private readonly runs: RunStore,
    @Inject(PLAN_STORE) private readonly plans: PlanStore,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const declared = this.reflector.getAllAndOverride<Declaration | undefined>(NEEDS, targets);
    if (!declared) throw new Error(`${targets[1]?.name}.${targets[0]?.name} does not declare what it needs`);
    const request = context.switchToHttp().getRequest<PrincipalRequest>();
    refuseOtherSites(request);
    refuseNul(request);
    const principal = await this.#principalOf(request, { open: declared.role === 'anonymous' });
    if (principal) request.principal = principal;
    if (declared.role === 'anonymous') return true;
    if (!principal) {
      throw new Refusal({
        code: 'auth.missing',
        subject: `${request.method} ${request.path}`,
        message: 'The request carries neither a session that is open nor a valid token.',
        remedy:
          'Log in again, or send Authorization: Bearer with an API token, or the content of the token file that the control plane names at its start.',
      });
    }
    this.#refuseForgery(request, principal);
    if (declared.role === 'account') return true;
    if (principal.login?.account.passwordTemporary) {
      throw new Refusal({
        code: 'auth.password_temporary',
        subject: principal.name,
        message: 'Your password was made up by an admin.',
        remedy: 'Choose your own first (POST /account/password).',
      });
    }
    const { role } = declared;
    const place = await this.#placeOf(declared, request);
    if (allows(principal.grants, role, place)) {
      request.stillAllowed = async () => {
        const again = await this.#principalOf(request, { acts: false });
        if (again === undefined || !allows(again.grants, role, place)) return false;
        request.principal = again;
        return true;
      };
      return true;
    }
    const act = this.reflector.get<Act | undefined>(ACTS, context.getHandler());
    if (act) {
      const details = { code: 'auth.forbidden' };
      await this.log.append({ ...actOf(request, act, declared), outcome: 'refused', details });
    }
    throw lacking(`${request.method} ${request.path}`, role, declared.site !== 'any');
  }

  /**
   * Who guesses tokens or sessions is made to wait, before anything is looked up. A session that was right once and has
   * ended is no guess. What everybody may ask (`open`) stays open: one logs in with an old cookie too. `acts`: the request
   * counts as a sign of life of its session.
   */
  async #principalOf(
    request: PrincipalRequest,
    { open = false, acts = true }: { readonly open?: boolean; readonly acts?: boolean },
  ): Promise<RequestPrincipal | undefined> {
    const bearer = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    const given = bearer ?? sessionCookie(request);
    if (given === undefined) return undefined;
    const address = request.ip ?? '';
    const known = this.failures.isKnown(given);
    const retryAfterMs = known ? 0 : await this.failures.waitMs(address);
    if (retryAfterMs > 0) {
      if (open) return undefined;
      throw throttled(request, retryAfterMs);
    }
    const principal = bearer === undefined ? await this.#loggedIn(given, acts) : await this.#ofToken(given);
    if (principal) this.failures.proved(given);
    else if (!known) await this.failures.failed(address);
    return principal;
  }

  async #ofToken(given: string): Promise<RequestPrincipal | undefined> {
    const a = Buffer.from(given);
    const b = Buffer.from(this.localToken);
    if (a.length === b.length && timingSafeEqual(a, b)) {
      return { name: 'local', kind: 'local', grants: [{ role: 'admin', site: null }] };
    }
    const token = await this.tokens.find(given);
    if (!token) return undefined;
    const { name, role, site, expiresAt } = token;
    return { name, kind: 'token', grants: [{ role, site }], expiresAt };
  }

  async #loggedIn(cookie: string, acts: boolean): Promise<RequestPrincipal | undefined> {
    const login = await this.sessions.find(cookie, acts);
    return login && { name: login.account.name, kind: 'account', grants: login.account.grants, login };
  }

  /** A browser sends the cookie whoever made it ask; only our own pages know the token that goes with it. */
  #refuseForgery(request: PrincipalRequest, { login }: RequestPrincipal): void {
    if (!login || SAFE.has(request.method)) return;
    const given = Buffer.from(String(request.headers['x-csrf-token'] ?? ''));
    const expected = Buffer.from(this.sessions.csrfToken(login.token));
    if (given.length === expected.length && timingSafeEqual(given, expected)) return;
    throw new Refusal({
      code: 'auth.csrf',
      subject: `${request.method} ${request.path}`,
      message: 'The request does not carry the session’s csrfToken.',
      remedy: 'Send it as X-CSRF-Token; GET /session tells it. Reload the page.',
    });
  }

  /** What does not exist is treated as something of all sites: the answer does not tell a stranger whether it does. */
  async #placeOf({ site }: Declaration, request: PrincipalRequest): Promise<Place> {
    if (site === 'any' || site === 'all') return site;
    const id = String(request.params.id);
    const found =
      site === 'stack'
        ? (await this.stacks.getStack(id as StackId))?.site
        : site === 'run'
          ? (await this.runs.head(id as RunId))?.site
          : site === 'plan'
            ? (await this.plans.get(id as PlanId))?.site
            : fieldOf(request, site);
    return found === undefined ? 'all' : { site: found };
  }
}

const lacking = (subject: string, role: AccountRole, there: boolean): Refusal =>
  new Refusal({
    code: 'auth.forbidden',
    subject,
    message: there ? `This needs the role ${role} there.` : `This needs the role ${role}.`,
    remedy: 'Ask an admin for it.',
  });

const throttled = (request: PrincipalRequest, retryAfterMs: number): Refusal =>
  new Refusal({
    code: 'auth.throttled',
    subject: `${request.method} ${request.path}`,
    message: 'Too many requests came from your address with a token or session that is none.',
    remedy: `Wait ${Math.ceil(retryAfterMs / 1000)} seconds, then log in again or correct the token.`,
    details: { retryAfterMs },
  });

function holdsNul(...among: unknown[]): boolean {
  // Grows as it is walked: a body may be nested deeper than calls may be.
  for (const value of among) {
    if (typeof value === 'string' && value.includes('\0')) return true;
    if (typeof value === 'object' && value !== null) for (const pair of Object.entries(value)) among.push(...pair);
  }
  return false;
}

/** PostgreSQL keeps every character but one, and would fail over that: nobody's request is to be a fault of ours. */
function refuseNul(request: PrincipalRequest): void {
  if (!holdsNul(request.params, request.query, request.body)) return;
  throw new Refusal({
    code: 'request.invalid',
    subject: `${request.method} ${request.path}`,
    message: 'The request holds a character that no text may have (NUL).',
    remedy: 'Leave it out and send the request again.',
  });
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** A page of another site that makes a browser change something here: browsers say so themselves (Fetch Metadata). Log-in has no session yet whose token could tell. */
function refuseOtherSites(request: PrincipalRequest): void {
  const from = request.headers['sec-fetch-site'];
  if (SAFE.has(request.method) || from === undefined || from === 'same-origin' || from === 'none') return;
  throw new Refusal({
    code: 'auth.csrf',
    subject: `${request.method} ${request.path}`,
    message: 'The request comes from a page of another site.',
    remedy: 'Use the dashboard at its own address.',
  });
}
