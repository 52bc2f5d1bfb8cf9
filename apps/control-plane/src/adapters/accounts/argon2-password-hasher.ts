import { hash, verify } from '@node-rs/argon2';
import type { PasswordHasher } from '../../application/accounts/account-store.port.js';

/** `Algorithm.Argon2id` of the library: an ambient enum, which single-file compilation cannot read. */
const ARGON2ID = 2;
/** argon2id with OWASP's first choice of cost (Password Storage Cheat Sheet): 19 MiB, 2 passes, 1 lane. Some 40 ms here. */
const COST = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Each takes 19 MiB: a burst of log-ins waits in line instead of taking the memory of everybody else. */
const AT_ONCE = 4;

export class Argon2PasswordHasher implements PasswordHasher {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  hash(password: string): Promise<string> {
    return this.#inLine(() => hash(password.normalize('NFKC'), COST));
  }

  verify(stored: string, password: string): Promise<boolean> {
    return this.#inLine(() => verify(stored, password.normalize('NFKC')));
  }

  async #inLine<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= AT_ONCE) await new Promise<void>((next) => this.#waiting.push(next));
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}
