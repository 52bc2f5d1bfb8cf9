/**
 * Endpoints whose controllers are not in the OpenAPI document yet, typed by hand after the agreed contract.
 * An entry goes as soon as `docs/reference/openapi.d.ts` has it; the file goes with the last one.
 */
type Operation<Out, Body = never, Query = never, Path = never> = {
  parameters: { query?: Query; header?: never; path: Path; cookie?: never };
  requestBody: [Body] extends [never] ? never : { content: { 'application/json': Body } };
  responses: { 200: { headers: Record<string, unknown>; content: { 'application/json': Out } } };
};
type OperationWithoutPath<Out, Body = never, Query = never> = {
  parameters: { query?: Query; header?: never; path?: never; cookie?: never };
  requestBody?: [Body] extends [never] ? never : { content: { 'application/json': Body } };
  responses: { 200: { headers: Record<string, unknown>; content: { 'application/json': Out } } };
};

export type Role = 'viewer' | 'operator' | 'author' | 'admin';
export type Language = 'de' | 'fr' | 'en';
export interface RoleGrant {
  role: Role;
  /** null: on every site. */
  site: string | null;
}
export interface AccountDto {
  id: string;
  name: string;
  displayName: string;
  email?: string;
  language?: Language;
  roles: RoleGrant[];
  disabled: boolean;
  twoFactor: { totp: boolean; passkeys: number };
  createdAt: number;
  lastSeenAt?: number;
}
export interface SessionDto {
  account: AccountDto | null;
  csrfToken?: string;
  expiresAt?: number;
  firstRun: boolean;
  methods: { password: boolean; passkey: boolean; providers: { id: string; title: string }[] };
}

export interface PendingPaths {
  '/api/v1/session': {
    get: OperationWithoutPath<SessionDto>;
    post: OperationWithoutPath<SessionDto, { name: string; password: string; code?: string }>;
    delete: OperationWithoutPath<undefined>;
  };
}
export type { Operation as PendingOperation };
