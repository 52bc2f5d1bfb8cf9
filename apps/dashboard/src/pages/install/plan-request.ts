import { useMutation } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { api, ask } from '../../api/client.js';
import type { Dto } from '../../api/types.js';
import { paths } from '../../app/paths.js';

const KEY = 'bastide.request.';

/** What a plan was asked for with, kept in this tab, so that a stale one can be made again. */
export function requestOf(plan: string): Dto<'PlanRequestDto'> | undefined {
  const kept = sessionStorage.getItem(KEY + plan);
  return kept ? (JSON.parse(kept) as Dto<'PlanRequestDto'>) : undefined;
}

/** Makes a plan and opens its page. */
export function usePlan() {
  const navigate = useNavigate();
  return useMutation({
    mutationFn: async (body: Dto<'PlanRequestDto'>) => {
      const plan = await ask(api.POST('/api/v1/plans', { body }));
      sessionStorage.setItem(KEY + plan.id, JSON.stringify(body));
      return plan;
    },
    onSuccess: (plan) => void navigate(paths.plan(plan.id)),
  });
}
