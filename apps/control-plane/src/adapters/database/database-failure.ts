import { WorldFailure } from '../../domain/problem.js';

/** SQLSTATE classes and codes of a server that cannot answer now, though nothing is wrong with the question. */
const AWAY = /^(08...|57P0[1-5]|53300|25P03|25P04|55P03|57014|40001|40P01)$/;
/** Disk full, out of memory, configuration limit. */
const FULL = /^53[0-9A-Z]{3}$/;
const SOCKET = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** `pg` has no codes for these. */
const MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|not queryable/;

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function facts(error: unknown): { code?: string | undefined; message: string; constraint?: string | undefined } {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  return { code: text(code), message: error.message, constraint: text(constraint) };
}

/** A server that is away or full, as a `WorldFailure`; any other error as it is. */
export function asWorldFailure(error: unknown): unknown {
  if (error instanceof WorldFailure) return error;
  const { code, message } = facts(error);
  const inner = error instanceof AggregateError ? error.errors.map((e: unknown) => facts(e).code) : [];
  if (code !== undefined && FULL.test(code) && code !== '53300') {
    return new WorldFailure(
      {
        code: 'database.full',
        retryable: 'later',
        message: `PostgreSQL has run out of room: ${message}`,
        hint: 'Free disk space on the machine that runs PostgreSQL.',
      },
      { cause: error },
    );
  }
  const away =
    (code !== undefined && (AWAY.test(code) || SOCKET.has(code))) ||
    inner.some((c) => c !== undefined && SOCKET.has(c)) ||
    MESSAGES.test(message);
  if (!away) return error;
  return new WorldFailure(
    { code: 'database.unavailable', retryable: 'now', message: `PostgreSQL does not answer: ${message || code}` },
    { cause: error },
  );
}

/** Two transactions stood in each other's way; asking again is all it takes. */
export const isCollision = (error: unknown): boolean => ['40001', '40P01'].includes(facts(error).code ?? '');

export const violates = (error: unknown, constraint: string): boolean => {
  const { code, constraint: violated } = facts(error);
  return code === '23505' && violated === constraint;
};
