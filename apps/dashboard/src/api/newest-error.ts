/** What a mutation of TanStack Query says of itself; `submittedAt` is 0 before its first use. */
interface Act {
  readonly error: Error | null;
  readonly submittedAt: number;
}

/** Why the act that was tried last was refused, or nothing: the refusal of an earlier one is no answer to it. */
export const newestError = (...acts: readonly Act[]): Error | null =>
  acts.reduce((newest, act) => (act.submittedAt > newest.submittedAt ? act : newest), { error: null, submittedAt: 0 })
    .error;
