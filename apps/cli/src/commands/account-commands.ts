import { type Command, Option } from 'commander';
import { type Session, withSession } from '../context.js';
import { EXIT, Failure, take } from '../failure.js';
import { note, safe, show, table, when } from '../output.js';
import { forgetSession } from '../session-file.js';
import { addLogInCommand } from './log-in-command.js';

const ROLES = ['viewer', 'operator', 'author', 'admin'] as const;
const roleOption = (): Option => new Option('--role <role>', 'what it may do').choices(ROLES).makeOptionMandatory();
type Grant = { role: (typeof ROLES)[number]; site: string | null };
const grants = (roles: readonly Grant[]): string =>
  roles.map(({ role, site }) => `${role}@${site ?? 'every site'}`).join(', ');

const factorsOf = ({ totp, passkeys }: { totp: boolean; passkeys: number }): string =>
  [...(totp ? ['app'] : []), ...(passkeys > 0 ? [`${passkeys} passkeys`] : [])].join(', ') || 'none';

async function accountNamed({ connection }: Session, name: string) {
  const account = take(await connection.api.GET('/api/v1/accounts')).find((one) => one.name === name);
  if (!account) throw new Failure(EXIT.refused, `there is no account ${name}; bastide account list shows them`);
  return account;
}

/** Who uses the control plane: people with their log-in, programs with their tokens. */
export function addAccountCommands(program: Command): void {
  addLogInCommand(program);
  addSession(program);
  addAccounts(program);
  addTokens(program);
}

function addSession(program: Command): void {
  program
    .command('logout')
    .description('end your session')
    .action(
      withSession(async ({ connection }) => {
        if (!connection.person) throw new Failure(EXIT.refused, 'you are not signed in here');
        take(await connection.api.DELETE('/api/v1/session'));
        await forgetSession();
        note('signed out');
      }),
    );
  program
    .command('whoami')
    .description('who you are to the control plane')
    .action(
      withSession(async ({ connection, format }) => {
        const { account } = take(await connection.api.GET('/api/v1/session'));
        show(format, account ?? { name: 'token' }, () =>
          account
            ? `${safe(account.displayName)} (${account.name}): ${grants(account.roles)}`
            : 'a token; bastide login signs you in as yourself',
        );
      }),
    );
}

function addAccounts(program: Command): void {
  const account = program.command('account').description('people and what they may do');
  account
    .command('list')
    .description('all accounts')
    .action(
      withSession(async ({ connection, format }) => {
        const all = take(await connection.api.GET('/api/v1/accounts'));
        show(format, all, () =>
          table(
            ['NAME', 'PERSON', 'ROLES', 'SECOND FACTOR', 'LAST SEEN', ''],
            all.map((one) => [
              one.name,
              one.displayName,
              grants(one.roles),
              factorsOf(one.twoFactor),
              when(one.lastSeenAt),
              [one.disabled ? 'disabled' : '', one.origin ? 'from a provider' : ''].filter(Boolean).join(', '),
            ]),
          ),
        );
      }),
    );
  account
    .command('create')
    .argument('<name>', 'name for signing in')
    .requiredOption('--person <name>', 'the person’s own name')
    .option('--email <address>')
    .addOption(roleOption())
    .option('--site <site>', 'where the role holds (default: every site)')
    .description('a new account; its first password is shown once')
    .action(
      withSession(
        async (
          { connection, format },
          name: string,
          options: { person: string; email?: string; role: Grant['role']; site?: string },
        ) => {
          const made = take(
            await connection.api.POST('/api/v1/accounts', {
              body: {
                name,
                displayName: options.person,
                ...(options.email ? { email: options.email } : {}),
                roles: [{ role: options.role, site: options.site ?? null }],
              },
            }),
          );
          show(format, made, () => `${made.name} has the first password ${made.temporaryPassword ?? ''}`);
        },
      ),
    );
  account
    .command('role')
    .argument('<name>')
    .addOption(roleOption())
    .option('--site <site>', 'where it holds (default: every site)')
    .description('give an account this role in place of those it has')
    .action(
      withSession(async (session, name: string, options: { role: Grant['role']; site?: string }) => {
        const { id } = await accountNamed(session, name);
        const changed = take(
          await session.connection.api.PATCH('/api/v1/accounts/{id}', {
            params: { path: { id } },
            body: { roles: [{ role: options.role, site: options.site ?? null }] },
          }),
        );
        show(session.format, changed, () => `${changed.name}: ${grants(changed.roles)}`);
      }),
    );
  for (const [verb, disabled] of [
    ['disable', true],
    ['enable', false],
  ] as const) {
    account
      .command(verb)
      .argument('<name>')
      .description(disabled ? 'sign out everywhere and let in no more' : 'let in again')
      .action(
        withSession(async (session, name: string) => {
          const { id } = await accountNamed(session, name);
          const changed = take(
            await session.connection.api.PATCH('/api/v1/accounts/{id}', {
              params: { path: { id } },
              body: { disabled },
            }),
          );
          show(session.format, changed, () => `${changed.name} is ${disabled ? 'disabled' : 'enabled'}`);
        }),
      );
  }
  account
    .command('reset-password')
    .argument('<name>')
    .description('a new password, shown once; takes the second factor away')
    .action(
      withSession(async (session, name: string) => {
        const { id } = await accountNamed(session, name);
        const reset = take(
          await session.connection.api.POST('/api/v1/accounts/{id}/password-reset', { params: { path: { id } } }),
        );
        show(session.format, reset, () => `${name} has the password ${reset.temporaryPassword}`);
      }),
    );
  account
    .command('passkeys')
    .argument('<name>')
    .description('the passkeys of an account')
    .action(
      withSession(async (session, name: string) => {
        const { id } = await accountNamed(session, name);
        const all = take(
          await session.connection.api.GET('/api/v1/accounts/{id}/passkeys', { params: { path: { id } } }),
        );
        show(session.format, all, () =>
          table(
            ['NAME', 'WORKS AT', 'MADE', 'LAST USED'],
            all.map((one) => [one.name, one.rpId, when(one.createdAt), when(one.lastUsedAt)]),
          ),
        );
      }),
    );
  account
    .command('take')
    .argument('<name>')
    .option('--passkey <passkey>', 'a passkey, by what its owner calls it')
    .option('--authenticator', 'the authenticator app')
    .description('take away a second factor that somebody lost')
    .action(
      withSession(async (session, name: string, options: { passkey?: string; authenticator?: boolean }) => {
        if (options.passkey === undefined && !options.authenticator)
          throw new Failure(EXIT.usage, 'say which: --passkey <passkey> or --authenticator');
        const { api } = session.connection;
        const { id } = await accountNamed(session, name);
        if (options.authenticator) take(await api.DELETE('/api/v1/accounts/{id}/totp', { params: { path: { id } } }));
        if (options.passkey !== undefined) {
          const all = take(await api.GET('/api/v1/accounts/{id}/passkeys', { params: { path: { id } } }));
          const found = all.filter((one) => one.name === options.passkey);
          if (!found[0]) throw new Failure(EXIT.refused, `${name} has no passkey ${safe(options.passkey)}`);
          for (const { id: passkey } of found)
            take(await api.DELETE('/api/v1/accounts/{id}/passkeys/{passkey}', { params: { path: { id, passkey } } }));
        }
        show(session.format, { taken: name }, () => `${name} has it no more`);
      }),
    );
  account
    .command('remove')
    .argument('<name>')
    .description('remove an account; what it did stays in the audit')
    .action(
      withSession(async (session, name: string) => {
        const { id } = await accountNamed(session, name);
        take(await session.connection.api.DELETE('/api/v1/accounts/{id}', { params: { path: { id } } }));
        show(session.format, { removed: name }, () => `${name} is removed`);
      }),
    );
}

function addTokens(program: Command): void {
  const token = program.command('token').description('API tokens, for programs');
  token
    .command('list')
    .description('all tokens; their values are shown nowhere')
    .action(
      withSession(async ({ connection, format }) => {
        const all = take(await connection.api.GET('/api/v1/tokens'));
        show(format, all, () =>
          table(
            ['NAME', 'ROLE', 'UNTIL', 'LAST USED', 'BY'],
            all.map((one) => [one.name, grants([one as Grant]), when(one.expiresAt), when(one.lastUsedAt), one.by]),
          ),
        );
      }),
    );
  token
    .command('create')
    .argument('<name>')
    .addOption(roleOption())
    .option('--site <site>', 'where it holds (default: every site)')
    .option('--days <days>', 'how long it is valid', '90')
    .description('a new token; its value is shown once')
    .action(
      withSession(
        async ({ connection, format }, name: string, options: { role: Grant['role']; site?: string; days: string }) => {
          const days = Number(options.days);
          if (!(days > 0)) throw new Failure(EXIT.usage, `--days ${options.days} is no number of days`);
          const made = take(
            await connection.api.POST('/api/v1/tokens', {
              body: {
                name,
                role: options.role,
                ...(options.site ? { site: options.site } : {}),
                expiresAt: Date.now() + days * 86_400_000,
              },
            }),
          );
          show(format, made, () => made.token);
        },
      ),
    );
  token
    .command('remove')
    .argument('<name>')
    .description('revoke a token, at once')
    .action(
      withSession(async ({ connection, format }, name: string) => {
        const found = take(await connection.api.GET('/api/v1/tokens')).filter((one) => one.name === name);
        if (!found[0]) throw new Failure(EXIT.refused, `there is no token ${name}; bastide token list shows them`);
        for (const { id } of found)
          take(await connection.api.DELETE('/api/v1/tokens/{id}', { params: { path: { id } } }));
        show(format, { removed: name }, () => `${name} is revoked`);
      }),
    );
}
