interface Going<T> {
  readonly result: Promise<T>;
  readonly stop: AbortController;
  readonly listeners: Set<(percent: number) => void>;
  callers: number;
}

/** One piece of work per key, however many ask for it: all get its result; it is stopped when the last one has left. */
export class SharedWork<T> {
  readonly #going = new Map<string, Going<T>>();

  async join(
    key: string,
    caller: { signal: AbortSignal; progress?: (percent: number) => void },
    work: (signal: AbortSignal, progress: (percent: number) => void) => Promise<T>,
  ): Promise<T> {
    caller.signal.throwIfAborted();
    const going = this.#going.get(key) ?? this.#begin(key, work);
    going.callers++;
    if (caller.progress) going.listeners.add(caller.progress);
    let onAbort: (() => void) | undefined;
    try {
      return await Promise.race([
        going.result,
        new Promise<never>((_resolve, reject) => {
          onAbort = () => reject(caller.signal.reason as Error);
          caller.signal.addEventListener('abort', onAbort, { once: true });
        }),
      ]);
    } finally {
      if (onAbort) caller.signal.removeEventListener('abort', onAbort);
      if (caller.progress) going.listeners.delete(caller.progress);
      if (--going.callers === 0) {
        // From now on a new caller begins anew instead of joining something that is being stopped.
        if (this.#going.get(key) === going) this.#going.delete(key);
        going.stop.abort();
      }
    }
  }

  #begin(key: string, work: (signal: AbortSignal, progress: (percent: number) => void) => Promise<T>): Going<T> {
    const stop = new AbortController();
    const listeners = new Set<(percent: number) => void>();
    const result = work(stop.signal, (percent) => {
      for (const listener of listeners) listener(percent);
    });
    result.catch(() => {}); // every caller may have left
    const going: Going<T> = { result, stop, listeners, callers: 0 };
    this.#going.set(key, going);
    return going;
  }
}
