/** Answers are untrusted, and their values vary in type between versions and kinds of guest: a scalar as text; anything else, and absence, is the empty text. */
export const text = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
