import type { SecretStore } from '../../application/secrets/secret-store.port.js';

/** Secrets in memory, for tests. */
export class MemorySecretStore implements SecretStore {
  readonly values = new Map<string, string>();

  async ensure(name: string, make: () => string): Promise<string> {
    const known = this.values.get(name);
    if (known !== undefined) return known;
    const value = make();
    this.values.set(name, value);
    return value;
  }

  async put(name: string, value: string): Promise<void> {
    this.values.set(name, value);
  }

  async get(name: string): Promise<string | undefined> {
    return this.values.get(name);
  }

  async removeUnder(prefix: string): Promise<void> {
    if (prefix === '') throw new Error('refusing to remove all secrets');
    for (const name of [...this.values.keys()]) if (name.startsWith(prefix)) this.values.delete(name);
  }

  async valuesUnder(prefix: string): Promise<readonly string[]> {
    return [...this.values].filter(([name]) => name.startsWith(prefix)).map(([, value]) => value);
  }

  async rotateMasterKey(): Promise<number> {
    return this.values.size;
  }
}
