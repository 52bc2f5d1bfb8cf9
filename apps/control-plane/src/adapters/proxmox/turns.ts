/**
 * Turns per key: at most `width` holders at a time, first come first served. Full clones and new volumes take a lock of
 * the whole cluster per storage, which the server gives up waiting for after 10 s; queueing here keeps our own work from
 * failing on it. (Between several workers, the run's own limits do the same.)
 */
export class Turns {
  readonly #waiting = new Map<string, (() => void)[]>();
  readonly #held = new Map<string, number>();

  async take<T>(
    turn: { key: string; width: number; what: string },
    context: { signal: AbortSignal; waitingFor?: (what: string) => void },
    work: () => Promise<T>,
  ): Promise<T> {
    const held = this.#held.get(turn.key) ?? 0;
    if (held >= turn.width) {
      context.waitingFor?.(turn.what);
      await this.#queue(turn.key, context.signal);
    } else this.#held.set(turn.key, held + 1);
    try {
      return await work();
    } finally {
      this.#next(turn.key);
    }
  }

  #queue(key: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const queue = this.#waiting.get(key) ?? [];
      this.#waiting.set(key, queue);
      const go = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        queue.splice(queue.indexOf(go), 1);
        reject(signal.reason as Error);
      };
      queue.push(go);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Hands the turn to the next in line, or gives it back. */
  #next(key: string): void {
    const go = this.#waiting.get(key)?.shift();
    if (go) {
      go();
      return;
    }
    const held = (this.#held.get(key) ?? 1) - 1;
    if (held > 0) this.#held.set(key, held);
    else {
      this.#held.delete(key);
      this.#waiting.delete(key);
    }
  }
}
