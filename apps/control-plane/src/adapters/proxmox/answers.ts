/** One object of an answer: untrusted, its values vary in type between versions and between machines and containers. */
export type Row = Readonly<Record<string, unknown>>;

/** A scalar as text; anything else, and absence, is the empty text. */
export const text = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
