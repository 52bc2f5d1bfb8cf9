/**
 * Refusals: what the product says when it will not do something, and the way out. One filter turns a Problem into
 * RFC 9457 `application/problem+json`, one table into the CLI's exit code. Codes are stable: screens and scripts
 * depend on them; add, never rename.
 */
export const PROBLEM_CODES = {
  'request.invalid': 400,
  'document.invalid': 422,
  'auth.missing': 401,
  'auth.wrong': 401,
  'auth.second_factor': 401,
  'auth.locked': 429,
  'auth.csrf': 403,
  'auth.confirm': 403,
  'auth.expired': 401,
  'auth.pending': 409,
  'auth.throttled': 429,
  'auth.insecure_page': 409,
  'auth.no_role': 403,
  'auth.no_groups': 403,
  'auth.disabled': 403,
  'auth.provider_away': 503,
  'auth.provider_wrong': 502,
  'auth.password_temporary': 403,
  'auth.denied': 403,
  'auth.forbidden': 403,
  not_found: 404,
  conflict: 409,
  'binding.unsatisfied': 422,
  'binding.ambiguous': 422,
  'binding.cycle': 422,
  'parameter.unknown': 422,
  'parameter.missing': 422,
  'parameter.invalid': 422,
  'version.unsatisfied': 422,
  'capacity.insufficient': 409,
  'allocation.exhausted': 409,
  'change.immutable': 409,
  'change.unsupported': 409,
  'plan.stale': 409,
  'plan.has_errors': 409,
  'plan.hash_mismatch': 409,
  'stack.in_use': 409,
  'stack.busy': 409,
  'run.not_cancellable': 409,
  'run.illegal': 409,
  'guest.not_ours': 409,
  'guest.unfinished': 409,
  'certificate.foreign': 409,
  'permission.missing': 403,
  'artifact.missing': 409,
  'artifact.digest_mismatch': 409,
  'hook.refused': 422,
  'substrate.unreachable': 503,
  'queue.unavailable': 503,
} as const satisfies Record<string, number>;

export type ProblemCode = keyof typeof PROBLEM_CODES;

export interface Problem {
  readonly code: ProblemCode;
  /** What it is about, in the user's words: `nextcloud.database`, `plan pln_…`, `guest 104 on pve1`. */
  readonly subject: string;
  /** One sentence: what is wrong. */
  readonly message: string;
  /** One sentence: what to do about it. */
  readonly remedy: string;
  /** Facts for machines (never secrets). */
  readonly details?: { readonly [key: string]: unknown };
}

/** Thrown by use cases to refuse; caught by the edge alone. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.subject}: ${problem.message}`);
  }
}

/**
 * What the world did to us: thrown by adapters, written into the run log as data. `retryable` drives the step's retry
 * policy: `now` (back-off and again), `later` (wait for the world to change: lock, quorum, full storage), `never`.
 */
export interface Failure {
  readonly code: string;
  readonly retryable: 'now' | 'later' | 'never';
  /** One line for the admin. No secrets. */
  readonly message: string;
  readonly hint?: string;
  readonly details?: { readonly [key: string]: unknown };
}

export class WorldFailure extends Error {
  override readonly name = 'WorldFailure';
  constructor(
    readonly failure: Failure,
    options?: { cause?: unknown },
  ) {
    super(`${failure.code}: ${failure.message}`, options);
  }
}
