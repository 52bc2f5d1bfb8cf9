/** Compares an answer with what the API's own description says it returns. Figures and flags come as numbers or as text. */

export interface ReturnSchema {
  readonly type?: string | readonly string[];
  readonly optional?: number | string;
  readonly properties?: Readonly<Record<string, ReturnSchema>>;
  readonly additionalProperties?: number | string | boolean | ReturnSchema;
  readonly items?: ReturnSchema;
  readonly enum?: readonly (string | number | null)[];
  readonly oneOf?: readonly ReturnSchema[];
}

const numeric = (value: unknown) =>
  typeof value === 'number' || (typeof value === 'string' && /^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(value));

/** Perl knows no types: a number may come as text and text as a number, a flag as 0, 1 or (from Rust code) true. */
function typeFits(value: unknown, type: string): boolean {
  if (type === 'any') return true;
  if (type === 'null') return value === null;
  if (type === 'string') return typeof value === 'string' || typeof value === 'number';
  if (type === 'integer') return numeric(value) && Number.isInteger(Number(value));
  if (type === 'number') return numeric(value);
  if (type === 'boolean') return [0, 1, '0', '1', '', true, false].includes(value as number);
  if (type === 'array') return Array.isArray(value);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Only said so forbids more: most answers hold fields that nobody described. */
const isForbidden = (additional: ReturnSchema['additionalProperties']) =>
  additional === 0 || additional === '0' || additional === false;

const indexed = (name: string, properties: Readonly<Record<string, ReturnSchema>>) =>
  properties[`${/^([a-z]+)\d+$/.exec(name)?.[1] ?? ''}[n]`];

/** One line for every difference; `at` is the place in the body. */
export function differences(value: unknown, schema: ReturnSchema | undefined, at = 'data'): string[] {
  if (schema?.type === undefined && schema?.properties === undefined) return [];
  const types = schema.type === undefined ? ['object'] : typeof schema.type === 'string' ? [schema.type] : schema.type;
  if (schema.oneOf) {
    const all = schema.oneOf.map((one) => differences(value, { ...one, ...(one.type ? {} : { type: 'object' }) }, at));
    return all.some((one) => one.length === 0) ? [] : (all.sort((a, b) => a.length - b.length)[0] ?? []);
  }
  if (!types.some((type) => typeFits(value, type)))
    return [`${at}: ${JSON.stringify(value)?.slice(0, 60)} is no ${types.join('|')}`];
  if (schema.enum && !schema.enum.map(String).includes(String(value)))
    return [`${at}: ${JSON.stringify(value)} is none of ${schema.enum.join(', ')}`];
  if (Array.isArray(value)) {
    const found = value.flatMap((item, index) => differences(item, schema.items, `${at}[${index}]`));
    return [...new Set(found.map((line) => line.replace(/\[\d+\]/g, '[]')))];
  }
  const { properties } = schema;
  if (value === null || typeof value !== 'object' || !properties) return [];
  const result: string[] = [];
  for (const [name, property] of Object.entries(properties))
    if (!Number(property.optional ?? 0) && !name.endsWith('[n]') && !Object.hasOwn(value, name))
      result.push(`${at}.${name}: missing`);
  for (const [name, inner] of Object.entries(value)) {
    const property = properties[name] ?? indexed(name, properties);
    // Optional ones may be there without a value.
    if (property && inner === null && Number(property.optional ?? 0)) continue;
    if (property) result.push(...differences(inner, property, `${at}.${name}`));
    else if (isForbidden(schema.additionalProperties)) result.push(`${at}.${name}: unknown`);
  }
  return result;
}
