/** What the lab keeps: guests, volumes, storages and the small things of a cluster. Plain data, journalled as it is. */

export type GuestType = 'qemu' | 'lxc';
export type ConfigValue = string | number;
export type GuestConfig = Record<string, ConfigValue>;

export interface Snapshot {
  /** Everything but `parent`, `snaptime` and `description`. */
  readonly config: GuestConfig;
  /** Unix seconds. */
  readonly snaptime: number;
  description: string;
  parent?: string;
  readonly vmstate?: 1;
}

export interface FirewallRecord {
  options: Record<string, ConfigValue>;
  rules: Record<string, ConfigValue>[];
  aliases: Record<string, Record<string, ConfigValue>>;
  ipset: Record<string, { comment?: string; entries: Record<string, ConfigValue>[] }>;
}

export interface GuestFigures {
  readonly name: string;
  readonly status: string;
  readonly template: 0 | 1;
  readonly maxcpu: number;
  readonly maxmem: number;
  readonly maxdisk: number;
  readonly mem: number;
  readonly disk: number;
  readonly cpu: number;
  /** Bytes since the start of the guest. */
  readonly netin: number;
  readonly netout: number;
  readonly diskread: number;
  readonly diskwrite: number;
  readonly since: number;
}

export interface Guest {
  readonly vmid: number;
  readonly type: GuestType;
  node: string;
  /** Values in force, as `GET config?current=1` shows them. */
  config: GuestConfig;
  /** Values that wait for the next start. */
  pending: GuestConfig;
  pendingDelete: string[];
  /** Those of `pendingDelete` whose volume goes for good. */
  pendingForce?: string[];
  /** Values the cloud-init image was made with, of those that changed since; `added` lists new ones. */
  cloudinit?: GuestConfig;
  snapshots: Record<string, Snapshot>;
  /** Set while it runs. */
  running?: {
    readonly since: number;
    readonly pid: number;
    readonly paused?: boolean;
    /** A machine without a disk to boot from: it runs, but nothing is in it. */
    readonly hollow?: boolean;
  };
  /** Given when a container was made, and not part of its configuration. */
  setup?: { sshKeys?: string; passwordHash?: string };
  firewall?: FirewallRecord;
  /** Changes with every new installation of the guest; what its fake host key is made of. */
  readonly instance: string;
}

export interface Volume {
  readonly storage: string;
  /** Node it lies on; `*` on shared storages. */
  node: string;
  /** After the colon: `100/vm-100-disk-0.raw`, `subvol-100-disk-0`, `vztmpl/x.tar.zst`. */
  readonly name: string;
  readonly content: string;
  readonly format: string;
  size: number;
  used: number;
  vmid?: number;
  /** Unix seconds. */
  readonly ctime: number;
  /** Name of the volume it was cloned from as a linked clone. */
  readonly parent?: string;
  /** Name at the runtime; stays when the volume is renamed. */
  readonly runtimeName?: string;
  /** Storage at the runtime, where the volume has moved to another one since. */
  readonly runtimeStorage?: string;
  /** Runtime image behind a template or import volume. */
  readonly image?: string;
  /** File below the state folder, for uploads, downloads and backups. */
  readonly file?: string;
  notes?: string;
  protected?: 1;
  /** Backups: what is needed to bring the guest back. */
  readonly backup?: {
    readonly type: GuestType;
    readonly config: GuestConfig;
    readonly volumes: readonly BackupVolume[];
    readonly firewall?: FirewallRecord;
  };
}

export interface BackupVolume {
  readonly key: string;
  readonly size: number;
  readonly format: string;
}

export interface StorageRecord {
  readonly storage: string;
  /** `dir`, `zfspool`, `lvmthin` …: Proxmox's plugin names. */
  readonly type: string;
  content: string;
  /** Everything else of storage.cfg: path, pool, nodes, shared, disable … */
  options: Record<string, ConfigValue>;
  sizeBytes: number;
}

export const volumeId = (volume: Pick<Volume, 'storage' | 'name'>) => `${volume.storage}:${volume.name}`;
