import { QueryClient } from '@tanstack/react-query';
import { Problem } from './problem.js';

/** Answers are fresh for ten seconds; a refusal is final, only an unreachable server is asked again. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      retry: (count, error) => count < 3 && error instanceof Problem && (error.status === 0 || error.status >= 502),
      retryDelay: (attempt) => Math.min(500 * 2 ** attempt, 5_000),
    },
    mutations: { retry: false },
  },
});
