import type { GuestSize } from '../blueprint/blueprint.js';
import type { BindingId, GuestId, InstanceId, Instant, JsonObject, Sha256, StackId } from '../ids.js';
import type { DomainOrder } from '../site/domain-change.js';
import type { IgnoredDrift } from './drift.js';
import type { GuestSpec } from './guest-spec.js';

export const STACK_STATES = ['present', 'archived', 'removed'] as const;

/** What the admin asked for. */
export interface WantedStack {
  readonly id: StackId;
  readonly name: string;
  readonly site: string;
  readonly blueprint: { readonly name: string; readonly version: string };
  readonly parameters: JsonObject;
  readonly components: Readonly<Record<string, boolean>>;
  readonly size: string;
  /** Instance name → config that overrides the blueprint's. */
  readonly config: Readonly<Record<string, JsonObject>>;
  /** `instance.guest` → size that overrides the module's and the blueprint's. */
  readonly guests?: Readonly<Record<string, GuestSize>>;
  /** `archived`: its guests are stopped and kept, with all that belongs to it; `removed`: nothing of it is wanted any more. */
  readonly state: (typeof STACK_STATES)[number];
}

/** What is asked for once. It is part of a plan, and nothing of it stays wanted after its run. */
export interface Orders {
  /** `instance.guest` → node it shall go to. */
  readonly move?: Readonly<Record<string, string>>;
  /** `instance.secret`, or `instance.requirement` for the secrets between two modules. */
  readonly rotate?: readonly string[];
  /** `instance.guest.field` of differences that are to be put back as recorded. */
  readonly restore?: readonly string[];
  /** The whole site gets another domain. */
  readonly domain?: DomainOrder;
}

/**
 * A guest whose creation has asked the substrate for it and whose record does not say yet what came of that: it may be
 * there, half or whole. Written before the substrate is asked; goes with the record of the guest, or when it is cleared.
 */
export interface BegunGuest {
  readonly spec: GuestSpec;
  readonly stack: StackId;
  /** Every id it was asked for under. */
  readonly vmids: readonly number[];
  /** When it was last asked for. */
  readonly askedAt?: Instant;
  /** The guest is recorded under another id; only what lies at these ones is of interest. */
  readonly elsewhere?: true;
}

/** Of one stack, without those whose guest stays under another id: strangers have the ids it did not get, as a rule. */
export const unfinishedOf = (
  stack: StackId,
  { begun = [] }: Pick<RecordedSite, 'begun'>,
  stays: (guest: GuestId) => boolean,
): readonly BegunGuest[] => begun.filter((one) => one.stack === stack && !(one.elsewhere && stays(one.spec.id)));

/** What the control plane recorded of a whole site: the outcome of succeeded steps, and what unfinished creations may have left. */
export interface RecordedSite {
  readonly stacks: readonly { readonly id: StackId; readonly name: string; readonly archived?: true }[];
  readonly instances: readonly RecordedInstance[];
  readonly guests: readonly RecordedGuest[];
  readonly bindings: readonly RecordedBinding[];
  readonly begun?: readonly BegunGuest[];
  /** Ids and addresses taken by recorded guests or reserved by plans that may still be applied. */
  readonly reservations: readonly Reservation[];
  /** Differences between record and world that somebody wants left as they are. */
  readonly ignoredDrift?: readonly IgnoredDrift[];
}

export interface Reservation {
  readonly kind: 'guest-id' | 'address';
  /** Substrate name for ids, zone name for addresses. */
  readonly scope: string;
  readonly value: string;
  /** Guest key it belongs to: `stack/instance/guest`. */
  readonly owner: string;
}

export interface RecordedInstance {
  readonly id: InstanceId;
  readonly stack: StackId;
  readonly name: string;
  readonly module: string;
  readonly version: string;
  readonly appVersion: string;
  readonly moduleDigest: Sha256;
  readonly config: JsonObject;
  /** Hooks that succeeded, by guest name. */
  readonly installed: readonly string[];
  /** Guest name → digest of the input with which `configure` last succeeded. */
  readonly configured: Readonly<Record<string, Sha256>>;
}

export interface RecordedGuest {
  readonly id: GuestId;
  readonly stack: StackId;
  readonly instance: InstanceId;
  /** Name within the module: `app`. */
  readonly name: string;
  readonly substrate: string;
  readonly node: string;
  readonly vmid: number;
  readonly spec: GuestSpec;
  /** OpenSSH public host keys, one line each, learnt out of band; empty until known. */
  readonly hostKeys: readonly string[];
  /** Digest of the firewall rules last applied. */
  readonly firewallDigest?: Sha256;
  /** Domains that its data may still name: its module's `rename` hook has not run since the guest left them. */
  readonly formerDomains?: readonly string[];
  readonly createdAt: Instant;
}

export interface RecordedBinding {
  readonly id: BindingId;
  readonly consumer: InstanceId;
  readonly requirement: string;
  readonly provider: InstanceId;
  readonly provided: string;
  readonly interface: string;
  /** As last provided, interpolated. */
  readonly request: JsonObject;
  /** Without the secret fields. */
  readonly offer: JsonObject;
  /** Over the whole offer, secrets included. */
  readonly offerDigest: Sha256;
}
