import { useQuery } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { api, ask } from './client.js';
import { queryClient } from './query-client.js';
import { sessionSignal } from './session-signal.js';
import type { Dto, Role } from './types.js';

const KEY = ['session'] as const;

/** Whoever is signed in, in which ways one may sign in, and whether this is the very first start. */
export const sessionQuery = {
  queryKey: KEY,
  staleTime: 60_000,
  queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Dto<'SessionDto'>> => {
    const session = await ask(api.GET('/api/v1/session', { signal }));
    if (session.account) sessionSignal.opened(session.csrfToken);
    return session;
  },
};

export const useSession = () => useQuery(sessionQuery);

/** A new session is taken over everywhere; requests that waited for it are sent again. */
export function sessionOpened(session: Dto<'SessionDto'>): void {
  queryClient.setQueryData(KEY, session);
  sessionSignal.opened(session.csrfToken);
}

/** Signs out and forgets everything that was read; answers where one may be signed out at the identity provider too. */
export async function signOut(): Promise<string | undefined> {
  const { endSessionUrl } = await ask(api.DELETE('/api/v1/session'));
  sessionSignal.closed();
  queryClient.clear();
  return endSessionUrl;
}

/** Whether a session ran out while somebody worked: the shell then asks in place. */
export const useExpired = (): boolean => useSyncExternalStore(sessionSignal.subscribe, sessionSignal.expired);

const INCLUDES: Record<Role, readonly Role[]> = {
  viewer: ['viewer'],
  operator: ['viewer', 'operator'],
  author: ['viewer', 'author'],
  admin: ['viewer', 'operator', 'author', 'admin'],
};

/** Whether an account may do what needs a role, on a site (undefined: somewhere). The server decides; this only explains early. */
export const may = (account: Dto<'AccountDto'> | null | undefined, needed: Role, site?: string): boolean =>
  account?.roles.some(
    (grant) =>
      INCLUDES[grant.role].includes(needed) && (site === undefined || grant.site === null || grant.site === site),
  ) ?? false;
