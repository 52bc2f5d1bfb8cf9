import type { Command } from 'commander';
import { type Session, withSession } from '../context.js';
import { EXIT, take } from '../failure.js';
import { carryOut, type RunOptions, runOptions, showLinks } from './carry-out.js';

interface DomainOptions extends RunOptions {
  readonly keepValues?: boolean;
}

/** `bastide site domain town town.example`: one plan over all stacks of the site, then a question, then the run. */
export function addDomainCommand(site: Command): void {
  runOptions(
    site
      .command('domain')
      .argument('<site>')
      .argument('<domain>', 'the new one')
      .option('--keep-values', 'leave values as they are that were set by hand and name the old domain')
      .description(
        'give the site another domain: plan, ask, apply and follow; also finishes a change that was broken off',
      ),
  ).action(
    withSession(async (session, name: string, domain: string, options: DomainOptions) => {
      const plan = take(
        await session.connection.api.POST('/api/v1/sites/{name}/domain', {
          params: { path: { name } },
          body: { domain, rewrite: !options.keepValues },
        }),
      );
      const exit = await carryOut(session, plan, options);
      if (exit === EXIT.ok && session.format === 'text' && !options.detach) await links(session, name);
      return exit;
    }),
  );
}

async function links(session: Session, site: string): Promise<void> {
  const stacks = take(await session.connection.api.GET('/api/v1/stacks', { params: { query: { site } } }));
  for (const stack of stacks.filter(({ state }) => state === 'present')) await showLinks(session, stack);
}
