import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { secretStoreConformance } from '../../../test/conformance/secret-store.js';
import type { SecretRow, SecretRows } from '../../application/secrets/secret-rows.port.js';
import { EnvelopeSecretStore } from './envelope-secret-store.js';
import { MasterKeyFile } from './master-key-file.js';

/** Rows in memory, open to tampering. */
class Rows implements SecretRows {
  readonly all = new Map<string, SecretRow>();
  failPutOf: string | undefined;
  async get(name: string) {
    return this.all.get(name);
  }
  async insertIfAbsent(row: SecretRow) {
    if (!this.all.has(row.name)) this.all.set(row.name, row);
    return this.all.get(row.name)!;
  }
  async put(row: SecretRow) {
    if (row.name === this.failPutOf) throw new Error('the database went away');
    this.all.set(row.name, row);
  }
  async replace(known: SecretRow, row: SecretRow) {
    if (row.name === this.failPutOf) throw new Error('the database went away');
    const now = this.all.get(row.name);
    const meanwhile = this.putBetween?.(row.name);
    if (meanwhile) this.all.set(row.name, meanwhile);
    if (meanwhile || !now?.wrappedKey.equals(known.wrappedKey)) return false;
    this.all.set(row.name, row);
    return true;
  }
  /** What another process puts in the very moment of a replacement, once. */
  putBetween: ((name: string) => SecretRow | undefined) | undefined;
  async listUnder(prefix: string) {
    return [...this.all.values()]
      .filter((row) => row.name.startsWith(prefix))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
  async removeUnder(prefix: string) {
    if (prefix === '') throw new Error('refused');
    for (const name of [...this.all.keys()]) if (name.startsWith(prefix)) this.all.delete(name);
  }
}

let directory: string;
let path: string;
let rows: Rows;
let store: EnvelopeSecretStore;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bastide-secrets-'));
  path = join(directory, 'keys', 'master.key');
  rows = new Rows();
  store = new EnvelopeSecretStore(rows, new MasterKeyFile(path));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no failure',
    (error: unknown) => (error as { failure?: { code: string } }).failure?.code ?? String(error),
  );

secretStoreConformance('EnvelopeSecretStore', async () => store);

describe('EnvelopeSecretStore', () => {
  it('keeps nothing readable in its rows, and no two rows alike for one value', async () => {
    await store.put('instance/a/password', 'correct horse');
    await store.put('instance/b/password', 'correct horse');
    const stored = JSON.stringify([...rows.all.values()].map((row) => [row.ciphertext, row.wrappedKey].map(String)));
    expect(stored).not.toContain('horse');
    const [a, b] = [...rows.all.values()];
    expect(a!.ciphertext.equals(b!.ciphertext)).toBe(false);
  });

  it('makes the master key on first use, readable for its owner only', async () => {
    await store.put('a/b', 'x');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(directory, 'keys'))).toEqual(['master.key']);
  });

  it('many processes that start together agree on one master key', async () => {
    const stores = Array.from({ length: 20 }, () => new EnvelopeSecretStore(rows, new MasterKeyFile(path)));
    await Promise.all(stores.map((one, i) => one.put(`a/${i}`, `v${i}`)));
    expect(new Set([...rows.all.values()].map((row) => row.keyId)).size).toBe(1);
    expect(await readdir(join(directory, 'keys'))).toEqual(['master.key']);
  });

  it('says that the key is lost instead of making another one', async () => {
    await store.put('a/b', 'x');
    await rm(path);
    expect(await codeOf(store.get('a/b'))).toBe('secrets.master_key_lost');
    expect(await codeOf(store.put('a/c', 'y'))).toBe('secrets.master_key_lost');
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  it('says that the key is the wrong one, a damaged one, or open to others', async () => {
    await store.put('a/b', 'x');
    const original = await readFile(path, 'utf8');
    await new MasterKeyFile(`${path}2`).create();
    await writeFile(path, await readFile(`${path}2`));
    expect(await codeOf(store.get('a/b'))).toBe('secrets.master_key_wrong');
    await writeFile(path, original.replace(/(.)(.)=\n$/, '$2$1=\n').replace(/ [A-Za-z]/, ' 7'));
    expect(await codeOf(store.get('a/b'))).toBe('secrets.master_key_unreadable');
    await writeFile(path, original);
    await chmod(path, 0o644);
    expect(await codeOf(store.get('a/b'))).toBe('secrets.master_key_unreadable');
    await chmod(path, 0o600);
    expect(await store.get('a/b')).toBe('x');
  });

  it('refuses a row that was changed or moved to another name', async () => {
    await store.put('a/b', 'x');
    const row = rows.all.get('a/b')!;
    rows.all.set('a/c', { ...row, name: 'a/c' });
    expect(await codeOf(store.get('a/c'))).toBe('secrets.damaged');
    const changed = Buffer.from(row.ciphertext);
    changed[0]! ^= 1;
    rows.all.set('a/b', { ...row, ciphertext: changed });
    expect(await codeOf(store.get('a/b'))).toBe('secrets.damaged');
    rows.all.set('a/b', { ...row, ciphertext: Buffer.alloc(0) });
    expect(await codeOf(store.get('a/b'))).toBe('secrets.damaged');
  });

  it('after a rotation a copy of the old key file opens nothing, and values do not change', async () => {
    await store.put('a/b', 'x');
    await store.put('a/c', 'y');
    const oldFile = await readFile(path, 'utf8');
    await store.rotateMasterKey();
    expect(await store.valuesUnder('a/')).toEqual(['x', 'y']);
    await writeFile(path, oldFile);
    expect(await codeOf(store.get('a/b'))).toBe('secrets.master_key_wrong');
  });

  it('a rotation that dies half-way loses nothing and is finished by the next one', async () => {
    for (const name of ['a/1', 'a/2', 'a/3']) await store.put(name, name);
    rows.failPutOf = 'a/2';
    await expect(store.rotateMasterKey()).rejects.toThrow('went away');
    expect(await store.valuesUnder('a/')).toEqual(['a/1', 'a/2', 'a/3']);
    rows.failPutOf = undefined;
    await store.rotateMasterKey();
    expect(await store.valuesUnder('a/')).toEqual(['a/1', 'a/2', 'a/3']);
    expect(new Set([...rows.all.values()].map((row) => row.keyId)).size).toBe(1);
  });

  it('a value put during a rotation survives it', async () => {
    await store.put('a/b', 'old');
    await Promise.all([store.rotateMasterKey(), store.put('a/b', 'new')]);
    expect(await store.get('a/b')).toBe('new');
  });

  it('a value that another process puts while it is wrapped anew is not overwritten', async () => {
    await store.put('a/b', 'old');
    let theirs: SecretRow | undefined;
    const elsewhere = new Rows();
    const neighbour = new EnvelopeSecretStore(elsewhere, new MasterKeyFile(path));
    await neighbour.put('a/b', 'theirs');
    theirs = elsewhere.all.get('a/b');
    rows.putBetween = () => {
      const once = theirs;
      theirs = undefined;
      return once;
    };
    await store.rotateMasterKey();
    expect(await store.get('a/b')).toBe('theirs');
  });

  it('does not grow the key file with every rotation', async () => {
    await store.put('a/b', 'x');
    for (let i = 0; i < 5; i++) await store.rotateMasterKey();
    expect((await new MasterKeyFile(path).read())!.length).toBeLessThanOrEqual(2);
    expect(await store.get('a/b')).toBe('x');
  });
});
