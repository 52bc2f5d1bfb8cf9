const UNDER_WAY: ReadonlySet<string | undefined> = new Set(['running', 'cancelling', 'undoing']);

/** The run in this state goes on by itself. */
export const underWay = (state: string | undefined): boolean => UNDER_WAY.has(state);
