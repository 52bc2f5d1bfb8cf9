import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { WorldFailure } from '../../domain/problem.js';
import type { MasterKey } from './envelope.js';

/** Newest first: the first one wraps, the others only unwrap. */
export type MasterKeys = readonly [MasterKey, ...MasterKey[]];

const HEADER =
  '# Master key of Bastide. Without this file no stored secret can be read: keep a copy apart from the database.';

/**
 * The master keys in a file outside the database: one line `<id> <32 bytes, base64>` each, newest first, mode 0600. It is
 * read anew at every use, so that all processes see a rotation. Throws WorldFailure `secrets.master_key_lost`,
 * `secrets.master_key_unreadable`, all `retryable: never`.
 */
export class MasterKeyFile {
  constructor(readonly path: string) {}

  /** Undefined when there is no file. */
  async read(): Promise<MasterKeys | undefined> {
    let text: string;
    try {
      const { mode } = await stat(this.path);
      if ((mode & 0o077) !== 0)
        throw this.#unreadable(
          `others may read it (mode ${(mode & 0o777).toString(8)})`,
          `Run: chmod 600 ${this.path}`,
        );
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      if (error instanceof WorldFailure) throw error;
      throw this.#unreadable((error as Error).message, 'The account of the control plane must own the file.');
    }
    const keys = text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => this.#parse(line));
    const [first, ...rest] = keys;
    if (!first) throw this.#unreadable('it holds no key', 'Restore it from its backup.');
    return [first, ...rest];
  }

  /** Makes the file, unless another process is faster; either way the keys that are in it afterwards. */
  async create(): Promise<MasterKeys> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    const fresh = await this.#writeBeside([newKey()]);
    try {
      await link(fresh, this.path); // fails when the name is taken, unlike rename
      await this.#syncDirectory();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await rm(fresh, { force: true });
    }
    const keys = await this.read();
    if (!keys) throw this.lost();
    return keys;
  }

  async replace(keys: MasterKeys): Promise<void> {
    const fresh = await this.#writeBeside(keys);
    await rename(fresh, this.path);
    await this.#syncDirectory();
  }

  lost(): WorldFailure {
    return new WorldFailure({
      code: 'secrets.master_key_lost',
      retryable: 'never',
      message: `the master key file ${this.path} is not there, but secrets sealed with it are`,
      hint: 'Restore the file from its backup (BASTIDE_MASTER_KEY_FILE names its place). No new key can open them.',
    });
  }

  async #writeBeside(keys: MasterKeys): Promise<string> {
    const fresh = `${this.path}.${randomBytes(6).toString('hex')}.new`;
    const file = await open(fresh, 'wx', 0o600);
    try {
      const lines = keys.map((key) => `${key.id} ${key.key.toString('base64')}`);
      await file.writeFile([HEADER, ...lines, ''].join('\n'));
      await file.sync();
    } finally {
      await file.close();
    }
    return fresh;
  }

  async #syncDirectory(): Promise<void> {
    const directory = await open(dirname(this.path), 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  #parse(line: string): MasterKey {
    const [id = '', encoded = ''] = line.split(/\s+/);
    const key = Buffer.from(encoded, 'base64');
    if (key.length !== 32 || idOf(key) !== id)
      throw this.#unreadable(`the line of key ${id.slice(0, 20)} is damaged`, 'Restore it from its backup.');
    return { id, key };
  }

  #unreadable(detail: string, hint: string): WorldFailure {
    return new WorldFailure({
      code: 'secrets.master_key_unreadable',
      retryable: 'never',
      message: `the master key file ${this.path} cannot be used: ${detail}`,
      hint,
    });
  }
}

export function newKey(): MasterKey {
  const key = randomBytes(32);
  return { id: idOf(key), key };
}

/** A digest, so that a damaged line is told from a wrong key; it says nothing about the key. */
function idOf(key: Buffer): string {
  return `mk_${createHash('sha256').update('bastide master key\0').update(key).digest('hex').slice(0, 16)}`;
}
