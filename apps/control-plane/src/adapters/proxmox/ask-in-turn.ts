import type { CallContext } from '../../application/substrates/substrate.port.js';
import type { Connection } from './connection.js';

/**
 * Asks for a guest once its turn on the storage has come, and follows the task. That it asks is told not before the turn,
 * which may be long in coming: whoever takes the creation back reckons from that moment.
 */
export const askInTurn = (
  connection: Connection,
  turn: Parameters<Connection['turns']['take']>[0],
  { vmid, what }: { readonly vmid: number; readonly what: string },
  request: () => Promise<unknown>,
  context: CallContext,
): Promise<void> =>
  connection.turns.take(turn, context, async () => {
    await context.asking?.(vmid);
    await connection.tasks.run(what, request, context);
  });
