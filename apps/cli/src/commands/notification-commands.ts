import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { collect, type Session, withSession } from '../context.js';
import { EXIT, Failure, take } from '../failure.js';
import { note, paint, safe, show, table, when } from '../output.js';
import { Prompt } from '../prompt.js';

const LANGUAGES = ['en', 'de', 'fr'] as const;
const SEVERITIES = ['info', 'warning', 'error'] as const;
const SECURITIES = ['starttls', 'tls', 'none'] as const;

interface FilterOptions {
  readonly language: (typeof LANGUAGES)[number];
  readonly severity: (typeof SEVERITIES)[number];
  readonly site?: string[];
  readonly event?: string[];
  readonly receiverCa?: string;
}

const withFilter = (command: Command): Command =>
  command
    .addOption(new Option('--language <language>', 'of the texts').choices(LANGUAGES).default('en'))
    .addOption(new Option('--severity <severity>', 'nothing below it is told').choices(SEVERITIES).default('warning'))
    .option('--site <site>', 'only of this site; may be repeated (default: every site)', collect)
    .option('--event <kind>', 'only of this kind, such as run-failed; may be repeated (default: all)', collect)
    .option('--receiver-ca <file>', 'authority of the receiver’s certificate, PEM');

const fields = async (options: FilterOptions) => ({
  language: options.language,
  severity: options.severity,
  sites: options.site ?? [],
  kinds: (options.event ?? []) as never[],
  ...(options.receiverCa ? { ca: await readFile(options.receiverCa, 'utf8') } : {}),
});

async function targetNamed({ connection }: Session, name: string) {
  const target = take(await connection.api.GET('/api/v1/notifications/targets')).find((one) => one.name === name);
  if (!target)
    throw new Failure(EXIT.refused, `there is no notification target ${name}; bastide notification list shows them`);
  return target;
}

/** `@FILE` or `-` (standard input, asked for at a terminal); never the value itself, which others could see. */
async function secretFrom(given: string | undefined, question: string): Promise<string | undefined> {
  if (given === undefined) return undefined;
  if (given.startsWith('@')) return (await readFile(given.slice(1), 'utf8')).replace(/\r?\n$/, '');
  if (given !== '-')
    throw new Failure(
      EXIT.usage,
      `${question}: give @FILE or - (standard input): others could see it on the command line`,
    );
  const prompt = new Prompt();
  try {
    return await prompt.ask(question, { hidden: true });
  } finally {
    prompt.close();
  }
}

/** Who hears of what goes wrong. */
export function addNotificationCommands(program: Command): void {
  const notification = program.command('notification').description('who hears of what happens, by mail or webhook');
  addLists(notification);
  addMaking(notification);
  addSteering(notification);
}

function addLists(notification: Command): void {
  notification
    .command('list')
    .description('targets and what became of their newest message')
    .action(
      withSession(async ({ connection, format }) => {
        const all = take(await connection.api.GET('/api/v1/notifications/targets'));
        show(format, all, () =>
          table(
            ['NAME', 'TO', 'FROM SEVERITY', 'SITES', 'LAST MESSAGE', ''],
            all.map((one) => [
              one.name,
              one.mail ? one.mail.recipients.join(', ') : (one.webhook?.url ?? ''),
              one.severity,
              one.sites.join(', ') || 'every site',
              one.latest ? `${when(one.latest.createdAt)} ${one.latest.state}` : 'none',
              one.paused ? 'paused' : '',
            ]),
          ),
        );
      }),
    );
  notification
    .command('deliveries')
    .option('--limit <rows>', 'how many', '20')
    .description('messages and what became of them, newest first')
    .action(
      withSession(async ({ connection, format }, options: { limit: string }) => {
        const query = { limit: Number(options.limit) };
        const rows = take(await connection.api.GET('/api/v1/notifications/deliveries', { params: { query } }));
        show(format, rows, () =>
          table(
            ['WHEN', 'TARGET', 'ABOUT', 'STATE', 'TRIES', 'ANSWER'],
            rows.map((row) => [
              when(row.createdAt),
              row.recipient ?? row.targetName,
              row.subject,
              row.state,
              String(row.attempts),
              row.answer ?? '',
            ]),
          ),
        );
      }),
    );
}

function addMaking(notification: Command): void {
  withFilter(notification.command('add-mail'))
    .argument('<name>', 'what the target is called')
    .requiredOption('--host <host>', 'mail server')
    .option('--port <port>', 'its port (default: 587, for tls 465, for none 25)')
    .addOption(new Option('--security <kind>').choices(SECURITIES).default('starttls'))
    .option('--user <user>', 'name at the mail server')
    .option('--password <from>', '@FILE, or - for standard input')
    .requiredOption('--from <address>', 'sender')
    .requiredOption('--to <address>', 'recipient; may be repeated', collect)
    .description('tell by mail')
    .action(
      withSession(async ({ connection, format }, name: string, options: MailOptions) => {
        const { ca, ...filter } = await fields(options);
        const password = await secretFrom(options.password, 'password at the mail server');
        const made = take(
          await connection.api.POST('/api/v1/notifications/targets', {
            body: {
              name,
              kind: 'mail',
              ...filter,
              mail: {
                host: options.host,
                port: Number(options.port ?? { starttls: 587, tls: 465, none: 25 }[options.security]),
                security: options.security,
                ...(options.user ? { user: options.user } : {}),
                ...(password === undefined ? {} : { password }),
                sender: options.from,
                recipients: options.to,
                ...(ca ? { ca } : {}),
              },
            },
          }),
        );
        show(format, made, () => `${safe(made.name)} is set up; bastide notification test ${safe(made.name)} tries it`);
      }),
    );
  withFilter(notification.command('add-webhook'))
    .argument('<name>', 'what the target is called')
    .requiredOption('--to <url>', 'address that takes JSON by POST')
    .option('--private', 'private and loopback addresses may be reached, these by plain http too', false)
    .option('--signing-key <from>', 'key of the signatures: @FILE, or - for standard input (default: one is made up)')
    .description('tell by POST of signed JSON')
    .action(
      withSession(async ({ connection, format }, name: string, options: WebhookOptions) => {
        const { ca, ...filter } = await fields(options);
        const signingKey = await secretFrom(options.signingKey, 'key of the signatures');
        const made = take(
          await connection.api.POST('/api/v1/notifications/targets', {
            body: {
              name,
              kind: 'webhook',
              ...filter,
              webhook: {
                url: options.to,
                privateAddresses: options.private,
                ...(signingKey === undefined ? {} : { signingKey }),
                ...(ca ? { ca } : {}),
              },
            },
          }),
        );
        show(format, made, () =>
          made.signingKey
            ? `${safe(made.name)} signs with ${made.signingKey}, which is not shown again`
            : `${safe(made.name)} is set up`,
        );
      }),
    );
}

interface MailOptions extends FilterOptions {
  readonly host: string;
  readonly port?: string;
  readonly security: (typeof SECURITIES)[number];
  readonly user?: string;
  readonly password?: string;
  readonly from: string;
  readonly to: string[];
}

interface WebhookOptions extends FilterOptions {
  readonly to: string;
  readonly private: boolean;
  readonly signingKey?: string;
}

function addSteering(notification: Command): void {
  notification
    .command('test')
    .argument('<name>')
    .description('send a test now; exit code 4 when it does not arrive')
    .action(
      withSession(async (session, name: string) => {
        const { id } = await targetNamed(session, name);
        const params = { path: { id } };
        const result = take(await session.connection.api.POST('/api/v1/notifications/targets/{id}/test', { params }));
        show(session.format, result, () =>
          result.ok
            ? `${paint.green('taken')}: ${safe(result.answer)}`
            : `${paint.red('not delivered')}: ${safe(result.answer)}\n${paint.green('way out')}: ${safe(result.remedy ?? '')}`,
        );
        return result.ok ? EXIT.ok : EXIT.runFailed;
      }),
    );
  for (const [verb, path, text, done] of [
    ['pause', '/api/v1/notifications/targets/{id}/pause', 'tell nothing until it is resumed', 'is paused'],
    ['resume', '/api/v1/notifications/targets/{id}/resume', 'tell again', 'is told again'],
  ] as const) {
    notification
      .command(verb)
      .argument('<name>')
      .description(text)
      .action(
        withSession(async (session, name: string) => {
          const { id } = await targetNamed(session, name);
          const changed = take(await session.connection.api.POST(path, { params: { path: { id } } }));
          show(session.format, changed, () => `${safe(name)} ${done}`);
        }),
      );
  }
  notification
    .command('remove')
    .argument('<name>')
    .description('remove a target with its secret and its deliveries')
    .action(
      withSession(async (session, name: string) => {
        const { id } = await targetNamed(session, name);
        take(await session.connection.api.DELETE('/api/v1/notifications/targets/{id}', { params: { path: { id } } }));
        if (session.format === 'text') note(`${safe(name)} is removed`);
        else show(session.format, { removed: name }, () => '');
      }),
    );
}
