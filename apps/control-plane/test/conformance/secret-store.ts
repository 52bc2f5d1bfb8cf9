import type { SecretStore } from '../../src/application/secrets/secret-store.port.js';

/** What every SecretStore must do; `make` gives an empty one. */
export function secretStoreConformance(name: string, make: () => Promise<SecretStore>): void {
  describe(`${name} as a SecretStore`, () => {
    it('gives back what was put, whatever characters it has', async () => {
      const store = await make();
      for (const value of ['x', '', 'ümläut 😀\n\0 "\'', 'a'.repeat(100_000)]) {
        await store.put('site/demo/value', value);
        expect(await store.get('site/demo/value')).toBe(value);
      }
      expect(await store.get('site/demo/other')).toBeUndefined();
    });

    it('concurrent callers of ensure get one and the same value', async () => {
      const store = await make();
      let made = 0;
      const values = await Promise.all(
        Array.from({ length: 20 }, () => store.ensure('instance/ins_1/password', () => `value-${made++}`)),
      );
      expect(new Set(values).size).toBe(1);
      expect(await store.get('instance/ins_1/password')).toBe(values[0]);
      expect(await store.ensure('instance/ins_1/password', () => 'another')).toBe(values[0]);
    });

    it('lists and removes under a prefix, and leaves the neighbours alone', async () => {
      const store = await make();
      await store.put('instance/a/one', '1');
      await store.put('instance/a/two', '2');
      await store.put('instance/ab/three', '3');
      expect([...(await store.valuesUnder('instance/a/'))].sort()).toEqual(['1', '2']);
      await store.removeUnder('instance/a/');
      expect(await store.valuesUnder('instance/a/')).toEqual([]);
      expect(await store.get('instance/ab/three')).toBe('3');
    });

    it('keeps all values over a rotation of the master key', async () => {
      const store = await make();
      await store.put('a/b', 'x');
      await store.rotateMasterKey();
      expect(await store.get('a/b')).toBe('x');
    });

    it('refuses to remove everything', async () => {
      const store = await make();
      await store.put('a/b', 'x');
      await expect(store.removeUnder('')).rejects.toThrow();
      expect(await store.get('a/b')).toBe('x');
    });
  });
}
