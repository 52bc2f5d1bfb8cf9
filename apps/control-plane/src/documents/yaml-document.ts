import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, type Pair, parseAllDocuments } from 'yaml';
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
const MAX_BYTES = 256 * 1024;
/** Deeper than any document means; what walks a value by recursion stays far from the end of the stack. */
const MAX_DEPTH = 64;
/** Errors follow from one another; nobody reads the thousandth. */
export const MAX_FINDINGS = 100;
/** Control characters that no text needs, and halves of characters: databases and terminals choke on them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const UNPRINTABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]|\p{Surrogate}/u;

/**
 * Parses YAML 1.2, one document per file. Syntax errors, several documents, duplicate keys, anchors that explode or hold
 * themselves, documents nested too deeply, control characters and keys that are no plain text are findings; then `source` is undefined.
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
  const unprintable = text.search(UNPRINTABLE);
  if (unprintable >= 0) {
    const before = text.slice(0, unprintable).split('\n');
    const place = { file, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
    return fail('document.character', NOT_TEXT, place);
  }
  const abyss = deepBeforeParsing(text);
  if (abyss !== undefined) return fail('document.too_deep', TOO_DEEP, at(abyss));
  let documents: ReturnType<typeof parseAllDocuments>;
  try {
    // The library's own search for duplicate keys takes minutes on a hundred thousand keys; ours is findRefused.
    documents = parseAllDocuments(text, { version: '1.2', lineCounter: lines, prettyErrors: false, uniqueKeys: false });
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
  const exhausted = problems.find((problem) => problem.message.includes('call stack'));
  if (exhausted) return fail('document.too_deep', TOO_DEEP, at(exhausted.pos[0]));
  if (problems.length > 0) {
    return {
      diagnostics: problems.slice(0, MAX_FINDINGS).map((problem) => ({
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
  const refused = findRefused(root, 1, new Set());
  if (refused) return fail(refused.code, refused.message, at(refused.node?.range?.[0] ?? 0));
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 50 });
  } catch (error) {
    return fail('document.syntax', (error as Error).message, start);
  }
  // An alias may lead back to its own anchor; only the value shows it.
  if (isDeep(value, 1)) return fail('document.too_deep', TOO_DEEP, start);
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
        // An empty value has no place of its own: its key stands for it.
        const isEmpty = value?.range?.[0] === value?.range?.[1];
        best = (wantsKey || isEmpty ? key.range?.[0] : value?.range?.[0]) ?? best;
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

/**
 * Offset at which brackets or block markers pile up so high that the library, which recurses, could run out of stack; an
 * exhausted stack is not always an error that can be caught. Far above MAX_DEPTH, so that no text in quotes is mistaken.
 */
function deepBeforeParsing(text: string): number | undefined {
  const most = MAX_DEPTH * 4;
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    const character = text[i];
    if (character === '[' || character === '{') depth += 1;
    else if ((character === ']' || character === '}') && depth > 0) depth -= 1;
    if (depth > most) return i;
  }
  const markers = new RegExp(`(?:[-?:] ){${most}}`).exec(text);
  return markers?.index;
}

const TOO_DEEP = `The document is nested more than ${MAX_DEPTH} levels deep.`;
const NOT_TEXT = 'Control characters other than tab and line feed have no place in a document.';

interface Refused {
  readonly code:
    | 'document.syntax'
    | 'document.key'
    | 'document.duplicate_key'
    | 'document.too_deep'
    | 'document.character';
  readonly message: string;
  readonly node: Node | null;
}

/** The first thing that YAML allows and a document must not hold. */
function findRefused(node: unknown, depth: number, anchors: Set<string>): Refused | undefined {
  if (isAlias(node)) {
    if (anchors.has(node.source)) return undefined;
    return { code: 'document.syntax', message: `There is no anchor ${node.source} above.`, node };
  }
  if ((isScalar(node) || isSeq(node) || isMap(node)) && node.anchor) anchors.add(node.anchor);
  // Escapes ("\0") bring in what the text itself does not show.
  if (isScalar(node) && typeof node.value === 'string' && UNPRINTABLE.test(node.value))
    return { code: 'document.character', message: NOT_TEXT, node };
  if (!isSeq(node) && !isMap(node)) return undefined;
  if (depth > MAX_DEPTH) return { code: 'document.too_deep', message: TOO_DEEP, node };
  const keys = new Set<string>();
  for (const item of node.items) {
    const found =
      (isPair(item) ? refusedKey(item.key, keys) : undefined) ??
      findRefused(isPair(item) ? item.value : item, depth + 1, anchors);
    if (found) return found;
  }
  return undefined;
}

function refusedKey(key: unknown, seen: Set<string>): Refused | undefined {
  const node = key as Node | null;
  if (!isScalar(key) || (typeof key.value !== 'string' && typeof key.value !== 'number'))
    return { code: 'document.key', message: 'Keys must be plain text.', node };
  const name = String(key.value);
  if (UNPRINTABLE.test(name)) return { code: 'document.character', message: NOT_TEXT, node };
  // `constructor`, `toString`, `__proto__` …: a plain object answers to them although nobody wrote them.
  if (name in {}) return { code: 'document.key', message: `The key ${name} is reserved.`, node };
  if (seen.has(name)) return { code: 'document.duplicate_key', message: `The key ${name} is there twice.`, node };
  seen.add(name);
  return undefined;
}

const isDeep = (value: unknown, depth: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (depth > MAX_DEPTH || Object.values(value).some((inner) => isDeep(inner, depth + 1)));
