import type { ObservedGuest } from './observed.js';
import type { RecordedGuest } from './stack.js';

/** One difference between the record and the world, of a guest somebody changed by hand. */
export interface Drift {
  readonly kind: 'missing' | 'stopped' | 'moved' | 'resized';
  readonly field: 'presence' | 'status' | 'node' | 'vmid' | 'cpus' | 'memoryMiB' | 'diskGiB';
  readonly recorded: string | number;
  readonly observed: string | number;
}

/** A guest that was moved is followed, not fought; the next plan puts back what else it finds. */
export function driftOf(recorded: RecordedGuest, observed: ObservedGuest | undefined): readonly Drift[] {
  if (!observed) return [{ kind: 'missing', field: 'presence', recorded: 'there', observed: 'gone' }];
  const found: Drift[] = [];
  if (observed.status === 'stopped') {
    found.push({ kind: 'stopped', field: 'status', recorded: 'running', observed: observed.status });
  }
  if (observed.node !== recorded.node) {
    found.push({ kind: 'moved', field: 'node', recorded: recorded.node, observed: observed.node });
  }
  if (observed.vmid !== recorded.vmid) {
    found.push({ kind: 'moved', field: 'vmid', recorded: recorded.vmid, observed: observed.vmid });
  }
  for (const field of ['cpus', 'memoryMiB', 'diskGiB'] as const) {
    const now = observed[field];
    const then = recorded.spec[field];
    // Sizes come back rounded by the substrate.
    if (now !== undefined && Math.abs(now - then) > (field === 'diskGiB' ? 0.1 : 0)) {
      found.push({ kind: 'resized', field, recorded: then, observed: now });
    }
  }
  return found;
}
