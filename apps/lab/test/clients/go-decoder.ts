/**
 * What Go's encoding/json, with the provider's own types, accepts. A shape says what a field must be: `string`, `int`, `float`
 * as Go's; `bool`, `number` and `list` are the provider's lenient ones (0, 1, true; a number or a string of one; a text with
 * commas). `?` behind it: may be absent or null, as pointers and `omitempty` allow. What the shape does not name is ignored.
 */
type Scalar = 'string' | 'int' | 'float' | 'bool' | 'number' | 'list' | 'any';
export type Shape = Scalar | `${Scalar}?` | readonly [Shape] | { readonly [field: string]: Shape };

type Value<S> = S extends 'string' ? string : S extends 'int' | 'float' | 'number' ? number : S extends 'bool' ? boolean : S extends 'list' ? string[] : any; // biome-ignore format: one table
export type Decoded<S> = S extends `${infer T}?`
  ? Value<T> | undefined
  : S extends string
    ? Value<S>
    : S extends readonly [infer T]
      ? Decoded<T>[]
      : { readonly [K in keyof S]: Decoded<S[K]> };

const NUMBER = /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/;

function scalar(kind: Scalar, value: unknown, where: string): unknown {
  const wrong = () => new Error(`${where}: ${JSON.stringify(value)} is no ${kind} to the provider`);
  switch (kind) {
    case 'any':
      return value;
    case 'string':
      if (typeof value !== 'string') throw wrong();
      return value;
    case 'int':
      if (!Number.isSafeInteger(value)) throw wrong();
      return value;
    case 'float':
      if (typeof value !== 'number') throw wrong();
      return value;
    case 'bool':
      return value === 1 || value === '1' || value === true;
    case 'number':
      if (typeof value !== 'number' && !(typeof value === 'string' && NUMBER.test(value))) throw wrong();
      return Number(value);
    case 'list':
      if (typeof value !== 'string') throw wrong();
      return value.split(',');
  }
}

/** Throws where the provider would fail to decode. */
export function decode<S extends Shape>(shape: S, value: unknown, where: string): Decoded<S> {
  const answer = (() => {
    if (typeof shape === 'string') {
      if (shape.endsWith('?') && (value === undefined || value === null)) return undefined;
      return scalar(shape.replace('?', '') as Scalar, value, where);
    }
    if (Array.isArray(shape)) {
      if (!Array.isArray(value)) throw new Error(`${where}: ${JSON.stringify(value)} is no array`);
      return value.map((one, index) => decode(shape[0] as Shape, one, `${where}[${index}]`));
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Error(`${where}: ${JSON.stringify(value)} is no object`);
    return Object.fromEntries(
      Object.entries(shape).map(([field, inner]) => [
        field,
        decode(inner, (value as Record<string, unknown>)[field], `${where}.${field}`),
      ]),
    );
  })();
  return answer as Decoded<S>;
}
