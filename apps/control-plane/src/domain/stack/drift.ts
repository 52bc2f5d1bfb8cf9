import type { GuestId, Instant } from '../ids.js';
import type { GuestSettings, ObservedGuest } from './observed.js';
import type { RecordedGuest } from './stack.js';

export const DRIFT_KINDS = ['missing', 'stopped', 'moved', 'resized', 'foreign'] as const;
export const DRIFT_FIELDS = [
  'presence',
  'status',
  'node',
  'vmid',
  'cpus',
  'memoryMiB',
  'diskGiB',
  'bridge',
  'vlan',
  'mac',
  'stamp',
  'startsAtBoot',
] as const;
export type DriftField = (typeof DRIFT_FIELDS)[number];

/** One difference between the record and the world, of a guest somebody changed by hand. */
export interface Drift {
  readonly kind: (typeof DRIFT_KINDS)[number];
  readonly field: DriftField;
  readonly recorded: string | number;
  readonly observed: string | number;
}

/** Somebody's word that one difference is to be left as it is. It holds for that observed value alone. */
export interface IgnoredDrift {
  readonly guest: GuestId;
  readonly field: DriftField;
  readonly observed: string | number;
  readonly reason: string;
  readonly by: string;
  readonly at: Instant;
}

/** A guest that was moved is followed, not fought; what else is found waits for an answer, or for a plan that says what it does with it. */
export function driftOf(
  recorded: RecordedGuest,
  observed: ObservedGuest | undefined,
  settings?: GuestSettings,
): readonly Drift[] {
  if (!observed) return [{ kind: 'missing', field: 'presence', recorded: 'there', observed: 'gone' }];
  const found: Drift[] = [];
  if (observed.status === 'stopped') {
    found.push({ kind: 'stopped', field: 'status', recorded: 'running', observed: observed.status });
  }
  if (observed.node !== recorded.node) {
    found.push({ kind: 'moved', field: 'node', recorded: recorded.node, observed: observed.node });
  }
  if (observed.vmid !== recorded.vmid) {
    found.push({ kind: 'moved', field: 'vmid', recorded: recorded.vmid, observed: observed.vmid });
  }
  // What is configured says more exactly what the overview says with the eyes of the guest.
  found.push(...sizeDriftOf(recorded, settings ?? observed));
  return settings ? [...found, ...foreignDriftOf(recorded, settings)] : found;
}

/** A file system shows up to so much less than its disk has. */
const SHOWN = 0.9;

export function sizeDriftOf(
  { spec }: RecordedGuest,
  observed: Pick<ObservedGuest, 'cpus' | 'memoryMiB' | 'diskGiB'>,
): readonly Drift[] {
  return (['cpus', 'memoryMiB', 'diskGiB'] as const).flatMap((field): Drift[] => {
    const now = observed[field];
    const then = spec[field];
    if (now === undefined || now === then) return [];
    if (field === 'diskGiB' && now <= then + 0.1 && now >= then * SHOWN) return [];
    return [{ kind: 'resized', field, recorded: then, observed: now }];
  });
}

/** Settings that nobody but us should touch: where the guest hangs, whether it comes back after a power cut, whose it is. */
function foreignDriftOf({ spec }: RecordedGuest, settings: GuestSettings): readonly Drift[] {
  const pairs: readonly (readonly [DriftField, string | number, string | number | undefined])[] = [
    ['bridge', spec.network.bridge, settings.bridge],
    ['vlan', spec.network.vlan ?? 'none', settings.vlan ?? 'none'],
    ['mac', spec.network.mac.toUpperCase(), settings.mac?.toUpperCase()],
    ['stamp', 'ours', settings.stamped ? 'ours' : 'changed'],
    ['startsAtBoot', 'yes', settings.startsAtBoot ? 'yes' : 'no'],
  ];
  return pairs.flatMap(([field, recorded, observed]): Drift[] =>
    observed === recorded ? [] : [{ kind: 'foreign', field, recorded, observed: observed ?? 'none' }],
  );
}

/** Why an answer is not to be had: a word that screens have a sentence for. */
export type Unavailable =
  /** Wanted guests run: the record knows no stopped ones. */
  | 'wanted-running'
  /** The record of a wanted guest cannot take that it is gone; removing the instance does. */
  | 'wanted-there'
  /** The stamp names another number; whoever copied the guest must correct its notes. */
  | 'stamp-names-number'
  /** Disks do not shrink. */
  | 'disks-only-grow'
  /** Addresses, names and firewall rules follow from the record. */
  | 'follows-from-record'
  /** It is put back on the substrate by hand. */
  | 'by-hand';

export interface Answers {
  readonly adopt?: Unavailable;
  readonly restore?: Unavailable;
}

/** Which answers a difference has: absent means it is there. Ignoring is always possible. */
export function answersTo({ kind, field, recorded, observed }: Drift): Answers {
  switch (field) {
    case 'presence':
      return { adopt: 'wanted-there' };
    case 'status':
      return { adopt: 'wanted-running' };
    case 'node':
      return {};
    case 'vmid':
      return { adopt: 'stamp-names-number', restore: 'stamp-names-number' };
    case 'diskGiB':
      return observed > recorded ? { restore: 'disks-only-grow' } : { adopt: 'disks-only-grow' };
    case 'cpus':
    case 'memoryMiB':
      return {};
    default:
      return kind === 'foreign' ? { adopt: 'follows-from-record', restore: 'by-hand' } : {};
  }
}

/** The word that still holds for this difference: of that field, for that very value. */
export const ignoredAs = (
  guest: GuestId,
  { field, observed }: Pick<Drift, 'field' | 'observed'>,
  words: readonly IgnoredDrift[],
): IgnoredDrift | undefined =>
  words.find((word) => word.guest === guest && word.field === field && sameValue(field, word.observed, observed));

const sameValue = (field: DriftField, one: string | number, other: string | number): boolean =>
  field === 'diskGiB' && typeof one === 'number' && typeof other === 'number'
    ? Math.min(one, other) >= Math.max(one, other) * SHOWN
    : one === other;

/** Words about differences that are no more: whoever sees the same value once again is told anew. `seen`: fields that were looked at. */
export const lapsed = (
  guest: GuestId,
  drift: readonly Drift[],
  words: readonly IgnoredDrift[],
  seen: (field: DriftField) => boolean,
): readonly IgnoredDrift[] =>
  words.filter(
    (word) =>
      word.guest === guest &&
      seen(word.field) &&
      !drift.some((one) => one.field === word.field && sameValue(one.field, one.observed, word.observed)),
  );
