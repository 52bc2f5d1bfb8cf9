import type { Instant } from '../../domain/ids.js';
import { WorldFailure } from '../../domain/problem.js';

const FAILURES_TO_OPEN = 3;
const OPEN_MS = 15_000;
const SICK = new Set(['substrate.timeout', 'substrate.node_down', 'substrate.node_broken']);

/**
 * One circuit per node and per storage of a node. After three failures in a row that mean "sick" (time-out, 595, 596)
 * calls fail at once for 15 s, so that a dead node or a hung storage does not tie up every worker; then one call is let
 * through, and its outcome decides.
 */
export class CircuitBreaker {
  readonly #circuits = new Map<string, { failures: number; openUntil: Instant; last: string }>();

  /** Throws `substrate.node_sick` while the circuit of this path is open. */
  check(path: string, now: Instant): void {
    const name = circuitOf(path);
    const circuit = name === undefined ? undefined : this.#circuits.get(name);
    if (!circuit || circuit.failures < FAILURES_TO_OPEN) return;
    if (now >= circuit.openUntil) {
      // Half open: this call is the probe; others keep failing until it has an outcome.
      circuit.openUntil = now + OPEN_MS;
      return;
    }
    throw new WorldFailure({
      code: 'substrate.node_sick',
      retryable: 'later',
      message: `${name} is left alone for a moment, because it failed ${circuit.failures} times in a row: ${circuit.last}`,
      hint: 'Look at that node and its storages.',
      details: { subject: name, retryAt: circuit.openUntil },
    });
  }

  succeeded(path: string): void {
    const name = circuitOf(path);
    if (name !== undefined) this.#circuits.delete(name);
  }

  failed(path: string, error: unknown, now: Instant): void {
    const name = circuitOf(path);
    if (name === undefined) return;
    // Any other error is an answer, and an answer means that the node lives.
    if (!(error instanceof WorldFailure) || !SICK.has(error.failure.code)) {
      if (error instanceof WorldFailure && error.failure.details?.status !== undefined) this.#circuits.delete(name);
      return;
    }
    const circuit = this.#circuits.get(name) ?? { failures: 0, openUntil: 0, last: '' };
    circuit.failures += 1;
    circuit.last = error.failure.message;
    if (circuit.failures >= FAILURES_TO_OPEN) circuit.openUntil = now + OPEN_MS;
    this.#circuits.set(name, circuit);
  }
}

/** `node pve1`, `storage nfs on pve1`, or nothing for calls that the contacted node answers itself. */
function circuitOf(path: string): string | undefined {
  const [, node, storage] = /\/nodes\/([^/?]+)(?:\/storage\/([^/?]+))?/.exec(path) ?? [];
  if (node === undefined) return undefined;
  return storage === undefined ? `node ${node}` : `storage ${storage} on ${node}`;
}
