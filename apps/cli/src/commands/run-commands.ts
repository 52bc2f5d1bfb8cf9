import type { Command } from 'commander';
import type { components } from '../../../../docs/reference/openapi.js';
import { withSession } from '../context.js';
import { EXIT, take } from '../failure.js';
import { follow } from '../follow.js';
import { duration, paint, print, safe, show, table, when } from '../output.js';

type Step = components['schemas']['RunStepDto'];

const MARK: Readonly<Record<string, string>> = {
  waiting: '·',
  ready: '○',
  running: '▸',
  retrying: '↻',
  succeeded: '✓',
  failed: '✗',
  blocked: '■',
  cancelled: '–',
  quarantined: '☣',
  undone: '↶',
};

const stepRow = (step: Step): string[] => {
  const failure = step.failure as { message?: string } | undefined;
  const problem = step.problem as { message?: string } | undefined;
  const told =
    problem?.message ??
    failure?.message ??
    (step.blockedBy ? `below ${step.blockedBy}` : (step.waitingFor ?? step.text ?? ''));
  return [
    `${MARK[step.state] ?? '?'} ${step.state}`,
    step.label,
    step.startedAt && step.finishedAt ? duration(step.finishedAt - step.startedAt) : '',
    told,
  ];
};

export function addRunCommands(program: Command): void {
  const run = program.command('run').description('runs: what was done, what is being done');
  run
    .command('list')
    .option('--site <name>')
    .option('--limit <n>', 'how many', '20')
    .description('newest first')
    .action(
      withSession(async ({ connection, format }, options: { site?: string; limit: string }) => {
        const runs = take(
          await connection.api.GET('/api/v1/runs', {
            params: { query: { limit: Number(options.limit), ...(options.site ? { site: options.site } : {}) } },
          }),
        );
        show(format, runs, () =>
          table(
            ['RUN', 'WHAT', 'STATE', 'STARTED', 'TOOK', 'BY'],
            runs.map((entry) => [
              entry.id,
              `${entry.operation} ${entry.stackName}`,
              entry.state,
              when(entry.createdAt),
              entry.finishedAt ? duration(entry.finishedAt - entry.createdAt) : '',
              entry.actor,
            ]),
          ),
        );
      }),
    );
  run
    .command('show')
    .argument('<run>')
    .description('state of every step')
    .action(
      withSession(async ({ connection, format }, id: string) => {
        const detail = take(await connection.api.GET('/api/v1/runs/{id}', { params: { path: { id } } }));
        show(format, detail, () =>
          [
            `${detail.run.operation} of ${detail.run.stackName}: ${paint.bold(detail.run.state)}, ${Math.round(detail.progress.percent)} %`,
            table(['STATE', 'STEP', 'TOOK', ''], detail.steps.map(stepRow)),
          ].join('\n'),
        );
      }),
    );
  run
    .command('follow')
    .argument('<run>')
    .option('--logs', 'show every log line')
    .option('--after <seq>', 'start after this entry', '0')
    .description('watch a run to its end; the exit code is the run’s')
    .action(
      withSession(({ connection, format }, id: string, options: { logs?: boolean; after: string }) =>
        follow(connection, id, { format, logs: options.logs ?? false, after: Number(options.after) }),
      ),
    );
  run
    .command('bundle')
    .argument('<run>')
    .description('plan, steps and whole log as one text on standard output, to hand on; it holds no secret')
    .action(
      withSession(async ({ connection }, id: string) => {
        const answer = await connection.api.GET('/api/v1/runs/{id}/bundle', {
          params: { path: { id } },
          parseAs: 'text',
        });
        print(String(take(answer as never)).trimEnd());
      }),
    );
  run
    .command('cancel')
    .argument('<run>')
    .description('stop a run; what cannot be stopped in the middle ends first')
    .action(
      withSession(async ({ connection, format }, id: string) => {
        const now = take(await connection.api.POST('/api/v1/runs/{id}/cancel', { params: { path: { id } } }));
        show(format, now, () => `${now.id}: ${now.state}`);
      }),
    );
  run
    .command('retry')
    .argument('<run>')
    .option('--from <step...>', 'steps to start from (default: every failed one)')
    .option('--detach', 'do not follow')
    .option('--logs', 'show every log line')
    .description('go on from the failed steps')
    .action(
      withSession(
        async ({ connection, format }, id: string, options: { from?: string[]; detach?: boolean; logs?: boolean }) => {
          const now = take(
            await connection.api.POST('/api/v1/runs/{id}/retry', {
              params: { path: { id } },
              body: options.from ? { from: options.from } : {},
            }),
          );
          if (!options.detach)
            return follow(connection, id, { format, logs: options.logs ?? false, after: now.lastSeq });
          show(format, now, () => `${now.id}: ${now.state}`);
          return EXIT.ok;
        },
      ),
    );
  run
    .command('undo')
    .argument('<run>')
    .option('--detach', 'do not follow')
    .description('take a failed install back')
    .action(
      withSession(async ({ connection, format }, id: string, options: { detach?: boolean }) => {
        const undoing = take(await connection.api.POST('/api/v1/runs/{id}/undo', { params: { path: { id } } }));
        if (!options.detach) return follow(connection, undoing.id, { format, logs: false });
        show(format, undoing, () => `${undoing.id}: ${undoing.state}`);
        return EXIT.ok;
      }),
    );
  run
    .command('leave')
    .argument('<run>')
    .description('leave what a failed run made as it is')
    .action(
      withSession(async ({ connection, format }, id: string) => {
        const now = take(await connection.api.POST('/api/v1/runs/{id}/leave', { params: { path: { id } } }));
        show(format, now, () => `${safe(now.id)}: ${now.state}`);
      }),
    );
}
