import type { Sha256 } from '../ids.js';
import { digestOf, type Sha256Of } from '../module/hash.js';
import type { GuestRule } from '../stack/guest-spec.js';

/**
 * Digest of what a rule set does: order and comments do not count. The step `guest.firewall` records it, the next plan
 * compares it.
 */
export function firewallDigest(rules: readonly GuestRule[], sha256: Sha256Of): Sha256 {
  const effects = rules.map(({ protocol, port, source }) => `${protocol}/${port}/${source ?? '*'}`);
  return digestOf([...new Set(effects)].sort(), sha256);
}
