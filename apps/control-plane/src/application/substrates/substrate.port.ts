import type { GuestId, Instant } from '../../domain/ids.js';
import type { GuestRule, GuestSpec, OwnershipStamp } from '../../domain/stack/guest-spec.js';
import type { GuestSettings, ObservedGuest, ObservedSubstrate } from '../../domain/stack/observed.js';

/** Where a guest is: identity is (substrate, stamp); node and vmid are attributes that may change. */
export interface GuestLocation {
  readonly vmid: number;
  readonly node: string;
  readonly kind: 'container' | 'vm';
}

export interface CallContext {
  readonly signal: AbortSignal;
  /** Every wait ends here with a `deadline` failure that says what was waited for. */
  readonly deadline: Instant;
  /** Called whenever a wait has a (new) reason: `clone of wiki-1 on pve2`, `lock (backup) of guest 104`. */
  readonly waitingFor?: (what: string) => void;
  /** Lines of the substrate's own task log. */
  readonly log?: (line: string) => void;
  /**
   * Called with the id of an outside task as soon as it is known, before it is waited for. The step stores it, so that a
   * worker that takes over adopts the running task (see `adopt`) instead of starting a second one.
   */
  readonly taskStarted?: (task: string) => Promise<void>;
  /**
   * Called with an id before a guest is asked for under it, every time. Resolved when it is stored: whoever takes the
   * creation back looks there. Throws when this worker lost its lease.
   */
  readonly asking?: (vmid: number) => Promise<void>;
  /** Task id stored by an earlier holder of the same step. */
  readonly adopt?: string;
  /** Throws when this worker lost its lease. Called before each outside effect. */
  readonly fence: () => Promise<void>;
}

/**
 * A substrate: where guests run. All methods throw `WorldFailure` (codes under `substrate.*`, `guest.*`) or `Refusal`
 * (`guest.not_ours`, `permission.missing`, `certificate.foreign`). All are idempotent: they observe, then act, so a
 * step that was interrupted simply calls again. Destructive ones re-read the ownership stamp and compare it first.
 */
export interface Substrate {
  /** Everything the planner needs, in few calls; 10,000 guests must be fine. */
  observe(context: CallContext): Promise<ObservedSubstrate>;
  /** Looks by ownership stamp over all nodes; undefined when there is none. */
  findGuest(guest: GuestId, context: CallContext): Promise<(ObservedGuest & GuestLocation) | undefined>;
  /** Settings of a guest at that place, whoever's it is; undefined when there is none. */
  guestSettings(guest: GuestId, at: GuestLocation, context: CallContext): Promise<GuestSettings | undefined>;
  /** Creates the guest stopped, stamped, with network, keys and volumes. Tries the next id when `spec.vmid` was taken by a stranger. */
  createGuest(
    spec: GuestSpec,
    stamp: OwnershipStamp,
    access: GuestAccess,
    ids: GuestIdSource,
    context: CallContext,
  ): Promise<GuestLocation>;
  startGuest(at: OwnedGuest, context: CallContext): Promise<void>;
  /** Asks politely, then after `graceMs` stops hard. */
  stopGuest(at: OwnedGuest, graceMs: number, context: CallContext): Promise<void>;
  /** Stops, destroys with purge, waits, confirms that guest and volumes are gone. Gone already is success. */
  destroyGuest(at: OwnedGuest, context: CallContext): Promise<void>;
  /**
   * Takes away what a creation that never came to its end has left: waits for what still runs, destroys the guest that
   * carries the stamp, removes volumes at ids that no guest has. Other people's guests are left alone. Refuses with
   * `guest.unfinished` while something is there that only the substrate's own administrator may remove. Nothing there is success.
   */
  clearGuest(left: UnfinishedGuest, context: CallContext): Promise<void>;
  /** Whether the guest starts with its node. */
  setStartsAtBoot(at: OwnedGuest, starts: boolean, context: CallContext): Promise<void>;
  resizeGuest(
    at: OwnedGuest,
    size: { cpus: number; memoryMiB: number; reboot: boolean },
    context: CallContext,
  ): Promise<void>;
  growDisk(at: OwnedGuest, disk: 'root' | { path: string }, sizeGiB: number, context: CallContext): Promise<void>;
  /**
   * Moves the guest to another node of the substrate and answers where it is then. A machine moves while it runs, a running
   * container is restarted by it. With `running` it runs afterwards, else it is as it was. On that node already is success.
   */
  moveGuest(at: OwnedGuest, node: string, running: boolean, context: CallContext): Promise<GuestLocation>;
  /** The domain of the guest's own name, for its next starts. Nothing inside a running guest changes by it. */
  setSearchDomain(at: OwnedGuest, domain: string, context: CallContext): Promise<void>;
  /** Replaces the guest's whole inbound rule set; everything not listed is dropped. */
  setFirewall(at: OwnedGuest, rules: readonly GuestRule[], context: CallContext): Promise<void>;
  snapshotGuest(at: OwnedGuest, name: string, context: CallContext): Promise<void>;
  rollbackGuest(at: OwnedGuest, name: string, context: CallContext): Promise<void>;
  removeSnapshot(at: OwnedGuest, name: string, context: CallContext): Promise<void>;
  /** OpenSSH public host keys of a running guest, read out of band (console of a container, agent of a machine): never over SSH itself. */
  readHostKeys(at: OwnedGuest, context: CallContext): Promise<readonly string[]>;
  /** Makes an image available on a node; downloads it when a url is given. */
  ensureImage(
    image: { node: string; volume: string; url?: string; sha256?: string },
    context: CallContext,
  ): Promise<void>;
  /** Stops an outside task that was started by a step which is being cancelled. Gone or ended already is success. */
  abortTask(task: string, context: CallContext): Promise<void>;
  /** How busy the guest was, oldest first; points without a figure are left out. */
  figures(at: GuestLocation, range: FigureRange, context: CallContext): Promise<readonly Figure[]>;
  /** What is missing for us to work here, each with its remedy (rights, storage, images, bridges, firewall, time). */
  doctor(context: CallContext): Promise<readonly DoctorFinding[]>;
}

export const FIGURE_RANGES = ['hour', 'day', 'week', 'month', 'year'] as const;
export type FigureRange = (typeof FIGURE_RANGES)[number];

/** One point of a guest's history: averages over the point's time. */
export interface Figure {
  readonly at: Instant;
  /** Share of its processors, 0…1. */
  readonly cpu: number;
  readonly memoryBytes: number;
  readonly memoryMaxBytes: number;
  /** Of the root disk; 0 where the substrate cannot know (machines). */
  readonly diskBytes: number;
  readonly diskMaxBytes: number;
  /** Bytes a second. */
  readonly netIn: number;
  readonly netOut: number;
}

export interface OwnedGuest {
  readonly guest: GuestId;
  readonly stamp: OwnershipStamp;
  /** Last known place; the adapter looks further when the guest has moved. */
  readonly at: GuestLocation;
}

/** What is known of a guest whose creation did not come to its end. */
export interface UnfinishedGuest {
  readonly stamp: OwnershipStamp;
  readonly node: string;
  readonly kind: 'container' | 'vm';
  /** Where its volumes were to be made. */
  readonly storage: string;
  /** Ids it was asked for under. At each no guest and no volume was seen right before. */
  readonly vmids: readonly number[];
  /** When it was last asked for: a request may be under way for a while after that. */
  readonly askedAt?: Instant;
  /** Where the guest of that stamp is after all: not to be touched. */
  readonly spare?: number;
}

export interface GuestAccess {
  /** OpenSSH public key of the control plane for root (containers) or the image's user (machines). */
  readonly sshPublicKey: string;
}

/** Reserves another guest id of the site's range for this guest (a lease in the database, shared by all workers). */
export interface GuestIdSource {
  next(taken: number): Promise<number>;
}

export interface DoctorFinding {
  readonly severity: 'ok' | 'warning' | 'error';
  readonly code: string;
  readonly subject: string;
  readonly message: string;
  readonly remedy?: string;
}

/** Substrates of a site by name. */
export interface Substrates {
  get(site: string, substrate: string): Promise<Substrate>;
}
