import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, ask } from '../../api/client.js';
import { every } from '../../api/query-client.js';

export const stackKey = (id: string) => ['stack', id] as const;

/** A stack as it is recorded. */
export const useStack = (id: string) =>
  useQuery({
    queryKey: stackKey(id),
    queryFn: ({ signal }) => ask(api.GET('/api/v1/stacks/{id}', { params: { path: { id } }, signal })),
  });

/** Its guests as their substrate shows them now. */
export const useGuests = (id: string) =>
  useQuery({
    queryKey: [...stackKey(id), 'guests'],
    queryFn: ({ signal }) => ask(api.GET('/api/v1/stacks/{id}/guests', { params: { path: { id } }, signal })),
    refetchInterval: every(30_000),
  });

export const useChecks = (id: string) =>
  useQuery({
    queryKey: [...stackKey(id), 'checks'],
    queryFn: ({ signal }) => ask(api.GET('/api/v1/stacks/{id}/checks', { params: { path: { id } }, signal })),
  });

/** Runs every check now and keeps what they say. */
export function useCheckNow(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => ask(api.POST('/api/v1/stacks/{id}/check', { params: { path: { id } } })),
    onSettled: () => client.invalidateQueries({ queryKey: [...stackKey(id), 'checks'] }),
  });
}
