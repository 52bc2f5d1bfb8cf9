/** Checks a request's parameters against the schema and turns them into the types Proxmox keeps: all findings at once. */
import { checkFormat, FormatError } from './formats.js';
import { keysOf, parsePropertyString } from './property-string.js';
import type { ApiMethod, Property } from './schema.js';
import { wrongAsAWhole } from './whole-formats.js';

/** As sent: form values are strings, repeated keys arrays; JSON bodies bring numbers, booleans and arrays. */
export type RawValue = string | number | boolean | null | readonly RawValue[] | { readonly [key: string]: RawValue };
export type Value = string | number | Value[];
export type Parameters = Record<string, Value>;
export type ParameterErrors = Record<string, string>;

/** How many of an indexed option there are (`net0` … `net31`); Proxmox's own limits. */
const INDEX_LIMITS: Readonly<Record<string, number>> = {
  net: 32,
  ipconfig: 32,
  scsi: 31,
  virtio: 16,
  sata: 6,
  ide: 4,
  unused: 256,
  mp: 256,
  dev: 256,
  serial: 4,
  parallel: 3,
  hostpci: 16,
  usb: 14,
  numa: 8,
  virtiofs: 10,
  acmedomain: 6,
  link: 8,
};
const UNKNOWN = 'property is not defined in schema and the schema does not allow additional properties';

const patterns = new Map<string, RegExp>();
function compiled(pattern: string): RegExp {
  let found = patterns.get(pattern);
  if (!found) {
    const ignoreCase = pattern.startsWith('(?i)');
    found = new RegExp(`^(?:${ignoreCase ? pattern.slice(4) : pattern})$`, ignoreCase ? 'i' : '');
    patterns.set(pattern, found);
  }
  return found;
}

/** The definition of a parameter by its name as sent, `net0` included; undefined where there is none. */
export function definitionOf(parameters: ReadonlyMap<string, Property>, name: string): Property | undefined {
  const exact = parameters.get(name);
  if (exact) return name.endsWith('[n]') ? undefined : exact;
  const [, base = '', index = ''] = /^([a-z]+)(0|[1-9]\d{0,2})$/.exec(name) ?? [];
  if (!base || Number(index) >= (INDEX_LIMITS[base] ?? 0)) return undefined;
  return parameters.get(`${base}[n]`);
}

/** What Perl calls the thing that is no single value. */
const kindOf = (value: RawValue) =>
  typeof value === 'boolean' ? 'JSON::PP::Boolean' : Array.isArray(value) ? 'ARRAY' : 'HASH';

function add(errors: ParameterErrors, path: string, text: string): undefined {
  errors[path] = errors[path] ? `${errors[path]}\\n${text}` : text;
  return undefined;
}

function text(value: RawValue): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function checkString(value: string, property: Property, path: string, errors: ParameterErrors): string | undefined {
  if (property.format || property.keys) {
    const keys = keysOf(property);
    try {
      if (keys) {
        const nested: ParameterErrors = {};
        const values = parsePropertyString(keys, value);
        checkObject(values, new Map(Object.entries(keys)), path, nested, false);
        const found = Object.keys(nested).sort();
        if (found.length > 0)
          throw new FormatError(`format error\n${found.map((key) => `${key}: ${nested[key]}`).join('\n')}`);
        const wrong = wrongAsAWhole(property.format, values, keys['reported-model']?.enum ?? []);
        if (wrong !== undefined) throw new FormatError(wrong);
      } else if (property.format) checkFormat(property.format, value);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return add(errors, path, `invalid format - ${error.message}\n`);
    }
  }
  return value;
}

function checkProperty(raw: RawValue, property: Property, path: string, errors: ParameterErrors): Value | undefined {
  const type = property.type ?? 'string';
  if (type === 'array') {
    // A single form value stands for a list of one, but for what Perl holds for false.
    const list = Array.isArray(raw) ? (raw as readonly RawValue[]) : [raw];
    if (!Array.isArray(raw) && (typeof raw === 'object' || raw === '' || raw === '0' || raw === 0 || raw === false))
      return add(errors, path, `type check ('array') failed`);
    const result: Value[] = [];
    for (const [index, item] of list.entries()) {
      const value = checkProperty(item, property.items ?? { type: 'string' }, `${path}[${index}]`, errors);
      if (value !== undefined) result.push(value);
    }
    return result;
  }
  let value = raw;
  if (Array.isArray(value) && type === 'string' && /-list$/.test(property.format ?? ''))
    value = (value as readonly RawValue[]).map(text).join(',');
  if (value === null || typeof value === 'object' || (typeof value === 'boolean' && type !== 'boolean'))
    return add(errors, path, `type check ('${type}') failed - got ${kindOf(value)}`);
  const plain = text(value);
  if (type === 'boolean' && plain !== '0' && plain !== '1')
    return add(errors, path, `type check ('boolean') failed - got '${plain}'`);
  if (type === 'integer' && !/^[+-]?\d+$/.test(plain))
    return add(errors, path, `type check ('integer') failed - got '${plain}'`);
  if (type === 'number' && !/^[+-]?(\d+\.\d+|\d+\.|\.\d+|\d+)([eE][+-]?\d+)?$/.test(plain))
    return add(errors, path, `type check ('number') failed - got '${plain}'`);
  if (type === 'string' || property.format || property.keys) {
    if (checkString(plain, property, path, errors) === undefined) return undefined;
  }
  if (property.pattern && !compiled(property.pattern).test(plain))
    return add(errors, path, 'value does not match the regex pattern');
  if (property.maxLength !== undefined && plain.length > property.maxLength)
    return add(errors, path, `value may only be ${property.maxLength} characters long`);
  if (property.minLength !== undefined && plain.length < property.minLength)
    return add(errors, path, `value must be at least ${property.minLength} characters long`);
  if (type === 'integer' || type === 'number') {
    const number = Number(plain);
    if (property.maximum !== undefined && number > property.maximum)
      return add(errors, path, `value must have a maximum value of ${property.maximum}`);
    if (property.minimum !== undefined && number < property.minimum)
      return add(errors, path, `value must have a minimum value of ${property.minimum}`);
  }
  if (property.enum && !property.enum.includes(plain))
    return add(errors, path, `value '${plain}' does not have a value in the enumeration '${property.enum.join(', ')}'`);
  return type === 'string' ? plain : Number(plain);
}

function checkObject(
  raw: Readonly<Record<string, RawValue>>,
  properties: ReadonlyMap<string, Property>,
  path: string,
  errors: ParameterErrors,
  additional: boolean,
): Parameters {
  const result: Parameters = {};
  const place = (name: string) => (path ? `${path}.${name}` : name);
  for (const [name, property] of properties) {
    if (property.optional || property.alias || property.typeProperty || name.endsWith('[n]')) continue;
    if (!Object.hasOwn(raw, name) || raw[name] === undefined || raw[name] === null)
      add(errors, place(name), 'property is missing and it is not optional');
  }
  for (const [name, value] of Object.entries(raw)) {
    if (value === undefined) continue;
    const property = definitionOf(properties, name);
    if (!property) {
      // A name without a value (`?foo`) is a parameter all the same.
      if (value === null) {
        if (!additional) add(errors, place(name), UNKNOWN);
      } else if (additional) result[name] = typeof value === 'object' ? JSON.stringify(value) : text(value);
      else add(errors, place(name), UNKNOWN);
      continue;
    }
    const checked = value === null ? undefined : checkProperty(value, property, place(name), errors);
    if (checked !== undefined) result[name] = checked;
    if (property.requires && (raw[property.requires] === undefined || raw[property.requires] === null))
      add(errors, place(property.requires), `missing property required by '${place(name)}'`);
  }
  return result;
}

/** Empty `errors` means the request is fit for its handler. */
export function validate(
  api: ApiMethod,
  raw: Readonly<Record<string, RawValue>>,
): { parameters: Parameters; errors: ParameterErrors } {
  const errors: ParameterErrors = {};
  const parameters = checkObject(raw, api.parameters, '', errors, api.additional);
  return { parameters, errors };
}
