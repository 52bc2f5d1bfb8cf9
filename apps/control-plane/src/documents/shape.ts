import { plainToInstance } from 'class-transformer';
import {
  buildMessage,
  registerDecorator,
  ValidateBy,
  ValidateIf,
  type ValidationOptions,
  validateSync,
} from 'class-validator';
import type { Diagnostic } from '../domain/diagnostic.js';
import { MAX_FINDINGS, type Path, type YamlSource } from './yaml-document.js';

/**
 * Shape checks on top of class-validator: its own nested validation has no maps from name to class and loses the order of
 * findings, so nesting is declared here and walked here; the single fields are class-validator's.
 */
type Constructor<T = object> = new () => T;
export type Nesting =
  | { readonly how: 'one'; readonly of: () => Constructor }
  | { readonly how: 'list'; readonly of: () => Constructor }
  | { readonly how: 'map'; readonly of: () => Constructor; readonly key: RegExp }
  | { readonly how: 'maps'; readonly of: () => Constructor; readonly key: RegExp };

const nestings = new WeakMap<object, Map<string, Nesting>>();

/** Nested fields of a class with their kinds, those of its base classes included. */
export function nestingsOf(type: Constructor): Map<string, Nesting> {
  const all = new Map<string, Nesting>();
  for (
    let prototype = type.prototype as object | null;
    prototype;
    prototype = Object.getPrototypeOf(prototype) as object | null
  ) {
    for (const [name, nesting] of nestings.get(prototype) ?? []) if (!all.has(name)) all.set(name, nesting);
  }
  return all;
}

function nested(nesting: Nesting, name: string, test: (value: unknown) => boolean, wanted: string): PropertyDecorator {
  return (target, property) => {
    const own = nestings.get(target) ?? new Map<string, Nesting>();
    own.set(String(property), nesting);
    nestings.set(target, own);
    ValidateBy({
      name,
      validator: { validate: test, defaultMessage: buildMessage((each) => `${each}$property must be ${wanted}`) },
    })(target, property as string);
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A mapping with the fields of a class. */
export const Nested = (of: () => Constructor): PropertyDecorator =>
  nested({ how: 'one', of }, 'nested', isObject, 'a mapping');
/** A list of mappings. */
export const ListOf = (of: () => Constructor): PropertyDecorator =>
  nested({ how: 'list', of }, 'nestedList', Array.isArray, 'a list of mappings');
/** A mapping from names to mappings. */
export const MapOf = (of: () => Constructor, key: RegExp = /^[a-z][a-zA-Z0-9-]{0,62}$/): PropertyDecorator =>
  nested({ how: 'map', of, key }, 'nestedMap', isObject, 'a mapping from names to mappings');

/** A mapping from names to mappings from names to mappings (size → instance → guests). */
export const MapOfMaps = (of: () => Constructor, key: RegExp): PropertyDecorator =>
  nested({ how: 'maps', of, key }, 'nestedMaps', isObject, 'a mapping from names to mappings from names to mappings');

/** May be absent; `null` (an empty YAML value) is not absent: whoever wrote the field meant to say something. */
export const Optional = (): PropertyDecorator => (target, property) => {
  ValidateIf((_, value) => value !== undefined)(target, property as string);
};

/** `512MiB`, `4GiB`, `1TiB`. */
export const IsSize = (options?: ValidationOptions): PropertyDecorator =>
  rule('isSize', textLike(/^[1-9][0-9]{0,6}(MiB|GiB|TiB)$/), 'a size such as 512MiB or 4GiB', options);
/** `90s`, `15m`, `2h`. */
export const IsDuration = (options?: ValidationOptions): PropertyDecorator =>
  rule('isDuration', textLike(/^[1-9][0-9]{0,5}(ms|s|m|h|d)$/), 'a duration such as 90s or 15m', options);

/** The port of a flow that is in the consumer's request: `request.port`. */
export const FLOW_PORT_FIELD = /^request\.[a-zA-Z][a-zA-Z0-9]*$/;
/** `5432` or `request.port`. */
export const IsFlowPort = (): PropertyDecorator =>
  rule(
    'isFlowPort',
    (value) =>
      typeof value === 'number'
        ? Number.isInteger(value) && value >= 1 && value <= 65_535
        : textLike(FLOW_PORT_FIELD)(value),
    'a port number or request.<field>',
  );
/** A regular expression that compiles, so that no later check of a value can stumble over it. */
export const IsPattern = (): PropertyDecorator =>
  rule('isPattern', (value) => typeof value === 'string' && compiles(value), 'a regular expression');

const textLike =
  (pattern: RegExp) =>
  (value: unknown): boolean =>
    typeof value === 'string' && pattern.test(value);

function compiles(pattern: string): boolean {
  try {
    new RegExp(pattern);
    return true;
  } catch {
    return false;
  }
}

function rule(
  name: string,
  validate: (value: unknown) => boolean,
  wanted: string,
  options?: ValidationOptions,
): PropertyDecorator {
  return (target, property) => {
    registerDecorator({
      name,
      target: target.constructor,
      propertyName: String(property),
      options,
      validator: { validate, defaultMessage: () => `$property must be ${wanted}` },
    });
  };
}

/** Checks a document against its class. All findings at once; `value` only when there is none. */
export function checkShape<T extends object>(
  type: Constructor<T>,
  source: YamlSource,
): { value?: T; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const value = walk(type, source.value, [], source, diagnostics) as T | undefined;
  return diagnostics.length === 0 && value ? { value, diagnostics } : { diagnostics };
}

function walk(
  type: Constructor,
  plain: unknown,
  path: Path,
  source: YamlSource,
  diagnostics: Diagnostic[],
): object | undefined {
  const report = (at: Path, code: string, message: string, what: 'key' | 'value'): void => {
    if (diagnostics.length >= MAX_FINDINGS) return;
    diagnostics.push({
      severity: 'error',
      code,
      subject: at.join('.') || source.file,
      message,
      place: source.placeOf(at, what),
    });
  };
  if (!isObject(plain)) {
    report(path, 'document.invalid', `${String(path.at(-1) ?? 'document')} must be a mapping`, 'value');
    return undefined;
  }
  const fields = plain;
  const instance = plainToInstance(type, fields);
  for (const error of validateSync(instance, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: false,
    stopAtFirstError: false,
  })) {
    const at = [...path, error.property];
    const messages = Object.values(error.constraints ?? {});
    if (error.constraints?.whitelistValidation)
      report(at, 'document.unknown_field', `unknown field ${error.property}`, 'key');
    else if (error.value === undefined)
      report(at, 'document.missing_field', `${error.property} is missing: ${messages[0]}`, 'value');
    else report(at, 'document.invalid', messages.join('; '), 'value');
  }
  for (const [name, nesting] of nestingsOf(type)) {
    const inner = fields[name];
    const target = instance as Record<string, unknown>;
    // Anything of the wrong kind was told above, by the field's own rule.
    if (nesting.how === 'one' && isObject(inner))
      target[name] = walk(nesting.of(), inner, [...path, name], source, diagnostics);
    else if (nesting.how === 'list' && Array.isArray(inner)) {
      target[name] = inner.map((entry, index) =>
        walk(nesting.of(), entry, [...path, name, index], source, diagnostics),
      );
    } else if (nesting.how === 'map' && isObject(inner)) {
      target[name] = walkMap(nesting, inner, [...path, name], source, diagnostics);
    } else if (nesting.how === 'maps' && isObject(inner)) {
      target[name] = Object.fromEntries(
        Object.entries(inner).map(([key, group]) => {
          const at = [...path, name, key];
          if (isObject(group)) return [key, walkMap(nesting, group, at, source, diagnostics)];
          report(at, 'document.invalid', `${key} must be a mapping from names to mappings`, 'value');
          return [key, undefined];
        }),
      );
    }
  }
  return instance;
}

function walkMap(
  nesting: { of: () => Constructor; key: RegExp },
  entries: Record<string, unknown>,
  path: Path,
  source: YamlSource,
  diagnostics: Diagnostic[],
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(entries).map(([key, entry]) => {
      const at = [...path, key];
      if (!nesting.key.test(key) && diagnostics.length < MAX_FINDINGS) {
        diagnostics.push({
          severity: 'error',
          code: 'document.invalid_name',
          subject: at.join('.'),
          message: `${key} is not a valid name here (${nesting.key.source})`,
          place: source.placeOf(at, 'key'),
        });
      }
      // `quiesce:` with nothing behind it is a name with everything at its default.
      return [key, walk(nesting.of(), entry ?? {}, at, source, diagnostics)];
    }),
  );
}
