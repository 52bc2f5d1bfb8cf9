import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { components } from '../../../../docs/reference/openapi.js';
import type { Session } from '../context.js';
import { EXIT, type ExitCode, Failure, take } from '../failure.js';
import { follow } from '../follow.js';
import { note, paint, print, safe, show, table } from '../output.js';
import type { Stack } from './find-stack.js';

export type Plan = components['schemas']['PlanDto'];

export interface RunOptions {
  readonly yes?: boolean;
  readonly detach?: boolean;
  readonly logs?: boolean;
}

export const runOptions = (command: Command): Command =>
  command
    .option('-y, --yes', 'apply without asking')
    .option('--detach', 'start the run and return')
    .option('--logs', 'show every log line');

export const hasErrors = (plan: Plan): boolean => plan.findings.some((finding) => finding.severity === 'error');

/** Shows the plan, asks, applies, follows. */
export async function carryOut(session: Session, plan: Plan, options: RunOptions): Promise<ExitCode> {
  const { connection, format } = session;
  if (format === 'text') print(safe(plan.text));
  if (hasErrors(plan)) {
    if (format === 'json') print(JSON.stringify(plan, null, 2));
    return EXIT.refused;
  }
  if (plan.steps.length === 0) {
    if (format === 'json') print(JSON.stringify(plan, null, 2));
    return EXIT.ok;
  }
  if (!options.yes && !(await confirm('Apply this plan?'))) {
    note(`not applied; later: bastide apply ${plan.id} --hash ${plan.hash}`);
    return EXIT.ok;
  }
  const run = take(
    await connection.api.POST('/api/v1/plans/{id}/apply', {
      params: { path: { id: plan.id } },
      body: { hash: plan.hash },
    }),
  );
  if (options.detach) {
    show(format, run, () => `started ${run.id}; bastide run follow ${run.id}`);
    return EXIT.ok;
  }
  return follow(connection, run.id, { format, logs: options.logs ?? false });
}

async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Failure(EXIT.usage, 'there is nobody to ask: add --yes to apply');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

export async function showLinks(session: Session, stack: Stack | undefined): Promise<void> {
  if (!stack) return;
  const view = take(await session.connection.api.GET('/api/v1/stacks/{id}', { params: { path: { id: stack.id } } }));
  if (view.links.length > 0)
    print(
      `\n${table(
        ['LINK', 'URL'],
        view.links.map((link) => [link.title, link.url]),
      )}`,
    );
  note(paint.dim(`first passwords: bastide stack credentials ${stack.name}`));
}
