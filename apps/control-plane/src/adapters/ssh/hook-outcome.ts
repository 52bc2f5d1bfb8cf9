import { constants } from 'node:os';
import type { HookOutcome } from '../../application/guests/guest-shell.port.js';
import { WorldFailure } from '../../domain/problem.js';
import type { HookLog } from './hook-log.js';
import type { Redactor } from './redactor.js';

/**
 * What `collect` said: `<kind> <status> <result> <cancelled> <output> <bytes>` in systemd's words ($EXIT_CODE,
 * $EXIT_STATUS, $SERVICE_RESULT of systemd.exec(5)), a newline, the output file.
 */
export function outcomeOf(reply: Buffer, log: HookLog, redactor: Redactor, what: string): HookOutcome {
  const newline = reply.indexOf(10);
  const [kind = '', status = '', result = '', cancelled, output, bytes = '0'] = reply
    .subarray(0, Math.max(newline, 0))
    .toString()
    .split(' ');
  const fail = (code: string, retryable: 'now' | 'never', text: string) =>
    new WorldFailure({ code, retryable, message: `${what}: ${text}`, details: { tail: log.tail } });

  if (cancelled === 'yes') throw fail('hook.cancelled', 'never', 'it was cancelled');
  if (result === 'timeout') throw fail('hook.timeout', 'now', 'it did not end in time and was stopped by the guest');
  // Nobody of ours stopped it, so the guest itself did: it went down, or a person stopped the unit.
  if (result === 'interrupted' || (kind === 'killed' && status === 'TERM' && result !== 'oom-kill'))
    throw fail('hook.interrupted', 'now', 'it was interrupted before its end; did the guest reboot?');

  const exitCode = exitCodeOf(kind, status);
  const killed =
    result === 'oom-kill'
      ? 'the guest ran out of memory'
      : kind === 'exited'
        ? undefined
        : `it was killed by ${status}`;
  const error = log.error ?? killed;
  const parsed = exitCode === 0 ? parseOutput(output, Number(bytes), reply.subarray(newline + 1), fail, redactor) : {};
  return { exitCode, ...parsed, ...(error === undefined ? {} : { error }), tail: log.tail };
}

function exitCodeOf(kind: string, status: string): number {
  if (kind === 'exited' && /^\d{1,3}$/.test(status)) return Number(status);
  return 128 + (constants.signals[`SIG${status}` as NodeJS.Signals] ?? 0);
}

function parseOutput(
  kind: string | undefined,
  bytes: number,
  body: Buffer,
  fail: (code: string, retryable: 'never', text: string) => WorldFailure,
  redactor: Redactor,
): { output?: unknown } {
  if (kind === 'none' || bytes === 0) {
    if (kind === 'odd') throw fail('hook.output_invalid', 'never', '$BASTIDE_OUTPUT is not an ordinary file');
    return {};
  }
  if (body.length < bytes)
    throw fail('hook.output_invalid', 'never', `its output has ${bytes} bytes, more than 262144`);
  try {
    return { output: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown };
  } catch (error) {
    // V8 quotes a piece of the text in its message.
    const reason = redactor.text((error as Error).message).slice(0, 200);
    throw fail('hook.output_invalid', 'never', `its output is not JSON: ${reason}`);
  }
}
