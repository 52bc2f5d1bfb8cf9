import type { Kysely } from 'kysely';
import { Refusal } from '../../domain/problem.js';
import type { WantedStack } from '../../domain/stack/stack.js';
import { violates } from './database-failure.js';
import type { Tables } from './schema.js';

/** Writes what is wanted of a stack. Refuses with `conflict` when another one of that name is not removed. */
export async function putWanted(db: Pick<Kysely<Tables>, 'insertInto'>, stack: WantedStack): Promise<void> {
  const { id, site, name, state } = stack;
  const row = { site, name, state, body: JSON.stringify(stack) };
  try {
    await db
      .insertInto('stacks')
      .values({ id, ...row })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
      .execute();
  } catch (error) {
    throw violates(error, 'stacks_name') ? nameTaken(stack) : error;
  }
}

const nameTaken = ({ name, site }: WantedStack): Refusal =>
  new Refusal({
    code: 'conflict',
    subject: `stack ${name}`,
    message: `Site ${site} has a stack of that name already.`,
    remedy: 'Choose another name, or change the stack that is there.',
  });
