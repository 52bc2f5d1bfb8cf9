import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { parseDocument } from 'yaml';
import { collect, type Session, withSession } from '../context.js';
import { EXIT, Failure, take } from '../failure.js';
import { note, paint, print, safe, show, table, when } from '../output.js';
import { addDomainCommand } from './domain-command.js';

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
  site
    .command('connect-lab')
    .description('connect the lab that runs beside this control plane')
    .action(
      withSession(async ({ connection, format }) => {
        const connected = take(await connection.api.POST('/api/v1/sites/offer/accept'));
        show(format, connected, () => `connected ${connected.name} (${connected.domain})`);
      }),
    );
  site
    .command('show')
    .argument('<site>')
    .option('--document', 'the site document alone, to keep or to change')
    .description('nodes, storages, zones, as they are now')
    .action(
      withSession(async ({ connection, format }, name: string, options: { document?: boolean }) => {
        const seen = take(await connection.api.GET('/api/v1/sites/{name}', { params: { path: { name } } }));
        show(format, seen, () =>
          options.document
            ? seen.document.trimEnd()
            : [
                `${paint.bold(seen.name)} (${seen.domain}), ${seen.stacks} stacks`,
                ...seen.substrates.map((one) =>
                  [
                    `${one.name} ${one.endpoint} ${one.reachable ? paint.green('answers') : paint.red(safe(one.error ?? 'does not answer'))}`,
                    ...(one.presented ? [paint.red(`shows another certificate now: ${one.presented}`)] : []),
                    table(
                      ['NODE', 'ONLINE', 'CPUS', 'FREE MEMORY (MiB)'],
                      one.nodes.map((node) => [
                        node.name,
                        node.online ? 'yes' : 'no',
                        String(node.cpus),
                        `${node.freeMemoryMiB} of ${node.memoryMiB}`,
                      ]),
                    ),
                    table(
                      ['STORAGE', 'NODE', 'FREE (GiB)', 'TAKES'],
                      one.storages.map((storage) => [
                        storage.name,
                        storage.node ?? 'all',
                        `${storage.freeGiB} of ${storage.totalGiB}`,
                        storage.content.join(', '),
                      ]),
                    ),
                  ].join('\n'),
                ),
                table(
                  ['ZONE', 'BRIDGE', 'NETWORK'],
                  seen.zones.map((zone) => [
                    zone.name,
                    `${zone.bridge}${zone.vlan ? ` VLAN ${zone.vlan}` : ''}`,
                    zone.cidr,
                  ]),
                ),
              ].join('\n\n'),
        );
      }),
    );
  site
    .command('probe')
    .argument('<endpoint>', 'https://pve1.town.example:8006')
    .description('the certificate that a cluster shows; compare it on the node itself before you trust it')
    .action(
      withSession(async ({ connection, format }, endpoint: string) => {
        const shown = take(await connection.api.POST('/api/v1/sites/probe', { body: { endpoint } }));
        show(format, shown, () =>
          [
            shown.fingerprint,
            `${safe(shown.subject)}, valid until ${when(shown.validUntil)}`,
            'on the node: openssl x509 -in /etc/pve/local/pve-ssl.pem -noout -fingerprint -sha256',
          ].join('\n'),
        );
      }),
    );
  site
    .command('draft')
    .argument('<name>', 'name of the site')
    .requiredOption('--endpoint <url>', 'https://pve1.town.example:8006')
    .requiredOption('--fingerprint <sha256>', 'as the node itself tells it')
    .requiredOption('--credential <@file>', '@FILE or - (standard input) with user@realm!name=secret')
    .requiredOption('--domain <domain>')
    .requiredOption('--country <code>', 'two letters')
    .requiredOption('--admin-email <address>')
    .description('looks at a cluster and proposes a site document on standard output; keeps nothing')
    .action(
      withSession(
        async (
          { connection, format },
          name: string,
          options: {
            endpoint: string;
            fingerprint: string;
            credential: string;
            domain: string;
            country: string;
            adminEmail: string;
          },
        ) => {
          const { endpoint, fingerprint, domain, country, adminEmail } = options;
          const given = await credentials([`token=${options.credential}`]);
          const draft = take(
            await connection.api.POST('/api/v1/sites/draft', {
              body: { name, endpoint, fingerprint, domain, country, adminEmail, credential: given.token ?? '' },
            }),
          );
          for (const field of draft.open) note(`only you can know: ${field}`);
          show(format, draft, () => draft.document.trimEnd());
        },
      ),
    );
  site
    .command('repin')
    .argument('<site>')
    .argument('<substrate>')
    .requiredOption('--fingerprint <sha256>', 'of the new certificate, as the node itself tells it')
    .description('trust another certificate of a substrate, after a renewal')
    .action(
      withSession(async ({ connection, format }, name: string, substrate: string, options: { fingerprint: string }) => {
        const changed = take(
          await connection.api.POST('/api/v1/sites/{name}/repin', {
            params: { path: { name } },
            body: { substrate, fingerprint: options.fingerprint },
          }),
        );
        show(format, changed, () => `${changed.name}: ${substrate} is trusted by its new certificate`);
      }),
    );
  site
    .command('ca')
    .argument('<site>')
    .description('certificate of the site’s authority, for people’s machines')
    .action(
      withSession(async ({ connection }, name: string) => {
        const answer = await connection.api.GET('/api/v1/sites/{name}/ca-certificate', {
          params: { path: { name } },
          parseAs: 'text',
        });
        print(String(take(answer as never)).trimEnd());
      }),
    );
  addDomainCommand(site);
  program
    .command('doctor')
    .argument('[site]', 'site', 'demo')
    .description('what is missing, each with its remedy')
    .action(withSession((session, name: string) => examine(session, name)));
}
