import type { KeptCertificate } from '../../domain/notification/certificate-news.js';

/** A certificate with its key, PEM. `certificate` holds the chain below the root, leaf first. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly privateKey: string;
  readonly caCertificate: string;
  readonly serial: string;
  readonly notAfter: number;
}

/** The site's own CA. The root key stays in the secret store of the control plane. */
export interface CertificateAuthority {
  /** Root certificate of the site, made on first use. PEM. */
  root(site: { name: string; domain: string }): Promise<string>;
  /** Kept under `name` and returned again until the names change or two thirds of its life have passed. */
  issue(
    site: { name: string; domain: string },
    name: string,
    request: {
      kind: 'leaf' | 'authority';
      commonName: string;
      dnsNames: readonly string[];
      addresses: readonly string[];
    },
  ): Promise<IssuedCertificate>;
  /** What is kept under `name`, whether or not it should be renewed. */
  find(site: { name: string }, name: string): Promise<IssuedCertificate | undefined>;
  /** The root and everything that is kept for the site. */
  kept(site: { name: string }): Promise<readonly KeptCertificate[]>;
  /** Forgets what was issued under names with this prefix. */
  forgetUnder(prefix: string): Promise<void>;
}
