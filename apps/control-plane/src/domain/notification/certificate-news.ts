import type { Instant } from '../ids.js';
import { type NotificationEvent, plainLine } from './event.js';

/** A certificate that is in use, as far as its end is concerned. */
export interface KeptCertificate {
  readonly name: string;
  readonly serial: string;
  readonly notAfter: Instant;
}

const DAY_MS = 24 * 3600_000;
/** Told so many days before the end; what is renewed in time never gets there. */
const STAGES = [0, 1, 7, 21] as const;

/** The news that a certificate ends soon, once for each stage. */
export function certificateNews(
  certificate: KeptCertificate,
  site: string | undefined,
  now: Instant,
): NotificationEvent | undefined {
  const left = certificate.notAfter - now;
  const stage = STAGES.find((days) => left < days * DAY_MS);
  if (stage === undefined) return undefined;
  return {
    kind: 'certificate-expiring',
    key: `certificate/${certificate.serial}/${stage}`,
    at: now,
    ...(site === undefined ? {} : { site }),
    facts: { name: plainLine(certificate.name), days: Math.floor(left / DAY_MS), until: certificate.notAfter },
  };
}
