import type { Sha256 } from '../ids.js';

/** SHA-256 of a text's UTF-8 bytes, lower-case hex. Handed in, because the domain does no cryptography of its own. */
export type Sha256Of = (text: string) => Sha256;

/**
 * JSON with sorted keys and without undefined fields: equal values give equal text. Enough of RFC 8785 for what we hash
 * (strings, integers, booleans, lists, objects).
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value ?? null);
}

export const digestOf = (value: unknown, sha256: Sha256Of): Sha256 => sha256(canonicalJson(value));

/** Equal as JSON, whatever the order of keys. */
export const sameJson = (a: unknown, b: unknown): boolean => canonicalJson(a) === canonicalJson(b);
