import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { toProblem } from '../api/problem.js';
import { Loading } from './loading.js';
import { ProblemCard } from './problem-card.js';

/**
 * What a query answered, or that it is on its way (`placeholder`, in its shape), or why it did not. What was there before
 * stays while it is asked anew.
 */
export function Answer<T>({
  of,
  placeholder = <Loading />,
  children,
}: {
  of: UseQueryResult<T>;
  placeholder?: ReactNode;
  children: (data: T) => ReactNode;
}) {
  if (of.data !== undefined) return children(of.data);
  return of.error ? <ProblemCard problem={toProblem(of.error)} onRetry={() => void of.refetch()} /> : placeholder;
}
