import { monotonicFactory } from 'ulid';
import type { NewId } from '../../application/clock.port.js';

/** `run_01J…`: ordered by time, also within one millisecond of one process. */
export class UlidIds implements NewId {
  private readonly ulid = monotonicFactory();

  next<P extends string>(prefix: P): `${P}_${string}` {
    return `${prefix}_${this.ulid()}`;
  }
}
