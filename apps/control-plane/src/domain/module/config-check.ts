import type { Json, JsonObject } from '../ids.js';
import { canonicalJson } from './hash.js';
import type { ConfigSchema, PropertySchema } from './manifest.js';

/**
 * Checks values against the JSON Schema subset of config, parameters, requests and offers. Stricter than JSON Schema in
 * one point: an object that declares properties takes no others unless it says `additionalProperties: true`, so that a
 * misspelt key is never silently without effect.
 */
export interface ValueProblem {
  readonly kind: 'unknown' | 'missing' | 'invalid';
  /** `tile.title`; empty for the value itself. */
  readonly path: string;
  /** Half a sentence after the path: `must be at most 65535`. */
  readonly message: string;
}

export interface CheckOptions {
  /** Values that are not known yet (`{{ binding.x.y }}`) and pass every check. */
  readonly tolerate?: (value: Json) => boolean;
}

const HOSTNAME =
  /^(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
const FORMATS: Readonly<Record<string, RegExp>> = {
  hostname: HOSTNAME,
  email: /^[^\s@]+@[^\s@]+$/,
  uri: /^[A-Za-z][A-Za-z0-9+.-]*:[^\s]+$/,
};

export function checkValue(
  schema: ConfigSchema | PropertySchema,
  value: Json,
  options: CheckOptions = {},
): readonly ValueProblem[] {
  const problems: ValueProblem[] = [];
  check(schema, value, '', options, problems);
  return problems;
}

function check(
  schema: ConfigSchema | PropertySchema,
  value: Json,
  path: string,
  options: CheckOptions,
  problems: ValueProblem[],
): void {
  if (options.tolerate?.(value)) return;
  const invalid = (message: string): void => {
    problems.push({ kind: 'invalid', path, message });
  };
  if (!hasType(schema.type, value)) {
    invalid(`must be ${named(schema.type)}, not ${describe(value)}`);
    return;
  }
  const property = schema as PropertySchema;
  if (property.enum !== undefined && !property.enum.includes(value)) {
    invalid(`must be one of ${property.enum.map((item) => JSON.stringify(item)).join(', ')}`);
  }
  if (typeof value === 'string') checkText(property, value, invalid);
  if (typeof value === 'number') checkNumber(property, value, invalid);
  if (Array.isArray(value)) {
    const { items } = property;
    checkList(property, value, invalid);
    for (const [i, item] of items === undefined ? [] : value.entries())
      check(items as PropertySchema, item, path === '' ? `${i}` : `${path}.${i}`, options, problems);
  }
  if (schema.type === 'object') checkFields(schema, value as JsonObject, path, options, problems);
}

function checkFields(
  schema: ConfigSchema | PropertySchema,
  value: JsonObject,
  path: string,
  options: CheckOptions,
  problems: ValueProblem[],
): void {
  const at = (key: string) => (path === '' ? key : `${path}.${key}`);
  const properties = schema.properties ?? {};
  const open = schema.additionalProperties ?? (path !== '' && Object.keys(properties).length === 0);
  for (const key of schema.required ?? []) {
    if (value[key] === undefined) problems.push({ kind: 'missing', path: at(key), message: 'is required' });
  }
  for (const [key, field] of Object.entries(value)) {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property !== undefined) check(property, field, at(key), options, problems);
    else if (!open) {
      const known = Object.keys(properties);
      const choices = known.length === 0 ? 'nothing is known here' : `known: ${known.join(', ')}`;
      problems.push({ kind: 'unknown', path: at(key), message: `is not known (${choices})` });
    }
  }
}

function checkText(schema: PropertySchema, value: string, invalid: (message: string) => void): void {
  const length = Array.from(value).length;
  if (schema.minLength !== undefined && length < schema.minLength)
    invalid(`must have at least ${schema.minLength} characters`);
  if (schema.maxLength !== undefined && length > schema.maxLength)
    invalid(`must have at most ${schema.maxLength} characters`);
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)) invalid(`must match ${schema.pattern}`);
  const format = schema.format === undefined ? undefined : FORMATS[schema.format];
  if (format !== undefined && !format.test(value)) invalid(`must be ${named(schema.format ?? '')}`);
}

function checkNumber(schema: PropertySchema, value: number, invalid: (message: string) => void): void {
  if (schema.minimum !== undefined && value < schema.minimum) invalid(`must be at least ${schema.minimum}`);
  if (schema.maximum !== undefined && value > schema.maximum) invalid(`must be at most ${schema.maximum}`);
}

function checkList(schema: PropertySchema, value: readonly Json[], invalid: (message: string) => void): void {
  if (schema.minItems !== undefined && value.length < schema.minItems)
    invalid(`must have at least ${counted(schema.minItems)}`);
  if (schema.maxItems !== undefined && value.length > schema.maxItems)
    invalid(`must have at most ${counted(schema.maxItems)}`);
  if (schema.uniqueItems && new Set(value.map(canonicalJson)).size < value.length)
    invalid('must not hold the same item twice');
}

const counted = (count: number): string => `${count} ${count === 1 ? 'item' : 'items'}`;

function hasType(type: PropertySchema['type'], value: Json): boolean {
  switch (type) {
    case 'string':
    case 'boolean':
      return typeof value === type;
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'integer':
      return Number.isInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return value !== null && typeof value === 'object' && !Array.isArray(value);
    default:
      return type satisfies never;
  }
}

/** Types and formats as sentences name them. */
const NAMED: Readonly<Record<string, string>> = {
  string: 'a string',
  boolean: 'a boolean',
  number: 'a number',
  integer: 'an integer',
  array: 'an array',
  object: 'an object',
  hostname: 'a hostname',
  email: 'an email',
  uri: 'a uri',
};
const named = (kind: string): string => NAMED[kind] ?? kind;

function describe(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return named(typeof value);
}

/** Adds the defaults of fields that are absent, also inside objects that are there. */
export function withDefaults(schema: ConfigSchema | PropertySchema, value: JsonObject): JsonObject {
  const filled: Record<string, Json> = { ...value };
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const field = filled[key];
    if (field === undefined) {
      if (property.default !== undefined) filled[key] = property.default as Json;
    } else if (property.type === 'object' && hasType('object', field)) {
      filled[key] = withDefaults(property, field as JsonObject);
    }
  }
  return filled;
}
