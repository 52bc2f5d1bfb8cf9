import type { Instant, Milliseconds } from '../ids.js';

export interface Validity {
  readonly notBefore: Instant;
  readonly notAfter: Instant;
}

/** When a certificate is renewed: after two thirds of its life, give or take a little by `chance` in [0, 1), so that many do not ask at once. */
export const renewAt = ({ notBefore, notAfter }: Validity, chance: number): Instant =>
  notBefore + (notAfter - notBefore) * (0.65 + 0.05 * chance);

const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 12 * 3600_000;

/** How long to wait after so many failures in a row (≥ 1): authorities count who asks too often. */
export const waitAfterFailures = (failures: number, chance: number): Milliseconds =>
  Math.round(Math.min(FIRST_WAIT_MS * 4 ** Math.min(failures - 1, 12), LONGEST_WAIT_MS) * (0.8 + 0.4 * chance));

/** Whether the time of the next try has come. One that lies further away than any wait was set by a wrong clock. */
export const mayTry = (nextAt: Instant, now: Instant): boolean => now >= nextAt || nextAt - now > 1.2 * LONGEST_WAIT_MS;
