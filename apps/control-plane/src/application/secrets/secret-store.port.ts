/**
 * Secrets at rest: envelope encryption (a data key per value, wrapped by the master key, which is outside the
 * database). Names: `site/<site>/pve-token`, `instance/<id>/<secret>`, `binding/<id>/<secret>`, `offer/<binding>/<field>`.
 */
export interface SecretStore {
  /** Returns the stored value, or stores what `make` returns; concurrent callers all get the same value. */
  ensure(name: string, make: () => string): Promise<string>;
  put(name: string, value: string): Promise<void>;
  get(name: string): Promise<string | undefined>;
  /** Removes all names under a prefix. */
  removeUnder(prefix: string): Promise<void>;
  /** All values under a prefix, for redaction. */
  valuesUnder(prefix: string): Promise<readonly string[]>;
  /** Wraps every data key with a new master key; answers how many there are. */
  rotateMasterKey(): Promise<number>;
}

/** Random values by policy. */
export interface SecretSource {
  generate(policy: { length: number; alphabet: 'alphanumeric' | 'hex' | 'base64url' }): string;
}
