import { type Command, Option } from 'commander';
import { withSession } from '../context.js';
import { EXIT, take } from '../failure.js';
import { paint, print, show, table, when } from '../output.js';

interface Filter {
  readonly actor?: string;
  readonly action?: string;
  readonly site?: string;
}

const filterOptions = (command: Command): Command =>
  command
    .option('--actor <name>', 'who')
    .option('--action <act>', 'what, such as plan.applied')
    .option('--site <name>', 'where');

const queryOf = ({ actor, action, site }: Filter) => ({
  ...(actor ? { actor } : {}),
  ...(action ? { action } : {}),
  ...(site ? { site } : {}),
});

export function addAuditCommands(program: Command): void {
  const audit = program.command('audit').description('who did what, when, from where');
  filterOptions(audit.command('list'))
    .option('--limit <rows>', 'how many', '50')
    .description('newest first')
    .action(
      withSession(async ({ connection, format }, options: Filter & { limit: string }) => {
        const query = { ...queryOf(options), limit: Number(options.limit) };
        const { rows } = take(await connection.api.GET('/api/v1/audit', { params: { query } }));
        show(format, rows, () =>
          table(
            ['WHEN', 'WHO', 'WHAT', 'ABOUT', 'SITE', 'OUTCOME', 'FROM'],
            rows.map((row) => [
              when(row.at),
              row.actor,
              row.action,
              row.subject,
              row.site ?? '',
              row.outcome,
              row.address ?? '',
            ]),
          ),
        );
      }),
    );
  filterOptions(audit.command('export'))
    .addOption(new Option('--format <format>', 'file format').choices(['csv', 'json']).default('csv'))
    .description('all rows that fit, on standard output')
    .action(
      withSession(async ({ connection }, options: Filter & { format: 'csv' | 'json' }) => {
        const query = { ...queryOf(options), format: options.format };
        const answer = await connection.api.GET('/api/v1/audit/export', { params: { query }, parseAs: 'text' });
        print(String(take(answer as never)).trimEnd());
      }),
    );
  audit
    .command('verify')
    .description('whether a row was changed or taken out; exit code 4 when one was')
    .action(
      withSession(async ({ connection, format }) => {
        const verdict = take(await connection.api.POST('/api/v1/audit/verify'));
        show(format, verdict, () =>
          verdict.intact
            ? `${paint.green('whole')}: ${verdict.rows} rows`
            : `${paint.red('broken')} at row ${verdict.firstBroken?.seq}: somebody has changed the record`,
        );
        return verdict.intact ? EXIT.ok : EXIT.runFailed;
      }),
    );
}
