import type { Gibibytes, GuestId, Mebibytes } from '../ids.js';

/** Everything needed to create one guest; also what is recorded of it and compared with what is observed. */
export interface GuestSpec {
  /** Our identity of the guest: goes into its ownership stamp. */
  readonly id: GuestId;
  /** `stack/instance/guest`, unique in the site. */
  readonly key: string;
  readonly substrate: string;
  readonly node: string;
  /** Planned id; the step takes another one of the site's range when a stranger has it by then. */
  readonly vmid: number;
  readonly kind: 'container' | 'vm';
  /** DNS label. */
  readonly hostname: string;
  /** Site domain. */
  readonly domain: string;
  /** Volume id of the template, see SiteImage. */
  readonly image: string;
  /** Substrate storage for root disk and volumes. */
  readonly storage: string;
  readonly cpus: number;
  readonly memoryMiB: Mebibytes;
  readonly diskGiB: Gibibytes;
  readonly volumes: readonly { readonly name: string; readonly path: string; readonly sizeGiB: Gibibytes }[];
  readonly network: {
    readonly zone: string;
    readonly bridge: string;
    readonly vlan?: number;
    readonly address: string;
    readonly prefix: number;
    readonly gateway: string;
    /** Derived from the guest's key: a rolled-back guest keeps its neighbours. */
    readonly mac: string;
  };
  readonly nameservers: readonly string[];
  readonly features: readonly string[];
  readonly pool?: string;
}

/** The ownership stamp: written at creation, re-read and compared before every stop, destroy, rollback, resize. */
export interface OwnershipStamp {
  readonly guest: GuestId;
  readonly site: string;
  readonly stack: string;
}

/** One rule of a guest's own firewall: inbound, everything not listed is dropped. */
export interface GuestRule {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** CIDR; absent: anywhere. */
  readonly source?: string;
  /** Why it is there: `http-route of wiki`. */
  readonly comment: string;
}
