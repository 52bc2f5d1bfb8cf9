import type { Command } from 'commander';
import type { components } from '../../../../docs/reference/openapi.js';
import { collect, nestedPairs, pairs, type Session, withSession } from '../context.js';
import { EXIT, Failure, take } from '../failure.js';
import { follow } from '../follow.js';
import { paint, safe, show, table, when } from '../output.js';
import { carryOut, hasErrors, type Plan, type RunOptions, runOptions, showLinks } from './carry-out.js';
import { addDriftCommands } from './drift-commands.js';
import { findStack, stackOrFail } from './find-stack.js';
import { addStackViews } from './stack-views.js';

type GuestSize = components['schemas']['GuestSizeRequestDto'];

interface WantedOptions extends RunOptions {
  site: string;
  name?: string;
  set?: string[];
  config?: string[];
  component?: string[];
  size?: string;
  resize?: string[];
  move?: string[];
  rotate?: string[];
}

const wantedOptions = (command: Command): Command =>
  command
    .option('--site <name>', 'site to install on', 'demo')
    .option('--name <name>', 'name of the stack (default: the blueprint’s)')
    .option('--set <parameter=value>', 'parameter of the blueprint', collect)
    .option('--config <instance.field=value>', 'config of one instance', collect)
    .option('--component <name=on|off>', 'switch a component on or off', collect)
    .option('--size <size>', 'small, medium, large')
    .option(
      '--resize <instance.guest.field=value>',
      'one guest’s cpus, memory (MiB), disk (GiB) or volume.NAME (GiB)',
      collect,
    )
    .option('--move <instance.guest=node>', 'take a guest to another node', collect)
    .option('--rotate <instance.secret>', 'make a secret, or those of a requirement, anew', collect);

async function makePlan(session: Session, target: string, options: WantedOptions, remove = false): Promise<Plan> {
  const existing = await findStack(session, options.site, options.name ?? target);
  const components = Object.fromEntries(
    Object.entries(pairs(options.component)).map(([name, value]) => [name, value === 'on' || value === true]),
  );
  return take(
    await session.connection.api.POST('/api/v1/plans', {
      body: {
        site: options.site,
        stack: options.name ?? existing?.name ?? target,
        ...(existing && existing.name === target ? {} : { blueprint: target }),
        ...(remove ? { remove: true, blueprint: undefined } : {}),
        ...(options.set ? { parameters: pairs(options.set) } : {}),
        ...(options.config ? { config: nestedPairs(options.config) } : {}),
        ...(options.component ? { components } : {}),
        ...(options.size ? { size: options.size } : {}),
        ...(options.resize ? { guests: guestSizes(options.resize) } : {}),
        ...(options.move
          ? { move: Object.entries(pairs(options.move)).map(([guest, node]) => ({ guest, node: String(node) })) }
          : {}),
        ...(options.rotate ? { rotate: options.rotate } : {}),
      },
    }),
  );
}

/** `wiki.app.memory=2048`, `wiki.app.volume.data=40`: as the API takes it, one entry per guest. */
function guestSizes(values: readonly string[]): GuestSize[] {
  const sizes = new Map<string, GuestSize>();
  for (const [key, value] of Object.entries(pairs(values))) {
    const [instance, name, field, volume] = key.split('.');
    const guest = `${instance}.${name}`;
    const size = sizes.get(guest) ?? { guest };
    if (!Number.isInteger(value)) throw new Failure(EXIT.usage, `${key}: ${String(value)} is no whole number`);
    const number = value as number;
    if (field === 'cpus') size.cpus = number;
    else if (field === 'memory') size.memoryMiB = number;
    else if (field === 'disk') size.diskGiB = number;
    else if (field === 'volume' && volume) size.volumes = [...(size.volumes ?? []), { name: volume, sizeGiB: number }];
    else throw new Failure(EXIT.usage, `${key} is none of instance.guest.cpus, .memory, .disk and .volume.NAME`);
    sizes.set(guest, size);
  }
  return [...sizes.values()];
}

export function addStackCommands(program: Command): void {
  wantedOptions(
    program.command('plan').argument('<blueprint or stack>').description('show what would be done; changes nothing'),
  ).action(
    withSession(async (session, target: string, options: WantedOptions) => {
      const plan = await makePlan(session, target, options);
      show(session.format, plan, () => safe(plan.text));
      return hasErrors(plan) ? EXIT.refused : EXIT.ok;
    }),
  );
  runOptions(
    wantedOptions(
      program.command('install').argument('<blueprint or stack>').description('plan, ask, apply and follow'),
    ),
  ).action(
    withSession(async (session, target: string, options: WantedOptions) => {
      const exit = await carryOut(session, await makePlan(session, target, options), options);
      if (exit === EXIT.ok && session.format === 'text' && !options.detach)
        await showLinks(session, await findStack(session, options.site, options.name ?? target));
      return exit;
    }),
  );
  program
    .command('apply')
    .argument('<plan>')
    .requiredOption('--hash <hash>', 'the hash of the plan that was reviewed')
    .option('--detach', 'start the run and return')
    .option('--logs', 'show every log line')
    .description('apply a reviewed plan')
    .action(
      withSession(
        async ({ connection, format }, id: string, options: { hash: string; detach?: boolean; logs?: boolean }) => {
          const run = take(
            await connection.api.POST('/api/v1/plans/{id}/apply', {
              params: { path: { id } },
              body: { hash: options.hash },
            }),
          );
          if (!options.detach) return follow(connection, run.id, { format, logs: options.logs ?? false });
          show(format, run, () => `started ${run.id}`);
          return EXIT.ok;
        },
      ),
    );

  const stack = program.command('stack').description('installed stacks');
  addStackViews(stack);
  addDriftCommands(stack);
  stack
    .command('list')
    .option('--all', 'removed ones too')
    .description('stacks of all sites')
    .action(
      withSession(async ({ connection, format }, options: { all?: boolean }) => {
        const stacks = take(await connection.api.GET('/api/v1/stacks', { params: { query: {} } })).filter(
          (entry) => options.all || entry.state !== 'removed',
        );
        show(format, stacks, () =>
          table(
            ['NAME', 'SITE', 'BLUEPRINT', 'STATE', 'LATEST RUN', 'ID'],
            stacks.map((entry) => [
              entry.name,
              entry.site,
              `${entry.blueprint} ${entry.blueprintVersion}`,
              entry.state,
              entry.latestRun
                ? `${entry.latestRun.operation} ${entry.latestRun.state} ${when(entry.latestRun.createdAt)}`
                : '–',
              entry.id,
            ]),
          ),
        );
      }),
    );
  stack
    .command('show')
    .argument('<stack>')
    .option('--site <name>', 'site', 'demo')
    .description('instances, guests, links')
    .action(
      withSession(async (session, name: string, options: { site: string }) => {
        const { id } = await stackOrFail(session, options.site, name);
        const view = take(await session.connection.api.GET('/api/v1/stacks/{id}', { params: { path: { id } } }));
        show(session.format, view, () =>
          [
            `${paint.bold(view.stack.name)} on ${view.stack.site} (${view.domain}), ${view.stack.blueprint} ${view.stack.blueprintVersion}, ${view.stack.state}`,
            '',
            table(
              ['INSTANCE', 'MODULE', 'VERSION', 'READY', 'GUESTS'],
              view.instances.map((entry) => [
                entry.name,
                entry.module,
                `${entry.version} (${entry.appVersion})`,
                entry.ready ? 'yes' : 'no',
                entry.guests
                  .map((guest) => `${guest.hostname} ${guest.address} ${guest.node}/${guest.vmid}`)
                  .join(', '),
              ]),
            ),
            '',
            table(
              ['LINK', 'URL'],
              view.links.map((link) => [link.title, link.url]),
            ),
            ...(view.unfinished.length === 0
              ? []
              : [
                  '',
                  table(
                    ['UNFINISHED', 'IDS', 'SUBSTRATE'],
                    view.unfinished.map((guest) => [guest.hostname, guest.vmids.join(', '), guest.substrate]),
                  ),
                  'What is left of them is cleared by the next plan of this stack, a removal too.',
                ]),
          ].join('\n'),
        );
      }),
    );
  stack
    .command('credentials')
    .argument('<stack>')
    .option('--site <name>', 'site', 'demo')
    .description('first passwords made for the admin')
    .action(
      withSession(async (session, name: string, options: { site: string }) => {
        const { id } = await stackOrFail(session, options.site, name);
        const found = take(
          await session.connection.api.POST('/api/v1/stacks/{id}/credentials', { params: { path: { id } } }),
        );
        show(session.format, found, () =>
          table(
            ['INSTANCE', 'WHAT', 'VALUE'],
            found.map((entry) => [entry.instance, entry.name, entry.value]),
          ),
        );
      }),
    );
  stack
    .command('check')
    .argument('<stack>')
    .option('--site <name>', 'site', 'demo')
    .description('run every module’s own check now')
    .action(
      withSession(async (session, name: string, options: { site: string }) => {
        const { id } = await stackOrFail(session, options.site, name);
        const results = take(
          await session.connection.api.POST('/api/v1/stacks/{id}/check', { params: { path: { id } } }),
        );
        show(session.format, results, () =>
          table(
            ['INSTANCE', 'GUEST', 'HEALTH', 'WHY'],
            results.map((entry) => [
              entry.instance,
              entry.guest,
              entry.healthy ? paint.green('healthy') : paint.red('sick'),
              entry.healthy ? '' : (entry.error ?? entry.tail.at(-1) ?? ''),
            ]),
          ),
        );
        return results.every((entry) => entry.healthy) ? EXIT.ok : EXIT.runFailed;
      }),
    );
  for (const [verb, archive, about] of [
    ['archive', true, 'stop its guests and keep all of it'],
    ['wake', false, 'start an archived stack again'],
  ] as const)
    runOptions(
      stack.command(verb).argument('<stack>').option('--site <name>', 'site', 'demo').description(about),
    ).action(
      withSession(async (session, name: string, options: WantedOptions) => {
        const found = await stackOrFail(session, options.site, name);
        const body = { site: found.site, stack: found.name, ...(archive ? { archive } : {}) };
        return carryOut(session, take(await session.connection.api.POST('/api/v1/plans', { body })), options);
      }),
    );
  runOptions(
    stack
      .command('remove')
      .argument('<stack>')
      .option('--site <name>', 'site', 'demo')
      .description('remove a stack and everything it made'),
  ).action(
    withSession(async (session, name: string, options: WantedOptions) => {
      // One whose removal failed is in no list any more; the control plane knows whether something of it is left.
      const found = await findStack(session, options.site, name);
      const { name: stack = name, site = options.site } = found ?? {};
      return carryOut(session, await makePlan(session, stack, { site }, true), options);
    }),
  );
}
