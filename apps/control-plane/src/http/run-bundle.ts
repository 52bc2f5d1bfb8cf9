import type { RunSnapshot, RunStore } from '../application/runs/run-store.port.js';
import type { Plan } from '../domain/plan/plan.js';
import { renderPlan } from '../domain/plan/render-plan.js';

const PAGE = 2_000;
const when = (at: number): string => new Date(at).toISOString();

/**
 * A run as one text to hand on: what was planned, how every step ended, the whole log. Lines were redacted before they were
 * stored, so nothing here says more than the screen does. Pieces, read page by page: a long log is never in memory at once.
 */
export async function* runBundle(
  runs: Pick<RunStore, 'entries'>,
  { run, steps }: RunSnapshot,
  plan: Plan | undefined,
): AsyncGenerator<string> {
  yield `${run.operation} ${run.stackName} on ${run.site}: ${run.state}\n`;
  yield `run ${run.id}, plan ${run.plan}, by ${run.actor}, ${when(run.createdAt)}`;
  yield `${run.finishedAt ? ` to ${when(run.finishedAt)}` : ''}\n\n== Plan\n\n`;
  yield `${plan ? renderPlan(plan) : 'The plan is not kept any more.'}\n\n== Steps\n\n`;
  for (const step of steps.values()) {
    const told = step.problem?.message ?? step.failure?.message;
    yield `${step.state.padEnd(12)} ${step.id}${told ? `: ${told}` : ''}\n`;
  }
  yield '\n== Log\n\n';
  for (let after = 0; ; ) {
    const page = await runs.entries(run.id, after, PAGE);
    for (const entry of page) {
      after = entry.seq;
      const step = 'step' in entry && entry.step ? entry.step : 'run';
      if (entry.event.type === 'log')
        for (const line of entry.event.lines) yield `${when(line.at)} ${step} ${line.stream}: ${line.text}\n`;
      else yield `${when(entry.at)} ${step} -- ${entry.event.type}\n`;
    }
    if (page.length < PAGE) return;
  }
}
