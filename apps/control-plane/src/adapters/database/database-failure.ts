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

/** By shape, not by class: errors of Node's own sockets are made elsewhere. */
function facts(error: unknown): {
  code?: string | undefined;
  message: string;
  constraint?: string | undefined;
  inner: readonly unknown[];
} {
  if (typeof error !== 'object' || error === null) return { message: String(error), inner: [] };
  const { code, message, constraint, errors } = error as Record<string, unknown>;
  const inner = Array.isArray(errors) ? (errors as readonly unknown[]) : [];
  return { code: text(code), message: text(message) ?? '', constraint: text(constraint), inner };
}

/** A server that is away or full, as a `WorldFailure`; any other error as it is. */
export function asWorldFailure(error: unknown): unknown {
  if (error instanceof WorldFailure) return error;
  const { code, message, inner } = facts(error);
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
    inner.some((one) => SOCKET.has(facts(one).code ?? '')) ||
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
  return (code === '23505' || code === '23503') && violated === constraint;
};
