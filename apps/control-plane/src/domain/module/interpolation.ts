import type { Json, JsonObject } from '../ids.js';

/**
 * `{{ name }}` in documents: a fact from a fixed list, no logic, no filters (docs/reference/module.md). A string that is
 * one fact and nothing else takes the fact's value with its type; inside a longer string only scalars are possible.
 */
const FACT = /\{\{([^{}]*)\}\}/g;
const NAME = /^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)+$/;

/** What a fact's name stands for; `keep` leaves the text as it is for a later round. */
export type FactLookup = (name: string) => { readonly value: Json } | 'keep' | undefined;

export interface FactProblem {
  /** Path inside the value: `forwardAuth.checkUrl`; empty for the value itself. */
  readonly path: string;
  readonly fact: string;
  readonly message: string;
}

export interface Interpolated<T extends Json> {
  readonly value: T;
  readonly problems: readonly FactProblem[];
}

/** Replaces the facts in all strings of a value. Text with a problem stays as it was. */
export function interpolate<T extends Json>(value: T, lookup: FactLookup): Interpolated<T> {
  const problems: FactProblem[] = [];
  const walk = (node: Json, path: string): Json => {
    if (typeof node === 'string') return interpolateText(node, path, lookup, problems);
    if (Array.isArray(node)) return node.map((item: Json, i) => walk(item, path === '' ? `${i}` : `${path}.${i}`));
    if (node !== null && typeof node === 'object') {
      return Object.fromEntries(
        Object.entries(node).map(([key, field]) => [key, walk(field, path === '' ? key : `${path}.${key}`)]),
      );
    }
    return node;
  };
  return { value: walk(value, '') as T, problems };
}

function interpolateText(text: string, path: string, lookup: FactLookup, problems: FactProblem[]): Json {
  const report = (fact: string, message: string) => {
    problems.push({ path, fact, message });
    return undefined;
  };
  const resolve = (raw: string): { readonly value: Json } | 'keep' | undefined => {
    const name = raw.trim();
    if (!NAME.test(name)) return report(name, `"{{ ${name} }}" is not the name of a fact`);
    return lookup(name) ?? report(name, `there is no fact "${name}"`);
  };
  const whole = /^\s*\{\{([^{}]*)\}\}\s*$/.exec(text);
  if (whole) {
    const found = resolve(whole[1] ?? '');
    return found === undefined || found === 'keep' ? text : found.value;
  }
  const replaced = text.replace(FACT, (match: string, raw: string) => {
    const found = resolve(raw);
    if (found === undefined || found === 'keep') return match;
    if (found.value === null || typeof found.value === 'object') {
      report(raw.trim(), `"${raw.trim()}" is not a single value and cannot stand inside a text`);
      return match;
    }
    return String(found.value);
  });
  const left = text.replace(FACT, '');
  if (left.includes('{{') || left.includes('}}')) report(text, 'a "{{" or "}}" has no counterpart');
  return replaced;
}

/** Names of all facts in a value, in order of appearance, each once. */
export function factsIn(value: Json): readonly string[] {
  const names = new Set<string>();
  interpolate(value, (name) => {
    names.add(name);
    return 'keep';
  });
  return [...names];
}

/** Sibling requirements whose offers a request asks for: `{{ binding.route.url }}` → `route`. */
export function referencedRequirements(request: Json): readonly string[] {
  const names = factsIn(request).filter((name) => name.startsWith('binding.'));
  return [...new Set(names.map((name) => name.split('.')[1] ?? ''))];
}

/** Follows `a.b.c` into a value. */
export function valueAt(value: Json | undefined, path: readonly string[]): Json | undefined {
  let at: Json | undefined = value;
  for (const key of path) {
    if (at === null || typeof at !== 'object') return undefined;
    at = Array.isArray(at) ? (at as readonly Json[])[Number(key)] : (at as JsonObject)[key];
  }
  return at;
}

/**
 * The second round, done by the executor when the sibling bindings have their offers: fills in `{{ binding.x.y }}`.
 * `missing` names the facts that no offer has; the request is usable only when it is empty.
 */
export function resolveBindingFacts(
  request: JsonObject,
  offers: Readonly<Record<string, JsonObject | undefined>>,
): { readonly request: JsonObject; readonly missing: readonly string[] } {
  const { value, problems } = interpolate(request, (name) => {
    const [root, requirement, ...field] = name.split('.');
    if (root !== 'binding' || requirement === undefined) return undefined;
    const found = valueAt(offers[requirement], field);
    return found === undefined ? undefined : { value: found };
  });
  return { request: value, missing: problems.map((problem) => problem.fact) };
}
