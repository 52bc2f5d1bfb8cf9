/** Property strings (`virtio=BC:24:…,bridge=vmbr0`): reading by a schema's keys, and writing back. */
import { FormatError, formatSize, parseSize } from './formats.js';
import { formatKeys, type Property } from './schema.js';

export type PropertyValues = Record<string, string>;

/** The keys of a property whose value is a property string, wherever they are declared. */
export function keysOf(property: Property): Readonly<Record<string, Property>> | undefined {
  return property.keys ?? (property.format ? formatKeys(property.format) : undefined);
}

const TRUE = /^(1|on|yes|true)$/i;
const FALSE = /^(0|off|no|false)$/i;

/** Splits and names the parts; unknown keys stay in, for the caller to report. Throws FormatError with Proxmox's text. */
export function parsePropertyString(keys: Readonly<Record<string, Property>>, text: string): PropertyValues {
  const result: PropertyValues = {};
  let defaultKey: string | undefined;
  const spelled = (key: string, value: string) => {
    if (keys[key]?.type !== 'boolean') return value;
    return TRUE.test(value) ? '1' : FALSE.test(value) ? '0' : value;
  };
  for (const part of text.split(',')) {
    if (/^\s*$/.test(part)) continue;
    const at = part.indexOf('=');
    if (at > 0 && at < part.length - 1) {
      let key = part.slice(0, at);
      const value = part.slice(at + 1);
      if (Object.hasOwn(result, key)) throw new FormatError(`duplicate key in comma-separated list property: ${key}`);
      const schema = Object.hasOwn(keys, key) ? keys[key] : undefined;
      if (schema?.alias) {
        if (schema.keyAlias) {
          if (Object.hasOwn(result, schema.keyAlias))
            throw new FormatError(`key alias '${schema.keyAlias}' is already defined`);
          result[schema.keyAlias] = key;
        }
        key = schema.alias;
        if (Object.hasOwn(result, key)) throw new FormatError(`key '${key}' is already defined (via alias)`);
      }
      result[key] = spelled(key, value);
    } else if (at < 0) {
      if (defaultKey) throw new FormatError(`duplicate key in comma-separated list property: ${defaultKey}`);
      defaultKey = Object.keys(keys).find((key) => keys[key]?.defaultKey);
      if (!defaultKey) throw new FormatError('value without key, but schema does not define a default key');
      if (Object.hasOwn(result, defaultKey))
        throw new FormatError(`duplicate key in comma-separated list property: ${defaultKey}`);
      result[defaultKey] = spelled(defaultKey, part);
    } else throw new FormatError('missing key in comma-separated list property');
  }
  return result;
}

/** Writes as Proxmox does: the key that needs no name, then what is required, then the rest, each group sorted. */
export function printPropertyString(
  keys: Readonly<Record<string, Property>>,
  values: Readonly<PropertyValues>,
  left: readonly string[] = [],
): string {
  const aliased = new Map(
    Object.values(keys).flatMap((one) => (one.keyAlias && one.alias ? [[one.keyAlias, one.alias] as const] : [])),
  );
  const done = new Set(left);
  const parts: string[] = [];
  const add = (key: string, bare = false) => {
    const value = values[key];
    if (done.has(key) || value === undefined) return;
    done.add(key);
    const other = aliased.get(key);
    if (other !== undefined && values[other] !== undefined) {
      done.add(other);
      parts.push(`${value}=${values[other]}`);
      return;
    }
    const size = keys[key]?.format === 'disk-size' ? parseSize(value) : undefined;
    const printed = size === undefined ? value : formatSize(size);
    parts.push(bare ? printed : `${key}=${printed}`);
  };
  const bare = Object.keys(keys).find((key) => keys[key]?.defaultKey);
  if (bare !== undefined) add(bare, true);
  const sorted = Object.keys(values).sort();
  for (const key of sorted) if (keys[key] && !keys[key].optional) add(key);
  for (const key of sorted) add(key);
  return parts.join(',');
}
