import { FORGET_MS, type LockScope, waitMs } from '../../domain/account/lock-out.js';
import { Refusal } from '../../domain/problem.js';
import type { Clock } from '../clock.port.js';
import type { FailureStore } from './account-store.port.js';

/** A try that has been counted as failed until it turns out otherwise. */
export interface Attempt {
  /** It was right: the person's own failures are forgiven. */
  succeeded(): Promise<void>;
  /** It was neither right nor wrong. */
  takenBack(): Promise<void>;
}

/** Counts tries to prove who one is, by whatever means, and makes who fails too often wait. */
export class Attempts {
  constructor(
    private readonly failures: FailureStore,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly sha256: (text: string) => string,
  ) {}

  /** `name` absent: not known yet who it is, so only the address counts. Fails with `auth.locked`. */
  async begin(address: string, name?: string): Promise<Attempt> {
    const keys = this.#keys(address, name);
    const all = Object.values(keys);
    const now = this.clock.now();
    const before = await this.failures.count(all, now, now - FORGET_MS);
    const scopes = Object.keys(keys) as LockScope[];
    const wait = Math.max(...scopes.map((scope) => waitMs(scope, before.get(keys[scope] ?? ''), now)));
    const takenBack = () => this.failures.uncount(all);
    if (wait > 0) {
      // A try that was not let in is none: it must not make the wait longer.
      await takenBack();
      throw locked(wait);
    }
    return {
      takenBack,
      succeeded: async () => {
        await this.failures.uncount(all.filter((key) => key !== keys.pair));
        if (keys.pair !== undefined) await this.failures.clear([keys.pair]);
      },
    };
  }

  /** Keys are hashes: what was typed is not kept. */
  #keys(address: string, name: string | undefined): Partial<Record<LockScope, string>> {
    const key = (...parts: string[]) => this.sha256(JSON.stringify(parts));
    return {
      ...(name === undefined ? {} : { pair: key('pair', name, address), name: key('name', name) }),
      address: key('address', address),
    };
  }
}

const locked = (wait: number): Refusal =>
  new Refusal({
    code: 'auth.locked',
    subject: 'log-in',
    message: `Too many failed log-ins; the next try is possible in ${Math.ceil(wait / 1000)} seconds.`,
    remedy: 'Wait, then try again; an admin can give you a new password.',
    details: { retryAfterMs: wait },
  });
