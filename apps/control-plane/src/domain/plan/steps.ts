import type { BindingId, GuestId, InstanceId, JsonObject, Sha256 } from '../ids.js';
import type { LifecycleHook } from '../module/manifest.js';
import type { GuestRule, GuestSpec } from '../stack/guest-spec.js';

/**
 * The step map. Plan, run log, API schema and executors all derive from it: adding a kind of step is adding a row, and
 * the build fails until its executor, its undo, its label and its documentation exist. Arguments are data that may be
 * stored, hashed and shown: never a secret, only references to where the executor finds it.
 */
export interface StepArgs {
  /** Bring an artifact into the control plane's store, digest verified. */
  'artifact.fetch': {
    readonly module: string;
    readonly artifact: string;
    readonly url: string;
    readonly sha256: Sha256;
  };
  /** Bring an image onto the node's storage. */
  'image.ensure': {
    readonly substrate: string;
    readonly node: string;
    readonly volume: string;
    readonly url?: string;
    readonly sha256?: string;
  };
  'guest.create': { readonly guest: GuestSpec; readonly instance: InstanceRef };
  /** `wakes`: it also starts with its node again. */
  'guest.start': { readonly guest: GuestKey; readonly wakes?: true };
  /** Learn the host key out of band, then wait until the guest takes commands. */
  'guest.ready': { readonly guest: GuestKey };
  'guest.firewall': { readonly guest: GuestKey; readonly rules: readonly GuestRule[] };
  'guest.resize': {
    readonly guest: GuestKey;
    readonly cpus: number;
    readonly memoryMiB: number;
    readonly reboot: boolean;
  };
  'guest.grow': {
    readonly guest: GuestKey;
    readonly disk: 'root' | { readonly volume: string };
    readonly sizeGiB: number;
  };
  /** To another node of its substrate: machines while they run, containers with a restart. */
  'guest.move': { readonly guest: GuestKey; readonly node: string; readonly running: boolean };
  /** Into another domain: search domain at the substrate, names inside the guest. */
  'guest.rename': { readonly guest: GuestKey; readonly domain: string };
  /** `rests`: it does not start with its node either. */
  'guest.stop': { readonly guest: GuestKey; readonly rests?: true };
  'guest.destroy': { readonly guest: GuestKey };
  /** Takes away what a creation left that never came to its end: a whole guest, half of one, its volumes, or nothing. */
  'guest.clear': { readonly guest: GuestKey; readonly id: GuestId };
  /** Makes secrets anew in the store; the hooks that follow carry them to the guests. */
  'secret.rotate': {
    readonly of:
      | { readonly kind: 'instance'; readonly instance: InstanceRef }
      | { readonly kind: 'binding'; readonly binding: BindingId; readonly interface: string };
    readonly names: readonly string[];
  };
  'hook.run': {
    readonly instance: InstanceRef;
    readonly guest: GuestKey;
    readonly hook: LifecycleHook;
    readonly timeoutMs: number;
  };
  'binding.provide': { readonly binding: BindingPlan; readonly guest: GuestKey; readonly timeoutMs: number };
  'binding.withdraw': { readonly binding: BindingPlan; readonly guest: GuestKey; readonly timeoutMs: number };
  /** Secrets, certificates, reservations and records of an instance that is gone. */
  'instance.forget': { readonly instance: InstanceRef };
}

export interface StepOutput {
  'artifact.fetch': { readonly sha256: Sha256; readonly sizeBytes: number };
  'image.ensure': { readonly volume: string };
  'guest.create': { readonly vmid: number; readonly node: string };
  'guest.start': { readonly node: string };
  'guest.ready': { readonly hostKeys: readonly string[] };
  'guest.firewall': { readonly digest: Sha256 };
  'guest.resize': { readonly cpus: number; readonly memoryMiB: number };
  'guest.grow': { readonly sizeGiB: number };
  'guest.move': { readonly node: string };
  'guest.rename': { readonly fqdn: string };
  'secret.rotate': { readonly rotated: number };
  'guest.stop': { readonly stopped: true };
  'guest.destroy': { readonly destroyed: true };
  'guest.clear': { readonly cleared: true };
  'hook.run': { readonly outputs: JsonObject; readonly inputDigest: Sha256 };
  /** Without secret fields. */
  'binding.provide': { readonly offer: JsonObject; readonly offerDigest: Sha256 };
  'binding.withdraw': { readonly withdrawn: true };
  'instance.forget': { readonly forgotten: true };
}

export type StepKind = keyof StepArgs;

/** `stack/instance/guest`. */
export type GuestKey = string;

export interface InstanceRef {
  readonly id: InstanceId;
  readonly stack: string;
  readonly name: string;
  readonly module: string;
  readonly version: string;
  readonly appVersion: string;
  readonly moduleDigest: Sha256;
  /** Interpolated, defaults filled in. */
  readonly config: JsonObject;
}

export interface BindingPlan {
  readonly id: BindingId;
  readonly interface: string;
  readonly requirement: string;
  readonly consumer: InstanceRef;
  readonly provider: InstanceRef;
  /** Key in the provider's `provides`. */
  readonly provided: string;
  /** Facts interpolated, except `binding.*`, which the executor fills in from the offers of the sibling bindings. */
  readonly request: JsonObject;
}

export type StepOf<K extends StepKind> = { readonly kind: K } & Readonly<StepArgs[K]>;
export type AnyStep = { [K in StepKind]: StepOf<K> }[StepKind];

/** What each kind is, for people (`{subject}` is filled in from PlannedStep.subject), and whether it can be stopped in the middle. */
export const STEP_TRAITS = {
  'artifact.fetch': { label: 'Fetch {subject}', cancellable: true, destructive: false },
  'image.ensure': { label: 'Provide image {subject}', cancellable: true, destructive: false },
  // Cut off in the middle it would leave a guest that no record names, and no removal would find.
  'guest.create': { label: 'Create guest {subject}', cancellable: false, destructive: false },
  'guest.start': { label: 'Start guest {subject}', cancellable: true, destructive: false },
  'guest.ready': { label: 'Wait for guest {subject}', cancellable: true, destructive: false },
  'guest.firewall': { label: 'Set firewall of {subject}', cancellable: true, destructive: false },
  'guest.resize': { label: 'Resize guest {subject}', cancellable: true, destructive: false },
  'guest.grow': { label: 'Grow disk of {subject}', cancellable: false, destructive: false },
  // Cut off in the middle, disks may lie on both nodes.
  'guest.move': { label: 'Move guest {subject}', cancellable: false, destructive: false },
  // In the store at once or not at all.
  'secret.rotate': { label: 'Make anew {subject}', cancellable: false, destructive: false },
  'guest.rename': { label: 'Give a new name to guest {subject}', cancellable: true, destructive: false },
  'guest.stop': { label: 'Stop guest {subject}', cancellable: true, destructive: true },
  'guest.destroy': { label: 'Destroy guest {subject}', cancellable: false, destructive: true },
  'guest.clear': { label: 'Clear away unfinished guest {subject}', cancellable: false, destructive: true },
  'hook.run': { label: '{subject}', cancellable: true, destructive: false },
  // As above: an account or a route at a provider that may belong to another stack.
  'binding.provide': { label: 'Bind {subject}', cancellable: false, destructive: false },
  'binding.withdraw': { label: 'Unbind {subject}', cancellable: true, destructive: true },
  'instance.forget': { label: 'Forget {subject}', cancellable: false, destructive: true },
} as const satisfies Record<StepKind, { label: string; cancellable: boolean; destructive: boolean }>;
