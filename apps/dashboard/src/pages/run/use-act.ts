import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import type { Dto } from '../../api/types.js';
import { paths } from '../../app/paths.js';
import { runKey } from './use-run.js';

/** Decides something about a run: it is read again, and where another run does the work, that one is shown. */
export function useAct(id: string, act: () => Promise<Dto<'RunDto'>>) {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: act,
    onSuccess: (run) => {
      if (run.id !== id) void navigate(paths.run(run.id));
    },
    onSettled: () => client.invalidateQueries({ queryKey: runKey(id) }),
  });
}
