import { faultOf, shownDefault } from './schema-check.js';

describe('a value is looked at while it is typed', () => {
  it.each([
    [{ type: 'string', format: 'hostname' }, 'town.example', undefined],
    [{ type: 'string', format: 'hostname' }, 'town', 'hostname'],
    [{ type: 'string', format: 'hostname' }, '-a.example', 'hostname'],
    [{ type: 'string', format: 'email' }, 'a@town.example', undefined],
    [{ type: 'string', format: 'email' }, 'a@town', 'email'],
    [{ type: 'integer', minimum: 2 }, 1, 'minimum'],
    [{ type: 'integer', maximum: 2 }, 3, 'maximum'],
    [{ type: 'integer' }, 1.5, 'number'],
    [{ type: 'string', pattern: '^[a-z]+$' }, 'A', 'pattern'],
    [{ type: 'string', minLength: 3 }, 'ab', 'minLength'],
    [{ type: 'string', maxLength: 3 }, 'abcd', 'maxLength'],
    [{ type: 'string', format: 'hostname' }, '', undefined],
  ])('%j with %j', (schema, value, expected) => {
    expect(faultOf(schema, value)?.key).toBe(expected);
  });

  it('shows a default that comes from the site, and none that only the server knows', () => {
    expect(shownDefault({ default: '{{ site.domain }}' }, { domain: 'town.example' })).toBe('town.example');
    expect(shownDefault({ default: '{{ site.adminEmail }}' }, { domain: 'town.example' })).toBeUndefined();
    expect(shownDefault({ default: 10 }, undefined)).toBe('10');
  });
});
