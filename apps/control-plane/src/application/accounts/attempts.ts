import { FORGET_MS, type LockScope, waitMs } from '../../domain/account/lock-out.js';
import { networkOf } from '../../domain/account/network.js';
import { Refusal } from '../../domain/problem.js';
import type { Clock } from '../clock.port.js';
import type { FailureStore } from './account-store.port.js';
import type { KnownDevices } from './known-devices.js';
import type { Origin } from './sessions.js';

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
    private readonly devices: Pick<KnownDevices, 'knows'>,
  ) {}

  /**
   * `name` absent: not known yet who it is, so only the address counts. `guessable: false`: what is tried is no short
   * text, so what others typed under the name is no reason to wait. A browser with which this person came in before counts
   * for itself alone: strangers lock nobody out of it. Fails with `auth.locked`.
   */
  async begin(origin: Origin, name?: string, { guessable = true } = {}): Promise<Attempt> {
    const keys: Partial<Record<LockScope, string>> =
      name !== undefined && (await this.devices.knows(name, origin))
        ? { pair: this.#key('device', name, origin.device ?? '') }
        : this.#keys(networkOf(origin.address), guessable ? name : undefined);
    const all = Object.values(keys);
    const now = this.clock.now();
    const before = await this.failures.count(all, now, now - FORGET_MS);
    const scopes = Object.entries(keys) as [LockScope, string][];
    const wait = Math.max(...scopes.map(([scope, key]) => waitMs(scope, before.get(key), now)));
    const takenBack = () => this.failures.uncount(all);
    if (wait > 0) {
      // A try that was not let in is none: it must not make the wait longer.
      await takenBack();
      throw locked(wait);
    }
    return {
      takenBack,
      succeeded: async () => {
        const { pair, ...others } = keys;
        if (Object.keys(others).length > 0) await this.failures.uncount(Object.values(others));
        if (pair !== undefined) await this.failures.clear([pair]);
      },
    };
  }

  /** Keys are hashes: what was typed is not kept. */
  #keys(address: string, name: string | undefined): Partial<Record<LockScope, string>> {
    return {
      ...(name === undefined ? {} : { pair: this.#key('pair', name, address), name: this.#key('name', name) }),
      address: this.#key('address', address),
    };
  }

  #key(...parts: string[]): string {
    return this.sha256(JSON.stringify(parts));
  }
}

const locked = (wait: number): Refusal =>
  new Refusal({
    code: 'auth.locked',
    subject: 'log-in',
    message: `Too many failed log-ins; the next try is possible in ${Math.ceil(wait / 1000)} seconds.`,
    remedy:
      'Wait, then try again. A browser you signed in with before and a passkey need not wait for what others typed.',
    details: { retryAfterMs: wait },
  });
