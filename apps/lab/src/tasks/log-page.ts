/** A part of a log file, as every such endpoint answers it: numbered lines, and how many there are beside them. */
import type { Call } from '../http/call.js';

const LIMIT = 50;

/** `lines` undefined: there is no such file. */
export function logPage(call: Call, lines: readonly string[] | undefined): { n: number; t: string }[] {
  call.extra.total = Math.max(1, lines?.length ?? 0);
  if (!lines) return [{ n: 1, t: 'unable to open file - No such file or directory' }];
  if (lines.length === 0) return [{ n: 1, t: 'no content' }];
  const start = call.number('start') ?? 0;
  const limit = call.number('limit') ?? LIMIT;
  return (limit === 0 ? lines.slice(start) : lines.slice(start, start + limit)).map((t, index) => ({
    n: start + index + 1,
    t,
  }));
}
