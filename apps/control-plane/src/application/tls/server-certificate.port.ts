import type { Instant } from '../../domain/ids.js';

/** What the API shows at a handshake. */
export interface ServerCertificate {
  /** PEM, the server's own first, with what is between it and the root. */
  readonly certificate: string;
  readonly key: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** Hex with colons, SHA-256. */
  readonly fingerprint: string;
  readonly serial: string;
  readonly names: readonly string[];
  /** Of the control plane's own authority: people and programs have to trust it. */
  readonly authority?: { readonly certificate: string; readonly fingerprint: string };
}

/** Failures in a row and when the next try is due; kept over restarts, so that a service that starts anew again and again does not ask again and again. */
export interface RenewalMemory {
  readonly failures: number;
  readonly nextAt: Instant;
}

/** Where the certificate comes from. */
export interface CertificateSource {
  readonly kind: 'file' | 'own' | 'acme';
  /** What is kept and fits the settings. Throws `WorldFailure` when something is there that cannot be used. */
  kept(): Promise<ServerCertificate | undefined>;
  /** Makes or orders a new one and keeps it; absent: somebody else renews it. Throws `WorldFailure`. */
  renew?(signal: AbortSignal): Promise<ServerCertificate>;
  readonly memory?: {
    read(): Promise<RenewalMemory | undefined>;
    write(memory: RenewalMemory | undefined): Promise<void>;
  };
}
