import { type Command, Option } from 'commander';
import { anonymous, Untrusted } from '../connection.js';
import { type GlobalOptions, type Session, withSession } from '../context.js';
import { EXIT, Failure, take } from '../failure.js';
import { note, safe, show, table, when } from '../output.js';
import { Prompt } from '../prompt.js';
import { forgetSession, writeSession } from '../session-file.js';
import { meet } from '../trust.js';

const ROLES = ['viewer', 'operator', 'author', 'admin'] as const;
const roleOption = (): Option => new Option('--role <role>', 'what it may do').choices(ROLES).makeOptionMandatory();
type Grant = { role: (typeof ROLES)[number]; site: string | null };
const grants = (roles: readonly Grant[]): string =>
  roles.map(({ role, site }) => `${role}@${site ?? 'every site'}`).join(', ');

async function accountNamed({ connection }: Session, name: string) {
  const account = take(await connection.api.GET('/api/v1/accounts')).find((one) => one.name === name);
  if (!account) throw new Failure(EXIT.refused, `there is no account ${name}; bastide account list shows them`);
  return account;
}

/** Who uses the control plane: people with their log-in, programs with their tokens. */
export function addAccountCommands(program: Command): void {
  addLogIn(program);
  addAccounts(program);
  addTokens(program);
}

function addLogIn(program: Command): void {
  program
    .command('login')
    .argument('[name]', 'your name for signing in')
    .option('--fingerprint <sha256>', 'of the control plane’s authority, when it is not known here yet')
    .description('sign in as yourself; what you do carries your name from then on')
    .action(async (given: string | undefined, options: { fingerprint?: string }, command: Command) => {
      const { api, url } = await anonymous(command.optsWithGlobals<GlobalOptions>());
      const prompt = new Prompt();
      try {
        // Before anything is typed: a password must not be asked for on behalf of a stranger.
        await api.GET('/api/v1/session').catch((error: unknown) => {
          if (error instanceof Untrusted) return meet(url, prompt, options.fingerprint);
          throw error;
        });
        const name = given ?? (await prompt.ask('name'));
        const password = await prompt.ask('password', { hidden: true });
        let answer = await api.POST('/api/v1/session', { body: { name, password } });
        if ((answer.error as { code?: string } | undefined)?.code === 'auth.second_factor') {
          const code = await prompt.ask('code of your authenticator app');
          answer = await api.POST('/api/v1/session', { body: { name, password, code } });
        }
        const session = take(answer);
        const cookie = /bastide_session=([^;]+)/.exec(answer.response.headers.getSetCookie().join('\n'))?.[1];
        if (!cookie || !session.csrfToken) throw new Failure(EXIT.fault, 'the control plane gave no session');
        await writeSession({ url, cookie, csrfToken: session.csrfToken });
        note(`signed in at ${url} as ${safe(session.account?.displayName ?? name)}`);
      } finally {
        prompt.close();
      }
    });
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
              one.twoFactor.totp ? 'app' : 'none',
              when(one.lastSeenAt),
              one.disabled ? 'disabled' : '',
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
