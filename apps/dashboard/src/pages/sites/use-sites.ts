import { useQuery } from '@tanstack/react-query';
import { api, ask } from '../../api/client.js';

/** Connected sites that one may see. */
export const useSites = () =>
  useQuery({ queryKey: ['sites'], queryFn: ({ signal }) => ask(api.GET('/api/v1/sites', { signal })) });
