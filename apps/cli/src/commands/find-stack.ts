import type { components } from '../../../../docs/reference/openapi.js';
import type { Session } from '../context.js';
import { EXIT, Failure, take } from '../failure.js';

export type Stack = components['schemas']['StackDto'];

/** The name of an installed stack, its id, or undefined. */
export async function findStack({ connection }: Session, site: string, name: string): Promise<Stack | undefined> {
  const stacks = take(await connection.api.GET('/api/v1/stacks', { params: { query: {} } }));
  return (
    stacks.find((stack) => stack.id === name) ??
    stacks.find((stack) => stack.state !== 'removed' && stack.site === site && stack.name === name)
  );
}

export async function stackOrFail(session: Session, site: string, name: string): Promise<Stack> {
  const stack = await findStack(session, site, name);
  if (!stack) throw new Failure(EXIT.refused, `site ${site} has no stack ${name}; bastide stack list shows them`);
  return stack;
}
