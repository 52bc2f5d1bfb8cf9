import { createHash, randomBytes } from 'node:crypto';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { FailedAddresses } from '../../application/accounts/failed-addresses.port.js';
import { networkOf } from '../../domain/account/network.js';

/** Failures that nobody is kept waiting for: a script with an old token, a browser with ten tabs. */
const FREE = 20;
const REMEMBER_S = 600;
const LONGEST_WAIT_S = 60;
/** All addresses there are share so many counters, so that a flood from ever new ones needs no more memory. */
const BUCKETS = 4096;
const KNOWN = 10_000;

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');

/**
 * Failures by address in this process's memory: from the 21st within ten minutes on each one makes the address wait,
 * twice as long as the last, up to a minute. Which addresses share a counter is this process's own secret.
 */
export class MemoryFailedAddresses implements FailedAddresses {
  readonly #failures = new RateLimiterMemory({ keyPrefix: '', points: FREE, duration: REMEMBER_S });
  readonly #waits = new RateLimiterMemory({ keyPrefix: '', points: 1, duration: LONGEST_WAIT_S });
  readonly #salt = randomBytes(16).toString('hex');
  /** Oldest first. */
  readonly #known = new Set<string>();

  async waitMs(address: string): Promise<number> {
    const wait = await this.#waits.get(this.#bucket(address));
    return wait && wait.consumedPoints > 1 ? Math.max(1, wait.msBeforeNext) : 0;
  }

  async failed(address: string): Promise<void> {
    const bucket = this.#bucket(address);
    const { consumedPoints } = await this.#failures.penalty(bucket, 1);
    const over = consumedPoints - FREE;
    if (over > 0) await this.#waits.block(bucket, Math.min(LONGEST_WAIT_S, 2 ** Math.min(over - 1, 10)));
  }

  isKnown(credential: string): boolean {
    return this.#known.has(digest(credential));
  }

  proved(credential: string): void {
    const key = digest(credential);
    this.#known.delete(key);
    this.#known.add(key);
    if (this.#known.size <= KNOWN) return;
    for (const oldest of this.#known) {
      this.#known.delete(oldest);
      return;
    }
  }

  #bucket(address: string): string {
    const hash = createHash('sha256')
      .update(`${this.#salt} ${networkOf(address)}`)
      .digest();
    return String(hash.readUInt16BE(0) % BUCKETS);
  }
}
