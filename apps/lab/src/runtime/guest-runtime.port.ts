/**
 * What the API half of the lab (apps/lab/src/api) asks of whatever runs its guests. Two implementations: `lxc` (real
 * Linux system containers) and `none` (API-only mode: no process, no disk, no root needed).
 *
 * The API half owns all configuration and state that Proxmox would keep (config files, tasks, locks); the runtime owns
 * only what exists in the kernel and on disk. Every method is idempotent: asked twice, it ends in the same state, so a
 * lab that was killed half-way simply asks again. Errors are `RuntimeError`; their message is fit to be the exit text
 * of a task. Every wait ends with the signal.
 */

/** A zone's wire: what a Proxmox bridge with an optional VLAN tag is. `bridge` + `vlan` is its identity. */
export interface LabNetwork {
  readonly bridge: string;
  readonly vlan?: number;
  /** IPv4 network in CIDR notation; the lab's router holds `gateway` in it. */
  readonly cidr: string;
  readonly gateway: string;
}

export interface GuestNic {
  /** Name inside the guest: `eth0`. */
  readonly name: string;
  readonly bridge: string;
  readonly vlan?: number;
  readonly mac: string;
  /** `address/prefix`, or `manual` for none. */
  readonly address: string;
  readonly gateway?: string;
  /** Whether the guest's firewall rules apply to this interface. */
  readonly firewall: boolean;
}

/** A volume as the runtime knows it: a directory tree (btrfs subvolume or overlay) named by its Proxmox volume name. */
export interface RuntimeVolume {
  readonly storage: string;
  /** `subvol-100-disk-0`, `vm-100-disk-0`, `base-9000-disk-0`: unique within the storage. */
  readonly name: string;
  readonly sizeBytes: number;
}

export interface GuestDefinition {
  readonly vmid: number;
  readonly node: string;
  readonly hostname: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly root: RuntimeVolume;
  readonly mounts: readonly { readonly volume: RuntimeVolume; readonly path: string }[];
  readonly nics: readonly GuestNic[];
  readonly nameservers: readonly string[];
  readonly searchDomain?: string;
  /** Public keys for root (containers) or for `user` (machines through cloud-init fields). */
  readonly sshKeys: readonly string[];
  readonly user?: string;
  /** Password hash (crypt(3)) for root or `user`; never a clear password. */
  readonly passwordHash?: string;
  /** cloud-init user-data to apply at first boot, already complete. */
  readonly userData?: string;
  readonly nesting: boolean;
}

export interface FirewallRule {
  readonly direction: 'in' | 'out';
  readonly action: 'ACCEPT' | 'DROP' | 'REJECT';
  readonly source?: string;
  readonly destination?: string;
  readonly protocol?: string;
  /** `80`, `80:90` or `80,443`. */
  readonly ports?: string;
}

export interface GuestFirewall {
  readonly enabled: boolean;
  readonly policyIn: 'ACCEPT' | 'DROP' | 'REJECT';
  readonly policyOut: 'ACCEPT' | 'DROP' | 'REJECT';
  readonly rules: readonly FirewallRule[];
}

export interface GuestUsage {
  readonly running: boolean;
  /** Host pid of the guest's init while it runs. */
  readonly pid?: number;
  readonly uptimeSeconds: number;
  readonly cpu: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly netInBytes: number;
  readonly netOutBytes: number;
  /** Since the start, as the network's. */
  readonly diskReadBytes: number;
  readonly diskWriteBytes: number;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** An interactive shell in the guest (what Proxmox's termproxy with cmode=shell gives); bytes both ways. */
export interface GuestConsole {
  write(data: Buffer | string): void;
  resize(columns: number, rows: number): void;
  onData(listener: (data: Buffer) => void): void;
  onClose(listener: () => void): void;
  close(): void;
}

export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
}

export interface GuestRuntime {
  /** Brings up switch, router, storage and proxy; adopts guests that still run. */
  open(networks: readonly LabNetwork[], signal: AbortSignal): Promise<void>;
  /** Lets go of everything that does not outlive the lab process; guests keep running when `keepGuests`. */
  close(options: { keepGuests: boolean }): Promise<void>;

  /** Image file names (`debian-12-bastide_12.0_amd64.tar.zst`) that `createVolume` can unpack, with their sizes. */
  images(): Promise<readonly { readonly name: string; readonly sizeBytes: number }[]>;

  /** A new volume, from an image (`{ image }`), empty (`{ empty: true }`) or as a copy-on-write clone of another one. */
  createVolume(
    volume: RuntimeVolume,
    from: { image: string } | { empty: true } | { clone: RuntimeVolume; fresh: boolean },
    signal: AbortSignal,
  ): Promise<void>;
  resizeVolume(volume: RuntimeVolume): Promise<void>;
  removeVolume(volume: RuntimeVolume): Promise<void>;
  volumeUsage(volume: RuntimeVolume): Promise<number>;
  /** Point-in-time copy of several volumes at once, under a name. */
  snapshotVolumes(volumes: readonly RuntimeVolume[], snapshot: string): Promise<void>;
  rollbackVolumes(volumes: readonly RuntimeVolume[], snapshot: string): Promise<void>;
  removeSnapshot(volumes: readonly RuntimeVolume[], snapshot: string): Promise<void>;
  /** Writes the volumes as one tar.zst stream to a file / reads it back. */
  backupVolumes(volumes: readonly RuntimeVolume[], file: string, signal: AbortSignal): Promise<void>;
  restoreVolumes(volumes: readonly RuntimeVolume[], file: string, signal: AbortSignal): Promise<void>;

  /** Boots the guest; resolves once its init runs (not once it is ready to log in). */
  start(guest: GuestDefinition, signal: AbortSignal): Promise<void>;
  /** Asks init to power off; rejects with RuntimeError when it did not within the time-out. */
  shutdown(vmid: number, timeoutSeconds: number, signal: AbortSignal): Promise<void>;
  stop(vmid: number): Promise<void>;
  reboot(guest: GuestDefinition, timeoutSeconds: number, signal: AbortSignal): Promise<void>;
  suspend(vmid: number): Promise<void>;
  resume(vmid: number): Promise<void>;
  /** New limits for a running guest. */
  limit(vmid: number, limits: { cpus: number; memoryBytes: number }): Promise<void>;
  usage(vmid: number): Promise<GuestUsage>;
  /** Only where use is a model: that of any moment (milliseconds since the epoch) of the guest's present run. */
  usageAt?(vmid: number, time: number): GuestUsage;
  /** Addresses per interface as the guest sees them. */
  addresses(
    vmid: number,
  ): Promise<readonly { readonly name: string; readonly mac: string; readonly addresses: readonly string[] }[]>;

  exec(vmid: number, command: readonly string[], options: { input?: Buffer; timeoutMs: number }): Promise<ExecResult>;
  writeFile(vmid: number, path: string, content: Buffer, mode: number): Promise<void>;
  readFile(vmid: number, path: string, limitBytes: number): Promise<Buffer>;
  console(vmid: number): Promise<GuestConsole>;

  /** Replaces the whole rule set of one guest. */
  firewall(guest: { vmid: number; nics: readonly GuestNic[] }, firewall: GuestFirewall): Promise<void>;

  /** Called when a guest's init ends by itself (poweroff inside, crash). */
  onExit(listener: (vmid: number) => void): void;
}
