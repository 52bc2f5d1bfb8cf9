import { RandomSecretSource } from './random-secret-source.js';

const source = new RandomSecretSource();

describe('RandomSecretSource', () => {
  it.each([
    ['alphanumeric', /^[A-Za-z0-9]{40}$/, 62],
    ['hex', /^[0-9a-f]{40}$/, 16],
    ['base64url', /^[A-Za-z0-9_-]{40}$/, 64],
  ] as const)('makes %s values of the wanted length, from the whole alphabet', (alphabet, shape, size) => {
    expect(source.generate({ length: 40, alphabet })).toMatch(shape);
    expect(new Set(source.generate({ length: 4096, alphabet })).size).toBe(size);
  });

  it('never makes the same one twice', () => {
    const values = Array.from({ length: 1_000 }, () => source.generate({ length: 24, alphabet: 'hex' }));
    expect(new Set(values).size).toBe(1_000);
  });

  it.each([0, -1, 1.5, 5_000, Number.NaN])('refuses a length of %p', (length) => {
    expect(() => source.generate({ length, alphabet: 'hex' })).toThrow(RangeError);
  });
});
