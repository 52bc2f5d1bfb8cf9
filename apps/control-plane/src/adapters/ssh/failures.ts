import { WorldFailure } from '../../domain/problem.js';

/** `where` is `guest <name> at <address>:<port>`, so that every failure names its place. */
export const unreachable = (where: string, cause: unknown) =>
  new WorldFailure(
    {
      code: 'ssh.unreachable',
      retryable: 'now',
      message: `${where} does not answer on SSH: ${reason(cause)}`,
      hint: 'Is the guest running, its address right, and may the control plane reach its SSH port?',
    },
    { cause },
  );

export const hostKeyMismatch = (where: string, detail: string) =>
  new WorldFailure({
    code: 'ssh.host_key_mismatch',
    retryable: 'never',
    message: `${where} shows a host key that is not its own: ${detail}`,
    hint: 'Was the guest re-provisioned behind our back, or is somebody in between? Learn the key out of band (console or agent), never over the same wire.',
  });

export const authenticationFailed = (where: string, user: string, cause: unknown) =>
  new WorldFailure(
    {
      code: 'ssh.auth',
      retryable: 'later',
      message: `${where} does not accept the control plane's key for user ${user}`,
      hint: "Put the control plane's public key into the authorized_keys of that user.",
    },
    { cause },
  );

export const timedOut = (where: string, what: string) =>
  new WorldFailure({ code: 'ssh.timeout', retryable: 'now', message: `${where}: ${what} was not done in time` });

export const lost = (where: string, what: string, cause?: unknown) =>
  new WorldFailure(
    {
      code: 'ssh.lost',
      retryable: 'now',
      message: `${where}: the connection was lost during ${what}${cause === undefined ? '' : `: ${reason(cause)}`}`,
    },
    { cause },
  );

export const outputTooLarge = (where: string, what: string, maxBytes: number) =>
  new WorldFailure({
    code: 'ssh.output_too_large',
    retryable: 'never',
    message: `${where}: ${what} wrote more than ${maxBytes} bytes`,
  });

/** A command of our own that did not end with 0; a full disk is told apart because waiting helps there. */
export function commandFailed(where: string, what: string, exitCode: number, stderr: string): WorldFailure {
  const full = /No space left on device|Disk quota exceeded/i.test(stderr);
  return new WorldFailure({
    code: full ? 'guest.disk_full' : 'guest.command_failed',
    retryable: full ? 'later' : 'now',
    message: `${where}: ${what} failed with exit code ${exitCode}${stderr ? `: ${stderr.trim().slice(-500)}` : ''}`,
    ...(full ? { hint: 'Free or add disk space on the guest, then retry.' } : {}),
  });
}

export function isFailure(error: unknown, ...codes: readonly string[]): error is WorldFailure {
  return error instanceof WorldFailure && codes.includes(error.failure.code);
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}
