/** What a lab is started with, and what the caller gets back. */
import type { GuestRuntime, LabNetwork } from './runtime/guest-runtime.port.js';

export type StorageType = 'dir' | 'zfspool' | 'lvmthin' | 'nfs' | 'btrfs';

export interface LabStorage {
  /** `local`, `local-zfs` … */
  readonly id: string;
  readonly type: StorageType;
  /** `images`, `rootdir`, `vztmpl`, `iso`, `backup`, `snippets`, `import`. */
  readonly content: readonly string[];
  /** Bytes the storage claims to hold; default 1 TiB. */
  readonly sizeBytes?: number;
  readonly shared?: boolean;
  /** Only on these nodes; default all. */
  readonly nodes?: readonly string[];
}

export interface LabOptions {
  /** Names the cluster and everything the lab makes on this machine. */
  readonly name: string;
  /** Absolute folder of the lab's own; made when missing. */
  readonly stateDir: string;
  /** Port 0 takes a free one. Default 127.0.0.1:8006. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** Needed to listen on anything but loopback. */
  readonly allowRemote?: boolean;
  /** Node names, the first is the one that answers. Default `['lab1']`. */
  readonly nodes?: readonly string[];
  readonly guests: 'none' | 'lxc';
  /** Runs the guests instead of the one `guests` names. */
  readonly runtime?: GuestRuntime;
  readonly networks?: readonly LabNetwork[];
  readonly storages?: readonly LabStorage[];
  /** Where `nextid` looks: `lower` included, `upper` not, as in the real datacenter option. */
  readonly idRange?: { readonly lower: number; readonly upper: number };
  /** Milliseconds at least per task type, `*` for all others. */
  readonly latencies?: Readonly<Record<string, number>>;
  /** Switches POST /lab/faults on. */
  readonly faults?: boolean;
  /** Shrinks the times of HA (fenced after 67 s, elsewhere after 128 s): 0.01 makes them hundredths. Default 1. */
  readonly haTimeScale?: number;
  /** How far /cluster/resources is behind; the real pvestatd takes 10 s (default). 0 = always fresh. */
  readonly figuresLagSeconds?: number;
  readonly users?: readonly { readonly userid: string; readonly password: string }[];
  /** `tokenid` is `user@realm!name`; the user is made when missing. */
  readonly tokens?: readonly { readonly tokenid: string; readonly secret: string; readonly privsep?: boolean }[];
  /** Milliseconds since the epoch; the machine's clock by default. */
  readonly now?: () => number;
  /** Given at first start only; made up otherwise and kept in `stateDir`. */
  readonly rootPassword?: string;
  /** Hears what the runtime has to say, with facts as fields. */
  readonly log?: (message: string, fields?: Record<string, unknown>) => void;
}

export interface RunningLab {
  readonly url: string;
  readonly port: number;
  /** SHA-256 of the served certificate, `AB:CD:…`. */
  readonly fingerprint: string;
  /** PEM of the authority that signed it. */
  readonly caCertificate: string;
  /** `root@pam!bastide=<secret>`: what follows `PVEAPIToken=` in the Authorization header. */
  readonly rootToken: string;
  readonly credentials: { readonly username: string; readonly password: string };
  readonly nodes: readonly string[];
  readonly idRange: { readonly lower: number; readonly upper: number };
  /** Ends requests and tasks. Guests stop unless `keepGuests`. */
  close(options?: { keepGuests?: boolean }): Promise<void>;
}

export const DEFAULT_STORAGES: readonly LabStorage[] = [
  { id: 'local', type: 'dir', content: ['iso', 'vztmpl', 'backup', 'images', 'rootdir', 'snippets', 'import'] },
  { id: 'local-zfs', type: 'zfspool', content: ['images', 'rootdir'] },
];

export const DEFAULT_NETWORKS: readonly LabNetwork[] = [
  { bridge: 'vmbr0', cidr: '10.210.0.0/16', gateway: '10.210.0.1' },
];
