import type { SecretRow, SecretRows } from '../../application/secrets/secret-rows.port.js';
import type { SecretStore } from '../../application/secrets/secret-store.port.js';
import { WorldFailure } from '../../domain/problem.js';
import { type MasterKey, open, rewrap, SealBroken, seal } from './envelope.js';
import { type MasterKeyFile, type MasterKeys, newKey } from './master-key-file.js';

/**
 * Secrets at rest. Throws WorldFailure, all `retryable: never`: `secrets.master_key_lost`, `secrets.master_key_wrong`
 * (the file holds other keys than the one that sealed), `secrets.master_key_unreadable`, `secrets.damaged` (a row that
 * its own key does not open).
 */
export class EnvelopeSecretStore implements SecretStore {
  /** Writes of this process, one after the other, so that a rotation cannot overwrite a value put meanwhile. */
  #writes: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly rows: SecretRows,
    private readonly keyFile: MasterKeyFile,
  ) {}

  async ensure(name: string, make: () => string): Promise<string> {
    const known = await this.get(name);
    if (known !== undefined) return known;
    return this.#inTurn(async () => {
      const [current] = await this.#keys();
      return this.#open(await this.rows.insertIfAbsent(seal(name, make(), current)));
    });
  }

  async put(name: string, value: string): Promise<void> {
    await this.#inTurn(async () => {
      const [current] = await this.#keys();
      await this.rows.put(seal(name, value, current));
    });
  }

  async get(name: string): Promise<string | undefined> {
    const row = await this.rows.get(name);
    return row === undefined ? undefined : this.#open(row);
  }

  async removeUnder(prefix: string): Promise<void> {
    await this.#inTurn(() => this.rows.removeUnder(prefix));
  }

  async valuesUnder(prefix: string): Promise<readonly string[]> {
    const rows = await this.rows.listUnder(prefix);
    return Promise.all(rows.map((row) => this.#open(row)));
  }

  /**
   * The new key is in the file before the first row needs it, and an old one leaves the file only at the next rotation
   * after no row needs it any more: a process that is just writing with it, or a rotation that dies half-way, loses
   * nothing. Asked again after a crash, it finishes.
   */
  async rotateMasterKey(): Promise<number> {
    return this.#inTurn(async () => {
      const before = await this.#keys();
      const rows = await this.rows.listUnder('');
      // Everything must open before anything changes: a lost old key is noticed now, not after its last copy is gone.
      for (const row of rows) this.#openWith(row, before);
      const inUse = new Set(rows.map((row) => row.keyId));
      const kept = before.filter((key, position) => position === 0 || inUse.has(key.id));
      const fresh = newKey();
      const keys: MasterKeys = [fresh, ...kept];
      await this.keyFile.replace(keys);
      for (const { name } of rows) {
        // As it is now: another process may have put or removed it, and may do so again before it is wrapped.
        for (;;) {
          const row = await this.rows.get(name);
          if (!row || row.keyId === fresh.id) break;
          if (await this.rows.replace(row, rewrap(row, this.#keyOf(row, keys), fresh))) break;
        }
      }
      return rows.length;
    });
  }

  async #keys(): Promise<MasterKeys> {
    const keys = await this.keyFile.read();
    if (keys) return keys;
    // First use, or a lost file? Only the rows tell. A new key beside old rows would hide the loss.
    if ((await this.rows.listUnder('')).length > 0) throw this.keyFile.lost();
    return this.keyFile.create();
  }

  async #open(row: SecretRow): Promise<string> {
    return this.#openWith(row, await this.#keys());
  }

  #openWith(row: SecretRow, keys: MasterKeys): string {
    const key = this.#keyOf(row, keys);
    try {
      return open(row, key);
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      throw new WorldFailure(
        {
          code: 'secrets.damaged',
          retryable: 'never',
          message: `the stored secret ${row.name} has been changed or belongs to another name`,
          hint: 'Restore the database from a backup, or set this secret anew.',
        },
        { cause: error },
      );
    }
  }

  #keyOf(row: SecretRow, keys: MasterKeys): MasterKey {
    const key = keys.find((one) => one.id === row.keyId);
    if (key) return key;
    throw new WorldFailure({
      code: 'secrets.master_key_wrong',
      retryable: 'never',
      message: `the secret ${row.name} was sealed with master key ${row.keyId}, which is not in ${this.keyFile.path}`,
      hint: 'Is this the key file of another installation, or an old copy? Restore the right one from its backup.',
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#writes.then(work);
    this.#writes = turn.catch(() => {});
    return turn;
  }
}
