/** First come, first served locks with a time-out, as Proxmox's lock files: who waits too long fails with its text. */
import { setTimeout as sleep } from 'node:timers/promises';

export class Locks {
  private readonly tails = new Map<string, Promise<void>>();

  /** Runs `work` alone under `key`. Rejects with `timeoutText` when the lock was not had in time, or with the signal. */
  async run<T>(
    key: string,
    options: { timeoutMs: number; timeoutText: string; signal: AbortSignal },
    work: () => Promise<T>,
  ): Promise<T> {
    const before = this.tails.get(key);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const tail = (before ?? Promise.resolve()).then(() => held);
    this.tails.set(key, tail);
    try {
      if (before) await this.waitFor(before, options);
      options.signal.throwIfAborted();
      return await work();
    } finally {
      release();
      if (this.tails.get(key) === tail) this.tails.delete(key);
    }
  }

  private async waitFor(
    before: Promise<void>,
    { timeoutMs, timeoutText, signal }: { timeoutMs: number; timeoutText: string; signal: AbortSignal },
  ): Promise<void> {
    const timer = new AbortController();
    try {
      await Promise.race([
        before,
        sleep(timeoutMs, undefined, { signal: AbortSignal.any([signal, timer.signal]) }).then(() => {
          throw new Error(timeoutText);
        }),
      ]);
    } finally {
      timer.abort();
    }
  }
}
