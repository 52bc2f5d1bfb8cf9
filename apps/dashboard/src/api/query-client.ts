import { QueryClient } from '@tanstack/react-query';
import { Problem } from './problem.js';

const AWAY_MS = 4_000;
const away = (error: unknown): boolean => error instanceof Problem && (error.status === 0 || error.status >= 502);

/** How often a page asks again by itself: so often (milliseconds), and soon while the server is away. */
export const every =
  (ms: number | false) =>
  (query: { readonly state: { readonly error: Error | null } }): number | false =>
    away(query.state.error) ? AWAY_MS : ms;

/** Answers are fresh for ten seconds; a refusal is final, only an unreachable server is asked again. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      refetchInterval: every(false),
      retry: (count, error) => count < 3 && away(error),
      retryDelay: (attempt) => Math.min(500 * 2 ** attempt, 5_000),
    },
    mutations: { retry: false },
  },
});
