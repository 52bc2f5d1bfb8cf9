import type { Instant } from '../ids.js';
import type { RunEvent } from '../run/run.js';
import { type NotificationEvent, plainLine } from './event.js';

/** What is told of a run. */
export interface ToldRun {
  readonly id: string;
  readonly stack: string;
  readonly stackName: string;
  readonly site: string;
  readonly operation: string;
}

/** A step that failed: its name, and what was said about it. */
export interface ToldFailure {
  readonly step: string;
  readonly message: string;
}

/** The event that the end of a run is, when somebody may want to hear of it. `seq`: of the log entry; a retried run may fail twice. */
export function eventOfRun(
  run: ToldRun,
  entry: { readonly seq: number; readonly event: RunEvent },
  failures: readonly ToldFailure[],
  at: Instant,
): NotificationEvent | undefined {
  const about = { at, site: run.site, run: run.id, stack: run.stack };
  const facts = { stack: plainLine(run.stackName), operation: run.operation };
  const key = `run/${run.id}/${entry.seq}`;
  if (entry.event.type === 'run-succeeded') return { kind: 'run-succeeded', key, ...about, facts };
  if (entry.event.type !== 'run-failed') return undefined;
  const [first] = failures;
  const why: NotificationEvent['facts'] = first
    ? { step: plainLine(first.step, 120), message: plainLine(first.message) }
    : {};
  return { kind: 'run-failed', key, ...about, facts: { ...facts, failed: failures.length, ...why } };
}

/** A failed or cancelled run that nobody has decided about. */
export const eventOfWaitingRun = (run: ToldRun & { readonly endedAt: Instant }, at: Instant): NotificationEvent => ({
  kind: 'run-waiting',
  key: `waiting/${run.id}/${run.endedAt}`,
  at,
  site: run.site,
  run: run.id,
  stack: run.stack,
  facts: { stack: plainLine(run.stackName), operation: run.operation },
});

export interface ToldCheck {
  readonly instance: string;
  readonly guest: string;
  readonly healthy: boolean;
}

/** Checks that fail where they did not, or the other way round. `before` absent: never looked; that it works is then no news. */
export function eventOfHealth(
  stack: { readonly id: string; readonly name: string; readonly site: string },
  before: boolean | undefined,
  checks: readonly ToldCheck[],
  at: Instant,
): NotificationEvent | undefined {
  const failing = checks.filter(({ healthy }) => !healthy);
  const healthy = failing.length === 0;
  if (checks.length === 0 || before === healthy || (before === undefined && healthy)) return undefined;
  const about = { key: `health/${stack.id}/${at}`, at, site: stack.site, stack: stack.id };
  const name = plainLine(stack.name);
  if (healthy) return { kind: 'stack-healthy', ...about, facts: { stack: name } };
  const parts = [...new Set(failing.map(({ instance }) => instance))].join(', ');
  return { kind: 'stack-unhealthy', ...about, facts: { stack: name, parts: plainLine(parts), count: failing.length } };
}
