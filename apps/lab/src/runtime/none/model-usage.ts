/**
 * What a guest without processes claims to use: an idle office server, made from its definition, its id and the time alone, so two
 * reads agree and counters only grow while it runs. `docs/reference/lab-differences.md` says that it is a model.
 */
import type { GuestDefinition, GuestUsage } from '../guest-runtime.port.js';

export type ModelUsage = Omit<GuestUsage, 'running' | 'pid' | 'uptimeSeconds'>;

export const NOTHING: ModelUsage = {
  cpu: 0,
  memoryBytes: 0,
  diskBytes: 0,
  netInBytes: 0,
  netOutBytes: 0,
  diskReadBytes: 0,
  diskWriteBytes: 0,
};

/** Milliseconds since the epoch. */
export function modelUsage(definition: GuestDefinition, now: number, since: number): ModelUsage {
  const seconds = Math.max(0, (now - since) / 1000);
  // Spreads guests with neighbouring ids over 0 to 1.
  const own = (definition.vmid * 0.618_034) % 1;
  const wave = (1 + Math.sin(now / 300_000 + own * 6.283)) / 2;
  return {
    cpu: 0.004 + 0.03 * own + 0.02 * wave,
    // Caches fill in the first minutes.
    memoryBytes: Math.floor(definition.memoryBytes * (0.1 + 0.15 * own + 0.1 * (1 - Math.exp(-seconds / 600)))),
    diskBytes: Math.floor(Math.min(definition.root.sizeBytes * 0.8, 400 * 2 ** 20 * (1 + own) + seconds * 200)),
    netInBytes: Math.floor(20_000 + seconds * (300 + 2000 * own)),
    netOutBytes: Math.floor(8000 + seconds * (200 + 1500 * own)),
    diskReadBytes: Math.floor(60 * 2 ** 20 * (1 - Math.exp(-seconds / 20)) + seconds * 100 * own),
    diskWriteBytes: Math.floor(4 * 2 ** 20 + seconds * (500 + 3000 * own)),
  };
}
