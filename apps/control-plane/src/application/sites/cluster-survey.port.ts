/** The certificate a server shows, before anybody trusts it. Times are milliseconds since 1970. */
export interface ShownCertificate {
  /** SHA-256, upper-case hex with colons. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly issuer: string;
  readonly validUntil: number;
}

/** What a cluster has to offer to a site that does not exist yet. */
export interface ClusterSurvey {
  readonly version: string;
  readonly nodes: readonly string[];
  readonly storages: readonly {
    readonly name: string;
    readonly content: readonly string[];
    readonly freeGiB: number;
  }[];
  /** Volume ids of container templates that every node has, or shares. */
  readonly templates: readonly string[];
  readonly bridges: readonly { readonly name: string; readonly cidr?: string; readonly gateway?: string }[];
  /** Ids that are taken. */
  readonly guestIds: readonly number[];
}

/** Looks at clusters that are no site yet. */
export interface Surveyor {
  /**
   * TLS handshake alone: nothing is sent, nothing is trusted. Refuses with `request.invalid` what is no cluster's
   * address (link-local, multicast), and with `substrate.unreachable` what does not answer.
   */
  probe(endpoint: string, signal: AbortSignal): Promise<ShownCertificate>;
  /** Reads, with the certificate that the admin confirmed. `token`: `user@realm!tokenid=uuid`. */
  survey(
    access: { readonly endpoint: string; readonly fingerprint: string; readonly token: string },
    signal: AbortSignal,
  ): Promise<ClusterSurvey>;
}

/** A site that is offered ready-made: the lab of a demo. */
export interface OfferedSite {
  readonly document: string;
  readonly credentials: Readonly<Record<string, string>>;
}
