import { SetMetadata } from '@nestjs/common';
import type { AccountRole } from '../domain/account/roles.js';

/**
 * What an endpoint needs. `anonymous`: nobody in particular; `account`: anybody who is logged in, whatever their roles;
 * else a role that is enough.
 */
export type Needed = 'anonymous' | 'account' | AccountRole;

/**
 * Where the site stands that the role must hold on: a path parameter or body field with the site's name, or the stack,
 * run or plan that the path's `id` names. Without it a role on any site is enough, and the endpoint itself shows only
 * what is visible; an endpoint that changes something then wants the role on all sites.
 */
export type SiteOf = `param:${string}` | `body:${string}` | 'stack' | 'run' | 'plan' | 'all' | 'any';

export interface Declaration {
  readonly role: Needed;
  readonly site: SiteOf;
}

export const NEEDS = 'bastide:needs';

/** Every endpoint, or its class, declares what it needs; the guard refuses one that does not. */
export const Needs = (role: Needed, where: { readonly site?: SiteOf } = {}): MethodDecorator & ClassDecorator =>
  SetMetadata(NEEDS, { role, site: where.site ?? 'any' } satisfies Declaration);
