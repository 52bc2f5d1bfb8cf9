import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { anonymous, Untrusted } from '../connection.js';
import type { GlobalOptions } from '../context.js';
import { EXIT, Failure, type ProblemBody, take } from '../failure.js';
import { note, safe } from '../output.js';
import { Prompt } from '../prompt.js';
import { writeSession } from '../session-file.js';
import { meet } from '../trust.js';

type Door = Awaited<ReturnType<typeof anonymous>>;
interface LogInOptions extends GlobalOptions {
  readonly browser?: boolean;
  readonly fingerprint?: string;
}

/** Signs in by password at the terminal, or by whatever way somebody has in a browser. */
export function addLogInCommand(program: Command): void {
  program
    .command('login')
    .argument('[name]', 'your name for signing in')
    .option('--browser', 'confirm in a browser: for passkeys and identity providers')
    .option('--fingerprint <sha256>', 'of the control plane’s authority, when it is not known here yet')
    .description('sign in as yourself; what you do carries your name from then on')
    .action(async (name: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<LogInOptions>();
      const door = await anonymous(options);
      const prompt = new Prompt();
      try {
        // Before anything is typed: a password must not be asked for on behalf of a stranger.
        await door.api.GET('/api/v1/session').catch((error: unknown) => {
          if (error instanceof Untrusted) return meet(door.url, prompt, options.fingerprint);
          throw error;
        });
        const person = options.browser ? await inBrowser(door) : await byPassword(door, prompt, name);
        note(`signed in at ${door.url} as ${safe(person)}`);
      } finally {
        prompt.close();
      }
    });
}

async function keep({ url }: Door, response: Response, csrfToken: string | undefined): Promise<void> {
  const cookie = /bastide_session=([^;]+)/.exec(response.headers.getSetCookie().join('\n'))?.[1];
  if (!cookie || !csrfToken) throw new Failure(EXIT.fault, 'the control plane gave no session');
  await writeSession({ url, cookie, csrfToken });
}

const problemOf = (answer: { error?: unknown }): ProblemBody | undefined => answer.error as ProblemBody | undefined;

async function byPassword(door: Door, prompt: Prompt, given: string | undefined): Promise<string> {
  const { api } = door;
  const name = given ?? (await prompt.ask('name'));
  const password = await prompt.ask('password', { hidden: true });
  let answer = await api.POST('/api/v1/session', { body: { name, password } });
  const problem = problemOf(answer);
  if (problem?.code === 'auth.second_factor') {
    const methods = problem.details?.['methods'];
    if (!Array.isArray(methods) || !methods.some((one) => one === 'totp' || one === 'recovery'))
      throw new Failure(EXIT.refused, 'your second factor is a passkey: sign in with bastide login --browser');
    const code = await prompt.ask(
      methods.includes('totp')
        ? 'code of your authenticator app'
        : 'recovery code (a passkey: bastide login --browser)',
    );
    answer = await api.POST('/api/v1/session', { body: { name, password, code } });
  }
  const session = take(answer);
  await keep(door, answer.response, session.csrfToken);
  return session.account?.displayName ?? name;
}

async function inBrowser(door: Door): Promise<string> {
  const { api } = door;
  const { deviceCode, userCode, url, expiresAt, intervalMs } = take(await api.POST('/api/v1/session/device'));
  note(`open ${safe(url)}\nand confirm the code ${userCode}`);
  while (Date.now() < expiresAt) {
    await delay(intervalMs);
    const answer = await api.POST('/api/v1/session/device/finish', { body: { deviceCode } });
    if (problemOf(answer)?.code === 'auth.pending') continue;
    const session = take(answer);
    await keep(door, answer.response, session.csrfToken);
    return session.displayName;
  }
  throw new Failure(EXIT.refused, 'nobody confirmed the code within ten minutes; begin again');
}
