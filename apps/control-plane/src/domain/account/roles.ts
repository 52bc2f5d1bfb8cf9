/** Who may do what. viewer < operator < admin and viewer < author < admin; operator and author know nothing of each other. */
export const ACCOUNT_ROLES = ['viewer', 'operator', 'author', 'admin'] as const;
export type AccountRole = (typeof ACCOUNT_ROLES)[number];

/** A role on one site; `site: null` is all of them, those to come included. */
export interface Grant {
  readonly role: AccountRole;
  readonly site: string | null;
}

/** Role → the roles it includes. */
const INCLUDES: Readonly<Record<AccountRole, readonly AccountRole[]>> = {
  viewer: ['viewer'],
  operator: ['viewer', 'operator'],
  author: ['viewer', 'author'],
  admin: ['viewer', 'operator', 'author', 'admin'],
};

/** `site`: a name; `all`: only a grant on all sites counts; `any`: one on whatever site does. */
export type Place = { readonly site: string } | 'all' | 'any';

export function allows(grants: readonly Grant[], needed: AccountRole, place: Place): boolean {
  return grants.some(
    (grant) =>
      INCLUDES[grant.role].includes(needed) &&
      (grant.site === null || place === 'any' || (place !== 'all' && grant.site === place.site)),
  );
}
