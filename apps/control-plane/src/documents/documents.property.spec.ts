import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { realDocuments, type Sample } from './testing/samples.js';

/** Pieces that people type by mistake, or on purpose. */
const PIECES = [
  '\t',
  '\0',
  ':',
  '- ',
  '[',
  ']',
  '{',
  '}',
  '"',
  "'",
  '&a ',
  '*a',
  '!x ',
  '|',
  '>',
  '#',
  '---\n',
  '%',
  '\n',
  '  ',
  '\uFEFF',
  '\uD83D',
  'é',
  '<<: ',
  '? ',
  '{{ site.domain }}',
  '~',
  '0x1F',
  '.inf',
  '2026-01-01',
];
const VALUES: unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '',
  'x',
  '4GiB',
  '15m',
  [],
  [null],
  [[]],
  {},
  { a: null },
  { '': 1 },
  ['', {}, 7],
  'x'.repeat(5000),
];

type Mutation =
  | { readonly what: 'delete' | 'double'; readonly at: number; readonly length: number }
  | { readonly what: 'insert'; readonly at: number; readonly piece: string }
  | { readonly what: 'swap lines' | 'drop line' | 'double line'; readonly at: number; readonly to: number }
  | { readonly what: 'value' | 'rename' | 'remove'; readonly at: number; readonly value: unknown };

const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({
    what: fc.constantFrom('delete' as const, 'double' as const),
    at: share,
    length: fc.integer({ min: 1, max: 40 }),
  }),
  fc.record({
    what: fc.constant('insert' as const),
    at: share,
    piece: fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 6 })),
  }),
  fc.record({
    what: fc.constantFrom('swap lines' as const, 'drop line' as const, 'double line' as const),
    at: share,
    to: share,
  }),
  fc.record({
    what: fc.constantFrom('value' as const, 'rename' as const, 'remove' as const),
    at: share,
    value: fc.constantFrom(...VALUES),
  }),
);

function mutate(text: string, change: Mutation): string {
  const offset = Math.floor(change.at * text.length);
  const lines = text.split('\n');
  const line = Math.floor(change.at * lines.length);
  switch (change.what) {
    case 'delete':
      return text.slice(0, offset) + text.slice(offset + change.length);
    case 'double':
      return text.slice(0, offset + change.length) + text.slice(offset);
    case 'insert':
      return text.slice(0, offset) + change.piece + text.slice(offset);
    case 'swap lines': {
      const other = Math.floor(change.to * lines.length);
      return lines.with(line, lines[other]!).with(other, lines[line]!).join('\n');
    }
    case 'drop line':
      return lines.toSpliced(line, 1).join('\n');
    case 'double line':
      return lines.toSpliced(line, 0, lines[line]!).join('\n');
    default:
      return mutateValue(text, change);
  }
}

/** Changes one field of the document's value and writes it out again; a text that is no document any more stays. */
function mutateValue(
  text: string,
  change: { what: 'value' | 'rename' | 'remove'; at: number; value: unknown },
): string {
  let root: unknown;
  try {
    root = parse(text, { logLevel: 'silent' });
  } catch {
    return text;
  }
  const places = [...fieldsOf(root)];
  const place = places[Math.floor(change.at * places.length)];
  if (!place) return text;
  const [owner, key] = place;
  if (change.what === 'value') owner[key] = change.value;
  else {
    if (change.what === 'rename') owner[`${key}x`] = owner[key];
    delete owner[key];
  }
  return stringify(root);
}

function* fieldsOf(value: unknown, depth = 0): Generator<[Record<string, unknown>, string]> {
  if (typeof value !== 'object' || value === null || depth > 60) return;
  for (const key of Object.keys(value)) {
    yield [value as Record<string, unknown>, key];
    yield* fieldsOf((value as Record<string, unknown>)[key], depth + 1);
  }
}

const samples = realDocuments();

/** What holds for every text, mutated or not; returns whether it was accepted. */
function holds(sample: Sample, text: string): boolean {
  const { value, diagnostics } = sample.parse(text);
  const lines = text.split(/\r\n|\n|\r/).length;
  // No value without a reason, no error beside a value.
  expect(value === undefined).toBe(diagnostics.some(({ severity }) => severity === 'error'));
  for (const { code, message, subject, place } of diagnostics) {
    expect([code, message, subject]).not.toContain('');
    expect(place?.file).toBe(sample.file);
    expect(place?.line).toBeGreaterThanOrEqual(1);
    expect(place?.line).toBeLessThanOrEqual(lines + 1);
    expect(place?.column).toBeGreaterThanOrEqual(1);
  }
  return value !== undefined;
}

describe('whatever happened to a document', () => {
  it('reading it never throws, and each finding points into the file', () => {
    const seen = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.array(mutation, { minLength: 1, maxLength: 3 }),
        (sample, mutations) => {
          seen[holds(sample, mutations.reduce(mutate, sample.text)) ? 'accepted' : 'refused']++;
        },
      ),
      { numRuns: 2000 },
    );
    // Mutations that all break (or none) would prove nothing.
    expect(seen.accepted).toBeGreaterThan(50);
    expect(seen.refused).toBeGreaterThan(500);
  }, 120_000);

  it('any text at all is either a document or a finding', () => {
    fc.assert(
      fc.property(fc.constantFrom(...samples), fc.string({ unit: 'binary', maxLength: 300 }), (sample, text) => {
        expect(holds(sample, text)).toBe(false);
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});
