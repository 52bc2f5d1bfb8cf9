import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { parseDocument } from 'yaml';
import { collect, type Session, withSession } from '../context.js';
import { EXIT, Failure, take } from '../failure.js';
import { paint, safe, show, table } from '../output.js';

async function examine({ connection, format }: Session, site: string): Promise<typeof EXIT.ok | typeof EXIT.runFailed> {
  const findings = take(await connection.api.POST('/api/v1/sites/{name}/doctor', { params: { path: { name: site } } }));
  const mark: Readonly<Record<string, string>> = {
    ok: paint.green('ok'),
    warning: paint.yellow('warning'),
    error: paint.red('error'),
  };
  show(format, findings, () =>
    findings
      .map((finding) =>
        [
          `${mark[finding.severity] ?? finding.severity}  ${paint.bold(safe(finding.subject))}: ${safe(finding.message)}`,
          ...(finding.remedy ? [`    ${paint.green('way out:')} ${safe(finding.remedy)}`] : []),
        ].join('\n'),
      )
      .join('\n'),
  );
  return findings.some((finding) => finding.severity === 'error') ? EXIT.runFailed : EXIT.ok;
}

/** `name=@file` or `name=-` for standard input: a credential never stands on a command line, where every user of the machine could read it. */
async function credentials(values: readonly string[] | undefined): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const pair of values ?? []) {
    const [name, source] = pair.split('=', 2);
    if (!name || !source || !(source === '-' || source.startsWith('@')))
      throw new Failure(
        EXIT.usage,
        `${name ?? pair}: give a credential as name=@FILE or name=- (standard input), never as a value`,
      );
    found[name] = (source === '-' ? await text(process.stdin) : await readFile(source.slice(1), 'utf8')).trim();
  }
  return found;
}

export function addSiteCommands(program: Command): void {
  const site = program.command('site').description('sites: places that are administered together');
  site
    .command('list')
    .description('connected sites')
    .action(
      withSession(async ({ connection, format }) => {
        const sites = take(await connection.api.GET('/api/v1/sites'));
        show(format, sites, () =>
          table(
            ['NAME', 'DOMAIN', 'SUBSTRATES'],
            sites.map((entry) => [entry.name, entry.domain, entry.substrates.join(', ')]),
          ),
        );
      }),
    );
  site
    .command('connect')
    .argument('<site.yaml>')
    .option('--credential <name=@file>', 'value of a secret:… reference, from a file or standard input (-)', collect)
    .description('connect a site, or change it')
    .action(
      withSession(async ({ connection, format }, file: string, options: { credential?: string[] }) => {
        const document = await readFile(file, 'utf8');
        const name = String(parseDocument(document).getIn(['metadata', 'name']) ?? '');
        if (!name) throw new Failure(EXIT.usage, `${file} has no metadata.name`);
        const connected = take(
          await connection.api.PUT('/api/v1/sites/{name}', {
            params: { path: { name } },
            body: { document, credentials: await credentials(options.credential) },
          }),
        );
        show(
          format,
          connected,
          () => `connected ${connected.name} (${connected.domain}); bastide doctor ${connected.name} examines it`,
        );
      }),
    );
  program
    .command('doctor')
    .argument('[site]', 'site', 'demo')
    .description('what is missing, each with its remedy')
    .action(withSession((session, name: string) => examine(session, name)));
}
