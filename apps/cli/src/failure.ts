/**
 * Exit codes, documented in docs/reference/cli.md; scripts depend on them.
 * 0 done · 1 a fault of ours · 2 wrong usage · 3 refused (see code, subject, remedy) · 4 the run failed · 5 the control plane cannot be reached · 6 the run was cancelled
 */
export const EXIT = { ok: 0, fault: 1, usage: 2, refused: 3, runFailed: 4, unreachable: 5, cancelled: 6 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface ProblemBody {
  readonly code: string;
  readonly subject: string;
  readonly detail: string;
  readonly remedy: string;
  readonly status: number;
  readonly details?: { readonly [key: string]: unknown };
}

/** Ends the program with a code and a message for people. */
export class Failure extends Error {
  override readonly name = 'Failure';
  constructor(
    readonly exit: ExitCode,
    message: string,
    readonly problem?: ProblemBody,
  ) {
    super(message);
  }
}

/** Turns an answer of the API into its value, or into the failure that it is. */
export function take<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.response.ok) return answer.data as T;
  const problem = answer.error as ProblemBody | undefined;
  if (!problem?.code)
    throw new Failure(EXIT.fault, `the control plane answered ${answer.response.status} ${answer.response.statusText}`);
  throw new Failure(problem.status >= 500 ? EXIT.fault : EXIT.refused, problem.detail, problem);
}
