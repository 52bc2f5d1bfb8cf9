import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import { type GlobalOptions, withSession } from '../context.js';
import { EXIT, Failure, take } from '../failure.js';
import { note, paint, show, table, when } from '../output.js';
import { verifyExport } from '../verify-export.js';

interface Filter {
  readonly actor?: string;
  readonly action?: string;
  readonly site?: string;
}

interface ExportOptions extends Filter {
  readonly format: 'csv' | 'jsonl';
  readonly since?: string;
  readonly until?: string;
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
    .addOption(new Option('--format <format>', 'file format').choices(['csv', 'jsonl']).default('csv'))
    .option('--since <day>', 'from that day on, such as 2026-01-31')
    .option('--until <day>', 'up to that day, which is left out')
    .description('all rows that fit, oldest first, on standard output')
    .action(
      withSession(async ({ connection }, options: ExportOptions) => {
        const days = { since: dayOf(options.since), until: dayOf(options.until) };
        const query = { ...queryOf(options), ...given(days), format: options.format };
        const { data, response, error } = await connection.api.GET('/api/v1/audit/export', {
          params: { query },
          parseAs: 'stream',
        });
        if (!response.ok || !data) take({ error, response });
        else await pipeline(Readable.fromWeb(data as never), process.stdout, { end: false }).catch(cutOff);
      }),
    );
  audit
    .command('key')
    .description('the key that exports are sealed with, for audit verify --key')
    .action(
      withSession(async ({ connection, format }) =>
        show(format, take(await connection.api.GET('/api/v1/audit/key')), ({ key }) => key),
      ),
    );
  audit
    .command('verify')
    .option('--file <file>', 'an export (JSON lines); checked here, without the control plane')
    .option('--key <key>', 'the key it must be sealed with, as bastide audit key tells it')
    .description('whether a row was changed or taken out; exit code 4 when one was')
    .action(async (options: { file?: string; key?: string }, command: Command) => {
      if (options.file === undefined) return await verifyThere(options, command);
      const { output } = command.optsWithGlobals<GlobalOptions>();
      const verdict = await verifyExport(createReadStream(options.file), options.key);
      show(output, verdict, () =>
        verdict.intact
          ? `${paint.green('whole')}: ${verdict.rows} rows${verdict.whole ? '' : ', chosen by a filter'}; sealed ${when(verdict.at)} with ${verdict.key}`
          : `${paint.red('not as it was exported')}: ${verdict.reason}`,
      );
      if (verdict.intact && options.key === undefined)
        note(
          'Nobody vouches for that key but the file itself: compare it with bastide audit key, or give it with --key.',
        );
      process.exitCode = verdict.intact ? EXIT.ok : EXIT.runFailed;
    });
}

const verifyThere = withSession(async ({ connection, format }) => {
  const verdict = take(await connection.api.POST('/api/v1/audit/verify'));
  show(format, verdict, () =>
    verdict.intact
      ? `${paint.green('whole')}: ${verdict.rows} rows`
      : `${paint.red('broken')} at row ${verdict.firstBroken?.seq}: somebody has changed the record`,
  );
  return verdict.intact ? EXIT.ok : EXIT.runFailed;
});

function dayOf(day: string | undefined): number | undefined {
  if (day === undefined) return undefined;
  const at = Date.parse(day);
  if (Number.isNaN(at)) throw new Failure(EXIT.usage, `${day} is not a day such as 2026-01-31`);
  return at;
}

const given = <T extends object>(fields: T): Partial<{ [K in keyof T]: NonNullable<T[K]> }> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;

/** Half a file must not look like a whole one. Whoever stops reading (`| head`) knows what they do. */
function cutOff(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') return;
  throw new Failure(EXIT.unreachable, `the export was cut off: ${error.message}; what was written is not complete`);
}
