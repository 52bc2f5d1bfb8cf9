import type { RunState } from '../run/run.js';

/** One look of a check at one guest. */
export interface CheckLook {
  readonly at: number;
  readonly healthy: boolean;
}

/** `changing`: a run is under way; `failed`: its last run ended badly and nobody has decided yet; `unknown`: never checked since; `archived`: put to rest. */
export const STACK_HEALTHS = ['healthy', 'failing', 'unknown', 'changing', 'failed', 'archived'] as const;
export type StackHealth = (typeof STACK_HEALTHS)[number];

const BY_RUN: Readonly<Record<RunState, StackHealth | undefined>> = {
  running: 'changing',
  cancelling: 'changing',
  undoing: 'changing',
  failed: 'failed',
  cancelled: 'failed',
  succeeded: undefined,
  undone: undefined,
  left: undefined,
};

/**
 * Newest look of each instance's guest in; one word out. A look from before the end of the newest run says nothing. What has
 * no guest has nothing to look at: it is well when its run was, and one that was left as it is was not.
 */
export function stackHealth(
  run: { readonly state: RunState; readonly finishedAt?: number } | undefined,
  looks: readonly CheckLook[],
  hasGuests = true,
): StackHealth {
  const byRun = run && BY_RUN[run.state];
  if (byRun) return byRun;
  const fresh = looks.filter((look) => look.at >= (run?.finishedAt ?? 0));
  if (fresh.length === 0) return run && !hasGuests && run.state !== 'left' ? 'healthy' : 'unknown';
  return fresh.every((look) => look.healthy) ? 'healthy' : 'failing';
}
