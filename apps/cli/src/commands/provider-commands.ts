import { readFile } from 'node:fs/promises';
import { text as wholeOf } from 'node:stream/consumers';
import type { Command } from 'commander';
import { collect, type Session, withSession } from '../context.js';
import { EXIT, Failure, take } from '../failure.js';
import { paint, safe, show, table } from '../output.js';

const ROLES = ['viewer', 'operator', 'author', 'admin'] as const;
type Mapping = { group: string; role: (typeof ROLES)[number]; site: string | null };

interface ProviderOptions {
  readonly name?: string;
  readonly issuer?: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly scopes?: string;
  readonly groupsClaim?: string;
  readonly map?: string[];
  readonly ca?: string;
  readonly strangers?: 'on' | 'off';
}

async function providerNamed({ connection }: Session, name: string) {
  const { providers } = take(await connection.api.GET('/api/v1/identity-providers'));
  const found = providers.find((one) => one.name === name || one.id === name);
  if (!found) throw new Failure(EXIT.refused, `there is no provider ${safe(name)}; bastide provider list shows them`);
  return found;
}

/** `group=role` or `group=role@site`. */
function mapping(text: string): Mapping {
  const [, group, role, site] = /^(.+)=(\w+)(?:@([a-z][a-z0-9-]*))?$/.exec(text) ?? [];
  const known = ROLES.find((one) => one === role);
  if (!group || !known) throw new Failure(EXIT.usage, `--map ${text} is not of the form group=role or group=role@site`);
  return { group, role: known, site: site ?? null };
}

/** A value on a command line is seen by everybody on the machine, so it comes from a file or standard input. */
async function secretFrom(given: string): Promise<string> {
  if (given === '-') return (await wholeOf(process.stdin)).trim();
  if (!given.startsWith('@')) throw new Failure(EXIT.usage, '--client-secret takes @FILE, or - for standard input');
  return (await fileAt(given.slice(1))).trim();
}

const fileAt = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch(() => {
    throw new Failure(EXIT.usage, `${path} cannot be read`);
  });

async function bodyOf(options: ProviderOptions) {
  const { name, issuer, clientId, scopes, groupsClaim, strangers } = options;
  return {
    ...(name === undefined ? {} : { name }),
    ...(issuer === undefined ? {} : { issuer }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(options.clientSecret === undefined ? {} : { clientSecret: await secretFrom(options.clientSecret) }),
    ...(scopes === undefined ? {} : { scopes: scopes.split(/[\s,]+/).filter(Boolean) }),
    ...(groupsClaim === undefined ? {} : { groupsClaim }),
    ...(options.map === undefined ? {} : { mappings: options.map.map(mapping) }),
    ...(options.ca === undefined ? {} : { caCertificate: options.ca === '' ? null : await fileAt(options.ca) }),
    ...(strangers === undefined ? {} : { admitsUnknown: strangers === 'on' }),
  };
}

const settings = (command: Command): Command =>
  command
    .option('--issuer <url>', 'as the provider writes it')
    .option('--client-id <id>')
    .option('--client-secret <source>', '@FILE, or - for standard input')
    .option('--scopes <scopes>', 'default: openid,profile,email,groups')
    .option('--groups-claim <claim>', 'default: groups')
    .option('--map <group=role>', 'members of the group get the role; group=role@site for one site', collect)
    .option('--ca <file>', 'certificate of its authority, PEM; empty takes it away')
    .option('--strangers <on|off>', 'whether new people get an account, where a group gives them a role');

/** Identity providers, through which people sign in. */
export function addProviderCommands(program: Command): void {
  const provider = program.command('provider').description('identity providers that people sign in through');
  provider
    .command('list')
    .description('all of them, and the redirect address to register there')
    .action(
      withSession(async ({ connection, format }) => {
        const all = take(await connection.api.GET('/api/v1/identity-providers'));
        show(format, all, () =>
          [
            table(
              ['NAME', 'ISSUER', 'CLIENT', 'ROLES', ''],
              all.providers.map((one) => [
                one.name,
                one.issuer,
                one.clientId,
                one.mappings.map(({ group, role, site }) => `${group}=${role}${site ? `@${site}` : ''}`).join(', '),
                one.enabled ? '' : 'off',
              ]),
            ),
            '',
            ...all.providers.flatMap(({ name, backChannelLogoutUri: uri }) =>
              uri ? [`back-channel logout address of ${name}: ${uri}`] : [],
            ),
            all.redirectUri ? `redirect address: ${all.redirectUri}` : paint.yellow(safe(all.problem ?? '')),
          ].join('\n'),
        );
      }),
    );
  settings(provider.command('add').argument('<name>', 'on the button of the log-in page'))
    .option('--stack <stack>', 'id of the stack that binds this control plane to an identity module')
    .description('let people sign in through it')
    .action(
      withSession(async ({ connection, format }, name: string, options: ProviderOptions & { stack?: string }) => {
        const { stack } = options;
        const body = { ...(await bodyOf(options)), name, ...(stack === undefined ? {} : { stack }) };
        const made = take(await connection.api.POST('/api/v1/identity-providers', { body }));
        show(format, made, () => `${safe(made.name)} is added; bastide provider test tells whether it works`);
      }),
    );
  settings(provider.command('change').argument('<name>'))
    .option('--name <name>', 'another name for the button')
    .description('what is left out stays as it is')
    .action(
      withSession(async (session, name: string, options: ProviderOptions) => {
        const { id } = await providerNamed(session, name);
        const changed = take(
          await session.connection.api.PATCH('/api/v1/identity-providers/{id}', {
            params: { path: { id } },
            body: await bodyOf(options),
          }),
        );
        show(session.format, changed, () => `${safe(changed.name)} is changed`);
      }),
    );
  for (const [verb, enabled] of [
    ['disable', false],
    ['enable', true],
  ] as const) {
    provider
      .command(verb)
      .argument('<name>')
      .description(enabled ? 'let people in through it again' : 'let nobody in through it, and sign out who came')
      .action(
        withSession(async (session, name: string) => {
          const { id } = await providerNamed(session, name);
          const changed = take(
            await session.connection.api.PATCH('/api/v1/identity-providers/{id}', {
              params: { path: { id } },
              body: { enabled },
            }),
          );
          show(session.format, changed, () => `${safe(changed.name)} is ${enabled ? 'on' : 'off'}`);
        }),
      );
  }
  provider
    .command('test')
    .argument('<name>')
    .description('look at it and ask whether it knows the client; exit code 3 when something is wrong')
    .action(
      withSession(async (session, name: string) => {
        const { id } = await providerNamed(session, name);
        const findings = take(
          await session.connection.api.POST('/api/v1/identity-providers/{id}/test', { params: { path: { id } } }),
        );
        show(session.format, findings, () =>
          findings
            .map(({ level, message, remedy }) => `${level}: ${safe(message)}${remedy ? ` ${safe(remedy)}` : ''}`)
            .join('\n'),
        );
        return findings.some(({ level }) => level === 'error') ? EXIT.refused : EXIT.ok;
      }),
    );
  provider
    .command('remove')
    .argument('<name>')
    .description('nobody signs in through it any more; accounts that came from it stay')
    .action(
      withSession(async (session, name: string) => {
        const { id } = await providerNamed(session, name);
        take(await session.connection.api.DELETE('/api/v1/identity-providers/{id}', { params: { path: { id } } }));
        show(session.format, { removed: name }, () => `${safe(name)} is removed`);
      }),
    );
}
