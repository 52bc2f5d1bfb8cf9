import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, type Pair, parseAllDocuments } from 'yaml';
import type { Diagnostic, Place } from '../domain/diagnostic.js';

export type Path = readonly (string | number)[];

/** A parsed YAML file: its plain value and the place of everything in it. */
export interface YamlSource {
  readonly file: string;
  readonly value: unknown;
  /** Place of the value at a path, or of its key; the nearest enclosing thing when the path leads nowhere. */
  placeOf(path: Path, what?: 'key' | 'value'): Place;
}

/** A document larger than this is refused before it is parsed. */
const MAX_BYTES = 1024 * 1024;

/**
 * Parses YAML 1.2, one document per file. Syntax errors, several documents, duplicate keys, anchors that explode and keys
 * that are not strings are findings; then `source` is undefined.
 */
export function parseYaml(file: string, text: string): { source?: YamlSource; diagnostics: Diagnostic[] } {
  const fail = (code: string, message: string, place: Place): { diagnostics: Diagnostic[] } => ({
    diagnostics: [{ severity: 'error', code, subject: file, message, place }],
  });
  const start: Place = { file, line: 1, column: 1 };
  if (Buffer.byteLength(text) > MAX_BYTES)
    return fail('document.too_large', `The file is larger than ${MAX_BYTES} bytes.`, start);
  const lines = new LineCounter();
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(Math.min(Math.max(offset, 0), text.length));
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  let documents: ReturnType<typeof parseAllDocuments>;
  try {
    documents = parseAllDocuments(text, { version: '1.2', lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  } catch (error) {
    return fail('document.syntax', (error as Error).message, start);
  }
  if (!Array.isArray(documents) || documents.length === 0)
    return fail('document.empty', 'The file holds no document.', start);
  const document = documents[0]!;
  if (documents.length > 1) {
    return fail('document.several', 'A file holds exactly one document.', at(documents[1]!.range?.[0] ?? 0));
  }
  const problems = [...document.errors, ...document.warnings];
  if (problems.length > 0) {
    return {
      diagnostics: problems.map((problem) => ({
        severity: 'error',
        code: 'document.syntax',
        subject: file,
        message: problem.message,
        place: at(problem.pos[0]),
      })),
    };
  }
  const root = document.contents;
  if (!isMap(root))
    return fail(
      'document.not_a_mapping',
      'The document must be a mapping of fields.',
      root?.range ? at(root.range[0]) : start,
    );
  const strange = findStrangeKey(root);
  if (strange) return fail('document.key', 'Keys must be plain text.', at(strange.range?.[0] ?? 0));
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 50 });
  } catch (error) {
    return fail('document.syntax', (error as Error).message, start);
  }
  const placeOf = (path: Path, what: 'key' | 'value' = 'value'): Place => {
    let node: unknown = root;
    let best = root.range?.[0] ?? 0;
    for (const [depth, segment] of path.entries()) {
      let next: unknown;
      if (isMap(node)) {
        const pair: Pair | undefined = node.items.find(
          (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(segment),
        );
        if (!pair) break;
        const key = pair.key as Node;
        next = pair.value;
        const value = pair.value as Node | null;
        const wantsKey = what === 'key' && depth === path.length - 1;
        best = (wantsKey ? key.range?.[0] : value?.range?.[0]) ?? key.range?.[0] ?? best;
      } else if (isSeq(node)) {
        next = node.items[Number(segment)];
        if (!next) break;
        best = (next as Node).range?.[0] ?? best;
      } else break;
      node = next;
    }
    return at(best);
  };
  return { source: { file, value, placeOf }, diagnostics: [] };
}

/** The first key that is no plain scalar, or one that would touch an object's prototype. */
function findStrangeKey(node: unknown): Node | undefined {
  if (isSeq(node)) {
    for (const item of node.items) {
      const found = findStrangeKey(item);
      if (found) return found;
    }
  } else if (isMap(node)) {
    for (const pair of node.items) {
      const key = pair.key as Node;
      if (
        !isScalar(key) ||
        (typeof key.value !== 'string' && typeof key.value !== 'number') ||
        key.value === '__proto__'
      )
        return key;
      const found = findStrangeKey(pair.value);
      if (found) return found;
    }
  }
  return undefined;
}
