import type { Blueprint } from '../blueprint/blueprint.js';
import type { CatalogueContent } from '../catalogue.js';
import type { Diagnostic } from '../diagnostic.js';
import type { BindingId, InstanceId, Instant, JsonObject, Milliseconds, PlanId, Sha256, StepId } from '../ids.js';
import type { Sha256Of } from '../module/hash.js';
import type { InterfaceDefinition } from '../module/interface.js';
import type { GuestTemplate, ModuleManifest } from '../module/manifest.js';
import type { Site } from '../site/site.js';
import type { DriftField, IgnoredDrift } from '../stack/drift.js';
import type { GuestRule, GuestSpec } from '../stack/guest-spec.js';
import type { ObservedGuest, ObservedSubstrate } from '../stack/observed.js';
import type {
  Orders,
  RecordedBinding,
  RecordedGuest,
  RecordedInstance,
  RecordedSite,
  WantedStack,
} from '../stack/stack.js';
import type { PlanIndex } from './plan-index.js';
import type { AnyStep } from './steps.js';

/** Everything a plan depends on. Equal inputs give equal plans, but for the ids that `newId` hands out. */
export interface PlanInput {
  readonly planId: PlanId;
  readonly wanted: WantedStack;
  readonly orders?: Orders;
  /** Other stacks of the site whose own part this plan carries too: those of a change of the domain. */
  readonly alongside?: readonly WantedStack[];
  readonly site: Site;
  readonly recorded: RecordedSite;
  /** By substrate name; one that is absent could not be reached. */
  readonly observed: Readonly<Record<string, ObservedSubstrate>>;
  readonly catalogue: CatalogueContent;
  /** Measured medians on this site: `hook.run:wiki:install`, `guest.create`. */
  readonly durations: Readonly<Record<string, Milliseconds>>;
  readonly now: Instant;
  readonly newId: <P extends 'ins' | 'bnd' | 'gst'>(prefix: P) => string;
  readonly sha256: Sha256Of;
}

/** The plan in the making. Each pass fills in its part and reads what the passes before it left. */
export interface Draft {
  readonly input: PlanInput;
  readonly index: PlanIndex;
  readonly findings: Diagnostic[];
  /** compose: included blueprints first, the wanted one last. */
  blueprints: readonly Blueprint[];
  /** compose: every instance name that the blueprints know, also of components that are off. */
  knownInstances: ReadonlySet<string>;
  /** compose: values of the blueprints' parameters. */
  parameters: JsonObject;
  /** compose, bind: what the stack shall consist of, by instance name. */
  readonly members: Map<string, WantedMember>;
  /** compose: instance name in the blueprint → instance of another stack that takes its place. */
  readonly reused: Map<string, Member>;
  /** Instances of other stacks that this plan has to do with. */
  readonly external: Map<InstanceId, Member>;
  /** bind: the relations of the stack's own instances. */
  readonly bindings: DraftBinding[];
  /** leave: recorded instances that are not wanted any more. */
  readonly leaving: Member[];
  /** leave: recorded bindings that are not wanted any more and whose provider stays. */
  readonly withdrawn: DraftBinding[];
  /** diff: bindings of other stacks whose provider here starts anew. */
  readonly reprovided: DraftBinding[];
  /** steps: in the order of derivation; ids are unique. */
  readonly steps: Map<string, StepDraft>;
}

/** An instance as the planner sees it, whoever owns it. */
export interface Member {
  readonly role: 'wanted' | 'leaving' | 'external';
  readonly id: InstanceId;
  readonly stack: string;
  readonly name: string;
  readonly module: string;
  readonly version: string;
  readonly appVersion: string;
  readonly moduleDigest: Sha256;
  /** Absent when a recorded instance's module has left the catalogue. */
  readonly manifest: ModuleManifest | undefined;
  readonly recorded: RecordedInstance | undefined;
  config: JsonObject;
  readonly guests: readonly MemberGuest[];
}

export interface WantedMember extends Member {
  readonly role: 'wanted';
  readonly manifest: ModuleManifest;
  /** From blueprints and the admin, facts not yet interpolated. */
  readonly rawConfig: JsonObject;
  /** Requirement → instance name, as the blueprint says. */
  readonly chosen: Readonly<Record<string, string>>;
  /** configure: config differs from what is recorded. */
  configChanged: boolean;
  /** orders: names of its own secrets that are made anew. */
  readonly rotate: Set<string>;
}

/**
 * Where a guest stands. `unknown`: its node does not answer, so nothing can be said; it is left alone, because creating
 * it again would make two of it once the node is back.
 */
export type Presence = 'new' | 'missing' | 'running' | 'stopped' | 'unknown';

export interface MemberGuest {
  /** `stack/instance/guest`. */
  readonly key: string;
  readonly name: string;
  readonly owner: Member;
  readonly recorded: RecordedGuest | undefined;
  readonly observed: ObservedGuest | undefined;
  readonly presence: Presence;
  /** Wanted members only. */
  readonly template: GuestTemplate | undefined;
  /** Where it goes, when it is to be created. */
  site?: { readonly substrate: string; readonly node: string };
  /** As it shall be; recorded guests start from what is recorded. */
  spec?: GuestSpec;
  /** What somebody wants left as it is, of that very value. */
  readonly ignored: ReadonlyMap<DriftField, IgnoredDrift>;
  /** orders: differences that this plan puts back; stronger than what is ignored. */
  readonly restore: Set<DriftField>;
  readonly work: GuestWork;
}

/** What the diff found to do on one guest. */
export interface GuestWork {
  create: boolean;
  start: boolean;
  /** It rested in an archived stack. */
  wakes?: true;
  ready: boolean;
  resize?: { readonly cpus: number; readonly memoryMiB: number; readonly reboot: boolean };
  readonly grow: {
    readonly disk: 'root' | { readonly volume: string };
    readonly from: number;
    readonly sizeGiB: number;
  }[];
  /** Goes to another node; a running container is restarted by it. */
  move?: { readonly from: string; readonly to: string };
  /** It stands in another domain than the site has now. */
  rename?: { readonly from: string };
  /** Its data may name these domains: the module's own hook goes through it. */
  renameHook: readonly string[];
  install: boolean;
  configure: boolean;
  /** A setting takes effect only after a restart. */
  restart: boolean;
  check: boolean;
  /** Rules to be set; undefined: as they are. */
  rules?: readonly GuestRule[];
  remove: boolean;
  stop: boolean;
  destroy: boolean;
}

export interface DraftBinding {
  readonly id: BindingId;
  readonly interface: string;
  /** Absent when the interface has left the catalogue. */
  readonly definition: InterfaceDefinition | undefined;
  readonly requirement: string;
  readonly consumer: Member;
  readonly provider: Member;
  readonly provided: string;
  /** As written until `configure` interpolates it, all but `binding.*`. */
  request: JsonObject;
  readonly recorded: RecordedBinding | undefined;
  provide: boolean;
  /** orders: its secrets are made anew. */
  rotate?: boolean;
}

export interface StepDraft {
  readonly id: StepId;
  readonly step: AnyStep;
  readonly subject: string;
  readonly label: string;
  /** Ids that may be absent: `order` keeps those that exist. */
  readonly after: Set<string>;
  readonly weightMs: Milliseconds;
  readonly deadlineMs: Milliseconds;
}

export const noWork = (): GuestWork => ({
  create: false,
  start: false,
  ready: false,
  grow: [],
  renameHook: [],
  install: false,
  configure: false,
  restart: false,
  check: false,
  remove: false,
  stop: false,
  destroy: false,
});

/** A guest that is not recorded yet. */
export const newcomer = (): Pick<MemberGuest, 'observed' | 'presence' | 'ignored' | 'restore'> => ({
  observed: undefined,
  presence: 'new',
  ignored: new Map(),
  restore: new Set(),
});

interface FindingParts {
  readonly code: string;
  readonly subject: string;
  readonly message: string;
  readonly remedy?: string;
  readonly details?: { readonly [key: string]: unknown };
}

export const report = (draft: Draft, severity: Diagnostic['severity'], finding: FindingParts): void => {
  draft.findings.push({ severity, ...finding });
};

export const hasHook = (member: Member, file: string): boolean => member.manifest?.hookFiles.includes(file) ?? false;

/** Guests of the provider on which a provided interface lives: the one it names, else all it has. */
export function providingGuests(member: Member, provided: string): readonly MemberGuest[] {
  const named = member.manifest?.provides[provided]?.guest;
  return named === undefined ? member.guests : member.guests.filter((guest) => guest.name === named);
}

/** `wiki` in the own stack, `foundation/gateway` elsewhere. */
export const nameOf = (draft: Draft, member: Member): string =>
  member.stack === draft.input.wanted.name ? member.name : `${member.stack}/${member.name}`;

export const guestName = (draft: Draft, guest: MemberGuest): string => `${nameOf(draft, guest.owner)}.${guest.name}`;

/** The word by which a difference of this guest is left as it is; none when this plan puts it back. */
export const leftAsIs = (guest: MemberGuest, field: DriftField): IgnoredDrift | undefined =>
  guest.restore.has(field) ? undefined : guest.ignored.get(field);
