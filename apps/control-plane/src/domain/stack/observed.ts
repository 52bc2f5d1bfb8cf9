import type { Gibibytes, GuestId, Mebibytes } from '../ids.js';

/** What a substrate says, read fresh for each plan. */
export interface ObservedSubstrate {
  readonly name: string;
  readonly nodes: readonly ObservedNode[];
  readonly storages: readonly ObservedStorage[];
  /** All guests, ours and strangers. */
  readonly guests: readonly ObservedGuest[];
  /** Volume ids of images that are there. */
  readonly images: readonly { readonly node: string; readonly volume: string }[];
}

export interface ObservedNode {
  readonly name: string;
  readonly online: boolean;
  readonly cpus: number;
  readonly memoryMiB: Mebibytes;
  readonly freeMemoryMiB: Mebibytes;
}

export interface ObservedStorage {
  readonly name: string;
  /** Absent: shared, reachable from every node. */
  readonly node?: string;
  readonly content: readonly string[];
  readonly totalGiB: Gibibytes;
  readonly freeGiB: Gibibytes;
}

export interface ObservedGuest {
  readonly vmid: number;
  readonly node: string;
  readonly kind: 'container' | 'vm';
  readonly name: string;
  readonly status: 'running' | 'stopped' | 'suspended' | 'unknown';
  /** The ownership stamp's guest id, when it carries one of ours. */
  readonly stamp?: GuestId;
  readonly cpus?: number;
  readonly memoryMiB?: Mebibytes;
  readonly diskGiB?: Gibibytes;
  /** Mount path → size, for our guests. */
  readonly volumes?: Readonly<Record<string, Gibibytes>>;
  readonly lock?: string;
}

/** Settings of one of our guests that somebody may have changed by hand; read guest by guest, so not part of the overview. */
export interface GuestSettings {
  /** Carries our ownership stamp in every place where it must be. */
  readonly stamped: boolean;
  readonly startsAtBoot: boolean;
  /** As configured; the overview's disk is what the guest's own file system shows, which is some percent less. */
  readonly cpus: number;
  readonly memoryMiB: Mebibytes;
  readonly diskGiB?: Gibibytes;
  /** Of its first network card. */
  readonly bridge?: string;
  readonly vlan?: number;
  readonly mac?: string;
}
