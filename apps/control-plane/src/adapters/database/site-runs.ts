import { sql, type Transaction } from 'kysely';
import type { Plan } from '../../domain/plan/plan.js';
import { Refusal } from '../../domain/problem.js';
import { movedSite } from '../../domain/site/domain-change.js';
import type { Tables } from './schema.js';
import { putWanted } from './wanted-stacks.js';

type Tx = Transaction<Tables>;

const OPEN = ['running', 'cancelling', 'undoing'] as const;

/**
 * A change of the domain works on every stack of its site, so it has the site for itself: it waits for nobody, and nobody
 * starts beside it. Others start beside each other, hence a lock that they share.
 */
export async function refuseBesideDomainChange(tx: Tx, plan: Plan): Promise<void> {
  const key = sql`hashtextextended(${`domain of ${plan.site}`}, 0)`;
  const whole = plan.orders?.domain !== undefined;
  await (whole
    ? sql`select pg_advisory_xact_lock(${key})`.execute(tx)
    : sql`select pg_advisory_xact_lock_shared(${key})`.execute(tx));
  const open = tx
    .selectFrom('runs')
    .innerJoin('plans', 'plans.id', 'runs.plan')
    .select(['runs.id', 'runs.stack_name'])
    .where('runs.site', '=', plan.site)
    .where('runs.state', 'in', [...OPEN]);
  const inTheWay = await (whole
    ? open
    : open.where(sql<boolean>`plans.body -> 'orders' ? 'domain'`)
  ).executeTakeFirst();
  if (inTheWay === undefined) return;
  throw new Refusal({
    code: 'stack.busy',
    subject: `site ${plan.site}`,
    message: whole
      ? `Run ${inTheWay.id} of stack ${inTheWay.stack_name} is under way; the domain is changed for the whole site at once.`
      : `The domain of the site is being changed by run ${inTheWay.id}.`,
    remedy: 'Wait until it has ended, or cancel it.',
    details: { run: inTheWay.id },
  });
}

/**
 * With the run that carries it out and never without: what is wanted of the stack. A change of the domain is wanted of the
 * site and of all its stacks at once, or of none.
 */
export async function wantPlan(tx: Tx, plan: Plan): Promise<void> {
  const order = plan.orders?.domain;
  if (order === undefined) return putWanted(tx, plan.wanted);
  const site = await tx
    .selectFrom('sites')
    .select('body')
    .where('name', '=', plan.site)
    .forUpdate()
    .executeTakeFirstOrThrow();
  await tx
    .updateTable('sites')
    .set({ body: JSON.stringify(movedSite(site.body, order)) })
    .where('name', '=', plan.site)
    .execute();
  for (const stack of [plan.wanted, ...(plan.alongside ?? [])]) {
    await tx
      .updateTable('stacks')
      .set({ body: JSON.stringify(stack) })
      .where('id', '=', stack.id)
      .execute();
  }
}
