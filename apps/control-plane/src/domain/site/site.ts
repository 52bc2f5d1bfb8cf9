/** One place that is administered together (site.yaml), checked and normalised. Secrets are references, never values. */
export interface Site {
  readonly name: string;
  readonly domain: string;
  readonly country: string;
  readonly locale: string;
  readonly timeZone: string;
  readonly adminEmail: string;
  /** Upstream resolvers; empty without Internet. */
  readonly resolvers: readonly string[];
  readonly substrates: Readonly<Record<string, SubstrateSettings>>;
  readonly zones: Readonly<Record<string, Zone>>;
  /** Addresses from which the control plane reaches guests over SSH, CIDR. */
  readonly managementNetworks: readonly string[];
}

export interface SubstrateSettings {
  readonly kind: 'proxmox';
  /** `https://host:8006`. */
  readonly endpoint: string;
  /** SHA-256 of the server's certificate, colon-separated upper-case hex, confirmed by the admin. */
  readonly fingerprint: string;
  /** `secret:pve-token`: reference to `user@realm!tokenid=uuid`. */
  readonly credential: string;
  /** Inclusive range of guest ids that are ours to use. */
  readonly guestIds: { readonly from: number; readonly to: number };
  /** Logical storage class → substrate storage. `guests` (root disks and volumes) is required. */
  readonly storageClasses: { readonly guests: string } & Readonly<Record<string, string>>;
  /** Logical image → volume id per guest kind. `url` and `sha256` allow it to be fetched when absent. */
  readonly images: Readonly<Record<string, SiteImage>>;
  /** Nodes that may be used; empty: all. */
  readonly nodes: readonly string[];
  /** Pool that all guests join; absent: none. */
  readonly pool?: string;
}

export interface SiteImage {
  readonly container?: ImageSource;
  readonly vm?: ImageSource;
}

export interface ImageSource {
  /** `local:vztmpl/debian-12-…tar.zst`, or a template guest `template:9000`. */
  readonly volume: string;
  readonly url?: string;
  readonly sha256?: string;
}

/** A network segment. Allowed flows come from bindings; everything else is denied. */
export interface Zone {
  readonly bridge: string;
  readonly vlan?: number;
  readonly cidr: string;
  readonly gateway: string;
  /** Inclusive range of addresses that are ours to give. */
  readonly addresses: { readonly from: string; readonly to: string };
}
