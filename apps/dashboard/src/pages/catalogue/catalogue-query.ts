import { api, ask } from '../../api/client.js';

/** Everything that can be installed. Changes only when folders of modules change. */
export const catalogueQuery = {
  queryKey: ['catalogue'] as const,
  staleTime: 60_000,
  queryFn: ({ signal }: { signal: AbortSignal }) => ask(api.GET('/api/v1/catalogue', { signal })),
};

/** One blueprint with its graph and needs per size. */
export const blueprintQuery = (name: string) => ({
  queryKey: ['catalogue', 'blueprint', name] as const,
  staleTime: 60_000,
  queryFn: ({ signal }: { signal: AbortSignal }) =>
    ask(api.GET('/api/v1/catalogue/blueprints/{blueprint}', { params: { path: { blueprint: name } }, signal })),
});
