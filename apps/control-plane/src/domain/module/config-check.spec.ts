import type { Json } from '../ids.js';
import { checkValue, withDefaults } from './config-check.js';
import type { ConfigSchema, PropertySchema } from './manifest.js';

const object = (properties: Record<string, PropertySchema>, over: Partial<ConfigSchema> = {}): ConfigSchema => ({
  type: 'object',
  properties,
  ...over,
});

describe('values against their schema', () => {
  it.each<[string, PropertySchema, Json, string | undefined]>([
    ['text', { type: 'string' }, 'x', undefined],
    ['text that is a number', { type: 'string' }, 3, 'must be a string, not a number'],
    ['a fraction for an integer', { type: 'integer' }, 1.5, 'must be an integer, not a number'],
    ['below the minimum', { type: 'integer', minimum: 1 }, 0, 'must be at least 1'],
    ['above the maximum', { type: 'number', maximum: 1 }, 1.5, 'must be at most 1'],
    ['not among the choices', { type: 'string', enum: ['a', 'b'] }, 'c', 'must be one of "a", "b"'],
    ['not of the pattern', { type: 'string', pattern: '^[a-z]+$' }, 'A', 'must match ^[a-z]+$'],
    ['too long', { type: 'string', maxLength: 2 }, 'abc', 'must have at most 2 characters'],
    ['a good host name', { type: 'string', format: 'hostname' }, 'wiki.demo.test', undefined],
    ['a host name with a space', { type: 'string', format: 'hostname' }, 'wiki demo', 'must be a hostname'],
    ['no e-mail address', { type: 'string', format: 'email' }, 'admin', 'must be an email'],
    ['no uri', { type: 'string', format: 'uri' }, '/path', 'must be a uri'],
    ['null', { type: 'boolean' }, null, 'must be a boolean, not null'],
    ['enough items', { type: 'array', minItems: 1, maxItems: 2 }, ['a', 'b'], undefined],
    ['too few items', { type: 'array', minItems: 1 }, [], 'must have at least 1 item'],
    ['too many items', { type: 'array', maxItems: 2 }, [1, 2, 3], 'must have at most 2 items'],
    ['different items', { type: 'array', uniqueItems: true }, [{ a: 1 }, { a: 2 }, '1', 1], undefined],
    [
      'the same item twice, its fields in another order',
      { type: 'array', uniqueItems: true },
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
      'must not hold the same item twice',
    ],
    ['an object for a list', { type: 'array' }, {}, 'must be an array, not an object'],
  ])('%s', (_, schema, value, message) => {
    const problems = checkValue(object({ field: schema }), { field: value });
    expect(problems.map((problem) => `${problem.path} ${problem.message}`)).toEqual(
      message ? [`field ${message}`] : [],
    );
  });

  it('unknown and missing fields are told with their path, all at once', () => {
    const schema = object(
      { tile: { type: 'object', required: ['url'], properties: { url: { type: 'string' } } } },
      { required: ['name'] },
    );
    expect(checkValue(schema, { tile: { ulr: 'x' }, nmae: 'y' }).map(({ kind, path }) => [kind, path])).toEqual([
      ['missing', 'name'],
      ['missing', 'tile.url'],
      ['unknown', 'tile.ulr'],
      ['unknown', 'nmae'],
    ]);
  });

  it('items of lists are checked', () => {
    const schema = object({ hosts: { type: 'array', items: { type: 'string' } } });
    expect(checkValue(schema, { hosts: ['a', 1] }).map(({ path }) => path)).toEqual(['hosts.1']);
  });

  it('values that are not known yet can be tolerated', () => {
    const schema = object({ port: { type: 'integer' } });
    expect(checkValue(schema, { port: '{{ x.y }}' }, { tolerate: (value) => typeof value === 'string' })).toEqual([]);
  });

  it('an object schema without properties takes any field below the top, none at the top', () => {
    expect(checkValue(object({ labels: { type: 'object' } }), { labels: { any: 1 } })).toEqual([]);
    expect(checkValue(object({}), { any: 1 })).toHaveLength(1);
    expect(checkValue(object({}, { additionalProperties: true }), { any: 1 })).toEqual([]);
  });

  it('defaults fill what is absent, also inside objects that are there', () => {
    const schema = object({
      a: { type: 'integer', default: 1 },
      b: { type: 'object', properties: { c: { type: 'string', default: 'x' } } },
      d: { type: 'string' },
    });
    expect(withDefaults(schema, { a: 2, b: {} })).toEqual({ a: 2, b: { c: 'x' } });
    expect(withDefaults(schema, {})).toEqual({ a: 1 });
  });
});
