import { networkOf } from '../domain/account/network.js';

const WINDOW_MS = 600_000;
const EACH = 50;
const ALL = 1_000;

/**
 * How many refusals of nobody in particular go into the audit: rows there are never deleted, and whoever is refused may
 * ask again and again. Per network and window; what was not written is counted, and told by the next row that is.
 */
export class StrangersRows {
  #began = Number.NEGATIVE_INFINITY;
  #all = 0;
  #unwritten = 0;
  readonly #each = new Map<string, number>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Undefined: write none. Else how many were not written since the last one. */
  take(address: string): number | undefined {
    const now = this.now();
    if (now - this.#began >= WINDOW_MS) {
      this.#began = now;
      this.#all = 0;
      this.#each.clear();
    }
    const network = networkOf(address);
    const own = (this.#each.get(network) ?? 0) + 1;
    if (own > EACH || this.#all >= ALL) {
      this.#unwritten += 1;
      return undefined;
    }
    this.#all += 1;
    this.#each.set(network, own);
    const unwritten = this.#unwritten;
    this.#unwritten = 0;
    return unwritten;
  }
}
