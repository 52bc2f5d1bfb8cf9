import { type Command, Option } from 'commander';
import type { components } from '../../../../docs/reference/openapi.js';
import { withSession } from '../context.js';
import { EXIT, take } from '../failure.js';
import { paint, safe, show, table, when } from '../output.js';
import { stackOrFail } from './find-stack.js';

type TodoKind = components['schemas']['TodoDto']['kind'];

const MIB = 1024 ** 2;
const siteOption = (): Option => new Option('--site <name>', 'site').default('demo');

/** What waits for the admin, and the line that shows more of it or sets it right. */
const TODOS: Readonly<Record<TodoKind, { what: string; next: (stack: string, run: string) => string }>> = {
  'run-failed': { what: 'a run failed', next: (_, run) => `bastide run show ${run}` },
  'run-cancelled': { what: 'a run was cancelled', next: (_, run) => `bastide run show ${run}` },
  'check-failing': { what: 'checks fail', next: (stack) => `bastide stack checks ${stack}` },
  'never-checked': { what: 'has never been checked', next: (stack) => `bastide stack check ${stack}` },
  'guests-unfinished': {
    what: 'an unfinished creation may have left guests on the cluster; the next plan clears them',
    next: (stack) => `bastide stack show ${stack}`,
  },
  'nobody-told': { what: 'nobody would hear of a failure', next: () => 'bastide notification add-mail --help' },
  'telling-fails': { what: 'notifications do not arrive', next: () => 'bastide notification deliveries' },
};

/** The home page, to read. */
export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .description('health of all stacks, what there is to do, what runs')
    .action(
      withSession(async ({ connection, format }) => {
        const seen = take(await connection.api.GET('/api/v1/overview'));
        show(format, seen, () =>
          [
            table(
              ['STACK', 'SITE', 'HEALTH', 'FAILING CHECKS', 'CHECKED'],
              seen.stacks.map((one) => [
                one.stack.name,
                one.stack.site,
                one.health,
                String(one.failingChecks),
                when(one.checkedAt),
              ]),
            ),
            ...seen.todos.map((todo) => {
              const stack = seen.stacks.find((one) => one.stack.id === todo.stack)?.stack.name;
              const { what, next } = TODOS[todo.kind];
              const words = safe(`${stack === undefined ? '' : `${stack}: `}${what}`);
              return `${paint.yellow(todo.severity)}  ${words}  ${paint.dim(next(safe(stack ?? ''), todo.run ?? ''))}`;
            }),
            ...seen.running.map((run) => `${paint.cyan('running')} ${run.operation} ${safe(run.stackName)} ${run.id}`),
          ].join('\n'),
        );
      }),
    );
}

/** The views of one stack, below its noun. */
export function addStackViews(stack: Command): void {
  stack
    .command('guests')
    .argument('<stack>')
    .addOption(siteOption())
    .description('guests as they are now, how busy they are, and what was changed by hand')
    .action(
      withSession(async (session, name: string, options: { site: string }) => {
        const { id } = await stackOrFail(session, options.site, name);
        const path = { params: { path: { id } } };
        const live = take(await session.connection.api.GET('/api/v1/stacks/{id}/guests', path));
        const figures = take(
          await session.connection.api.GET('/api/v1/stacks/{id}/metrics', {
            params: { path: { id }, query: { range: 'hour' } },
          }),
        );
        const newest = (instance: string, guest: string) =>
          figures.find((one) => one.instance === instance && one.guest === guest)?.points.at(-1);
        const rows = live.map((guest) => ({ ...guest, figures: newest(guest.instance, guest.guest) }));
        show(session.format, rows, () =>
          table(
            ['GUEST', 'STATE', 'NODE/ID', 'CPU', 'MEMORY', 'CHANGED BY HAND'],
            rows.map((row) => [
              `${row.instance}.${row.guest}`,
              row.status,
              `${row.node}/${row.vmid}`,
              row.figures ? `${(row.figures.cpu * 100).toFixed(0)} %` : '–',
              row.figures ? `${Math.round(row.figures.memoryBytes / MIB)} MiB` : '–',
              row.error ?? row.drift.map((one) => `${one.field} ${one.recorded} → ${one.observed}`).join(', '),
            ]),
          ),
        );
        return live.some((guest) => guest.drift.length > 0 || guest.status === 'missing') ? EXIT.runFailed : EXIT.ok;
      }),
    );
  stack
    .command('checks')
    .argument('<stack>')
    .addOption(siteOption())
    .option('--limit <rows>', 'how many', '50')
    .description('checks of the past')
    .action(
      withSession(async (session, name: string, options: { site: string; limit: string }) => {
        const { id } = await stackOrFail(session, options.site, name);
        const entries = take(
          await session.connection.api.GET('/api/v1/stacks/{id}/checks', {
            params: { path: { id }, query: { limit: Number(options.limit) } },
          }),
        );
        show(session.format, entries, () =>
          table(
            ['WHEN', 'GUEST', 'HEALTH', 'WHY', 'ASKED BY'],
            entries.map((one) => [
              when(one.at),
              `${one.instance}.${one.guest}`,
              one.healthy ? 'healthy' : 'failing',
              one.healthy ? '' : (one.error ?? one.tail.at(-1) ?? ''),
              one.by,
            ]),
          ),
        );
      }),
    );
  stack
    .command('config')
    .argument('<stack>')
    .addOption(siteOption())
    .description(
      'what may be changed and how it is now; bastide plan and install change it (--set, --config, --component, --size)',
    )
    .action(
      withSession(async (session, name: string, options: { site: string }) => {
        const { id } = await stackOrFail(session, options.site, name);
        const found = take(
          await session.connection.api.GET('/api/v1/stacks/{id}/configuration', { params: { path: { id } } }),
        );
        const shown = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));
        show(session.format, found, () =>
          table(
            ['OPTION', 'NOW'],
            [
              ...found.parameters.map((field) => [`--set ${field.name}=`, shown(field.value)]),
              ...found.components.map((one) => [`--component ${one.name}=`, one.value ? 'on' : 'off']),
              ['--size', found.size.value],
              ...found.instances.flatMap(({ instance, fields }) =>
                fields.map((field) => [`--config ${instance}.${field.name}=`, shown(field.value)]),
              ),
            ],
          ),
        );
      }),
    );
  stack
    .command('secrets')
    .argument('<stack>')
    .addOption(siteOption())
    .option('--reveal <instance.name>', 'show this one; it goes into the audit')
    .description('names of the secrets that were made for a stack')
    .action(
      withSession(async (session, name: string, options: { site: string; reveal?: string }) => {
        const { id } = await stackOrFail(session, options.site, name);
        if (options.reveal) {
          const [instance = '', ...rest] = options.reveal.split('.');
          const path = { id, instance, name: rest.join('.') };
          const value = take(
            await session.connection.api.POST('/api/v1/stacks/{id}/secrets/{instance}/{name}/reveal', {
              params: { path },
            }),
          );
          show(session.format, value, () => value.value);
          return;
        }
        const names = take(
          await session.connection.api.GET('/api/v1/stacks/{id}/secrets', { params: { path: { id } } }),
        );
        show(session.format, names, () =>
          table(
            ['INSTANCE', 'NAME'],
            names.map((one) => [one.instance, one.name]),
          ),
        );
      }),
    );
}
