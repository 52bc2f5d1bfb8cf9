import { type Command, Option } from 'commander';
import type { components } from '../../../../docs/reference/openapi.js';
import { type Session, withSession } from '../context.js';
import { EXIT, Failure, take } from '../failure.js';
import { note, paint, print, safe, show, table, when } from '../output.js';
import { carryOut, type RunOptions, runOptions } from './carry-out.js';
import { stackOrFail } from './find-stack.js';

type Guest = components['schemas']['LiveGuestDto'];
type Drift = components['schemas']['DriftDto'];

const siteOption = (): Option => new Option('--site <name>', 'site').default('demo');
const WHAT = '<instance.guest.field>';

/** What was changed by hand, and the three answers to it. */
export function addDriftCommands(stack: Command): void {
  const drift = stack.command('drift').description('what was changed by hand past the control plane');
  drift
    .command('list', { isDefault: true })
    .argument('<stack>')
    .addOption(siteOption())
    .description('differences between the record and the world, and what was said about them')
    .action(
      withSession(async (session, name: string, options: { site: string }) => {
        const { id } = await stackOrFail(session, options.site, name);
        const guests = await look(session, id);
        const rows = guests.flatMap((guest) => guest.drift.map((one) => ({ guest: nameOf(guest), ...one })));
        show(session.format, rows, () =>
          rows.length === 0
            ? 'nothing was changed by hand'
            : table(
                ['WHAT', 'RECORDED', 'NOW', 'ANSWERS'],
                rows.map((one) => [
                  `${one.guest}.${one.field}`,
                  String(one.recorded),
                  String(one.observed),
                  one.ignored
                    ? safe(`ignored by ${one.ignored.by} ${when(one.ignored.at)}: ${one.ignored.reason}`)
                    : answers(one).join(', '),
                ]),
              ),
        );
        for (const guest of guests.filter((one) => one.error))
          note(paint.yellow(`${nameOf(guest)}: ${safe(guest.error ?? '')}`));
        return rows.some((one) => !one.ignored) ? EXIT.runFailed : EXIT.ok;
      }),
    );
  drift
    .command('adopt')
    .argument('<stack>')
    .argument(WHAT)
    .addOption(siteOption())
    .description('the record takes what is there')
    .action(
      withSession(async (session, name: string, what: string, options: { site: string }) => {
        const { id } = await stackOrFail(session, options.site, name);
        const { guest, one } = await find(session, id, what);
        const body = { guest, field: one.field, observed: one.observed };
        take(await session.connection.api.POST('/api/v1/stacks/{id}/drift/adopt', { params: { path: { id } }, body }));
        done(session, `${what} is recorded as ${one.observed}`);
      }),
    );
  drift
    .command('ignore')
    .argument('<stack>')
    .argument(WHAT)
    .requiredOption('--because <reason>', 'why it is to be left as it is')
    .addOption(siteOption())
    .description('leave it as it is, until it changes again')
    .action(
      withSession(async (session, name: string, what: string, options: { site: string; because: string }) => {
        const { id } = await stackOrFail(session, options.site, name);
        const { guest, one } = await find(session, id, what);
        const body = { guest, field: one.field, observed: one.observed, reason: options.because };
        take(await session.connection.api.POST('/api/v1/stacks/{id}/drift/ignore', { params: { path: { id } }, body }));
        done(session, `${what} is left as it is`);
      }),
    );
  drift
    .command('withdraw')
    .argument('<stack>')
    .argument(WHAT)
    .addOption(siteOption())
    .description('do not ignore it any more')
    .action(
      withSession(async (session, name: string, what: string, options: { site: string }) => {
        const { id } = await stackOrFail(session, options.site, name);
        const { guest, field } = parts(what);
        const body = { guest, field: field as Drift['field'] };
        take(
          await session.connection.api.POST('/api/v1/stacks/{id}/drift/withdraw', { params: { path: { id } }, body }),
        );
        done(session, `${what} is not ignored any more`);
      }),
    );
  runOptions(
    drift
      .command('restore')
      .argument('<stack>')
      .argument('<instance.guest.field...>')
      .addOption(siteOption())
      .description('plan, ask, and put it back as recorded'),
  ).action(
    withSession(async (session, name: string, restore: string[], options: RunOptions & { site: string }) => {
      const found = await stackOrFail(session, options.site, name);
      const body = { site: found.site, stack: found.name, restore };
      return carryOut(session, take(await session.connection.api.POST('/api/v1/plans', { body })), options);
    }),
  );
}

const nameOf = (guest: Guest): string => `${guest.instance}.${guest.guest}`;

const answers = ({ without }: Drift): string[] => [
  ...(without.adopt ? [] : ['adopt']),
  ...(without.restore ? [] : ['restore']),
  'ignore',
];

const look = async (session: Session, id: string): Promise<Guest[]> =>
  take(await session.connection.api.GET('/api/v1/stacks/{id}/guests', { params: { path: { id } } }));

function parts(what: string): { guest: string; field: string } {
  const at = what.lastIndexOf('.');
  if (at <= 0) throw new Failure(EXIT.usage, `${what} is no instance.guest.field`);
  return { guest: what.slice(0, at), field: what.slice(at + 1) };
}

async function find(session: Session, id: string, what: string): Promise<{ guest: string; one: Drift }> {
  const { guest, field } = parts(what);
  const guests = await look(session, id);
  const one = guests.find((entry) => nameOf(entry) === guest)?.drift.find((entry) => entry.field === field);
  if (one) return { guest, one };
  throw new Failure(EXIT.refused, `${what} does not differ from the record; bastide stack drift list says what does`);
}

function done(session: Session, text: string): void {
  if (session.format === 'json') print('{}');
  else print(safe(text));
}
