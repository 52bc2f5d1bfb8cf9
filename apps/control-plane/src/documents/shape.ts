import { plainToInstance } from 'class-transformer';
import {
  buildMessage,
  IsOptional,
  registerDecorator,
  ValidateBy,
  type ValidationOptions,
  validateSync,
} from 'class-validator';
import type { Diagnostic } from '../domain/diagnostic.js';
import type { Path, YamlSource } from './yaml-document.js';

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
  nested(
    { how: 'list', of },
    'nestedList',
    (value) => Array.isArray(value) && value.every(isObject),
    'a list of mappings',
  );
/** A mapping from names to mappings. */
export const MapOf = (of: () => Constructor, key: RegExp = /^[a-z][a-zA-Z0-9-]{0,62}$/): PropertyDecorator =>
  nested(
    { how: 'map', of, key },
    'nestedMap',
    (value) => isObject(value) && Object.values(value).every((entry) => isObject(entry) || entry === null),
    'a mapping from names to mappings',
  );

/** A mapping from names to mappings from names to mappings (size → instance → guests). */
export const MapOfMaps = (of: () => Constructor, key: RegExp): PropertyDecorator =>
  nested(
    { how: 'maps', of, key },
    'nestedMaps',
    (value) => isObject(value) && Object.values(value).every(isObject),
    'a mapping from names to mappings from names to mappings',
  );

/** May be absent; `null` (an empty YAML value) is not absent. */
export const Optional = (): PropertyDecorator => (target, property) => {
  IsOptional()(target, property as string);
};

/** `512MiB`, `4GiB`, `1TiB`. */
export const IsSize = (options?: ValidationOptions): PropertyDecorator =>
  matches('isSize', /^[1-9][0-9]{0,6}(MiB|GiB|TiB)$/, 'a size such as 512MiB or 4GiB', options);
/** `90s`, `15m`, `2h`. */
export const IsDuration = (options?: ValidationOptions): PropertyDecorator =>
  matches('isDuration', /^[1-9][0-9]{0,5}(ms|s|m|h|d)$/, 'a duration such as 90s or 15m', options);

function matches(name: string, pattern: RegExp, wanted: string, options?: ValidationOptions): PropertyDecorator {
  return (target, property) => {
    registerDecorator({
      name,
      target: target.constructor,
      propertyName: String(property),
      constraints: [pattern],
      options,
      validator: {
        validate: (value: unknown) => typeof value === 'string' && pattern.test(value),
        defaultMessage: () => `$property must be ${wanted}`,
      },
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
    diagnostics.push({
      severity: 'error',
      code,
      subject: at.join('.') || source.file,
      message,
      place: source.placeOf(at, what),
    });
  };
  if (plain !== null && !isObject(plain)) {
    report(path, 'document.invalid', `${String(path.at(-1) ?? 'document')} must be a mapping`, 'value');
    return undefined;
  }
  const fields = plain ?? {};
  const instance = plainToInstance(type, fields);
  for (const error of validateSync(instance, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: false,
    stopAtFirstError: false,
  })) {
    const at = [...path, error.property];
    for (const [rule, message] of Object.entries(error.constraints ?? {})) {
      if (rule === 'whitelistValidation')
        report(at, 'document.unknown_field', `unknown field ${error.property}`, 'key');
      else if (error.value === undefined)
        report(at, 'document.missing_field', `${error.property} is missing: ${message}`, 'value');
      else report(at, 'document.invalid', message, 'value');
      if (error.value === undefined) break;
    }
  }
  for (const [name, nesting] of nestingsOf(type)) {
    const inner = fields[name];
    if (inner === undefined || (nesting.how !== 'one' && inner === null)) continue;
    const target = instance as Record<string, unknown>;
    if (nesting.how === 'one') target[name] = walk(nesting.of(), inner, [...path, name], source, diagnostics);
    else if (nesting.how === 'list' && Array.isArray(inner)) {
      target[name] = inner.map((entry, index) =>
        walk(nesting.of(), entry, [...path, name, index], source, diagnostics),
      );
    } else if (nesting.how === 'map' && isObject(inner)) {
      target[name] = walkMap(nesting, inner, [...path, name], source, diagnostics);
    } else if (nesting.how === 'maps' && isObject(inner)) {
      target[name] = Object.fromEntries(
        Object.entries(inner)
          .filter(([, group]) => isObject(group))
          .map(([key, group]) => [
            key,
            walkMap(nesting, group as Record<string, unknown>, [...path, name, key], source, diagnostics),
          ]),
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
      if (!nesting.key.test(key)) {
        diagnostics.push({
          severity: 'error',
          code: 'document.invalid_name',
          subject: at.join('.'),
          message: `${key} is not a valid name here (${nesting.key.source})`,
          place: source.placeOf(at, 'key'),
        });
      }
      return [key, walk(nesting.of(), entry, at, source, diagnostics)];
    }),
  );
}
