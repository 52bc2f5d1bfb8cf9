/**
 * Where sealed secrets lie: rows that are useless without the master key. The secret store (envelope encryption) stands
 * on top of it; this port knows names and bytes, never a plain value.
 */
export interface SecretRow {
  /** `instance/<id>/<secret>`, see SecretStore. */
  readonly name: string;
  /** Which master key wrapped the data key. */
  readonly keyId: string;
  /** The value's own data key, wrapped by the master key (with whatever nonce and tag the wrapping needs). */
  readonly wrappedKey: Buffer;
  readonly nonce: Buffer;
  /** Value, sealed with the data key (authentication tag included). */
  readonly ciphertext: Buffer;
}

export interface SecretRows {
  get(name: string): Promise<SecretRow | undefined>;
  /** Stores the row unless the name is taken; returns the row that is there afterwards. Concurrent callers all get the same one. */
  insertIfAbsent(row: SecretRow): Promise<SecretRow>;
  /** Inserts or replaces. */
  put(row: SecretRow): Promise<void>;
  /** Puts `row` where `known` still is as it was read; false when somebody changed or removed it meanwhile. */
  replace(known: SecretRow, row: SecretRow): Promise<boolean>;
  /** All rows whose name starts with the prefix, by name; an empty prefix means all. */
  listUnder(prefix: string): Promise<readonly SecretRow[]>;
  /** Refuses an empty prefix with an error: nothing ever removes all secrets. */
  removeUnder(prefix: string): Promise<void>;
}
