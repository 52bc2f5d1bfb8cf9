import type { AnyStep, StepKind, StepOf } from '../../domain/plan/steps.js';
import type { Limit } from './limits.port.js';

/** How many at a time. Measured for Proxmox: clones on one storage wait for each other's lock anyway. */
export interface LimitSizes {
  readonly clonesPerStorage: number;
  readonly startsPerNode: number;
  readonly downloadsPerSite: number;
}

export const DEFAULT_LIMIT_SIZES: LimitSizes = { clonesPerStorage: 2, startsPerNode: 2, downloadsPerSite: 3 };

/** Where a step acts: what its arguments do not say. */
export interface StepPlace {
  readonly site: string;
  /** Node of the step's guest as recorded; absent while it is not recorded. */
  readonly node?: string;
}

const oneOperationOn = (site: string, guest: string): Limit => ({
  key: `guest:${site}/${guest}`,
  slots: 1,
  what: `another operation on guest ${guest}`,
});

const starts = (place: StepPlace, sizes: LimitSizes, node: string | undefined): Limit[] =>
  node === undefined
    ? []
    : [{ key: `starts:${place.site}/${node}`, slots: sizes.startsPerNode, what: `other guests starting on ${node}` }];

const provides = (place: StepPlace, provider: { id: string; name: string }): Limit => ({
  key: `provide:${place.site}/${provider.id}`,
  slots: 1,
  what: `another consumer being served by ${provider.name}`,
});

const downloads = (place: StepPlace, sizes: LimitSizes): Limit => ({
  key: `downloads:${place.site}`,
  slots: sizes.downloadsPerSite,
  what: 'other downloads',
});

const LIMITS: {
  readonly [K in StepKind]: (step: StepOf<K>, place: StepPlace, sizes: LimitSizes) => readonly Limit[];
} = {
  'artifact.fetch': (_step, place, sizes) => [downloads(place, sizes)],
  // Two steps that want the same image on one node: the second one finds it there.
  'image.ensure': (step, place, sizes) => [
    downloads(place, sizes),
    {
      key: `image:${place.site}/${step.substrate}/${step.node}/${step.volume}`,
      slots: 1,
      what: `image ${step.volume}`,
    },
  ],
  'guest.create': (step, place, sizes) => [
    oneOperationOn(place.site, step.guest.key),
    {
      key: `clones:${place.site}/${step.guest.substrate}/${step.guest.storage}`,
      slots: sizes.clonesPerStorage,
      what: `other guests being created on storage ${step.guest.storage}`,
    },
  ],
  'guest.start': (step, place, sizes) => [oneOperationOn(place.site, step.guest), ...starts(place, sizes, place.node)],
  'guest.ready': () => [],
  'guest.firewall': (step, place) => [oneOperationOn(place.site, step.guest)],
  'guest.resize': (step, place) => [oneOperationOn(place.site, step.guest)],
  'guest.grow': (step, place) => [oneOperationOn(place.site, step.guest)],
  'guest.move': (step, place) => [oneOperationOn(place.site, step.guest)],
  'guest.rename': (step, place) => [oneOperationOn(place.site, step.guest)],
  'secret.rotate': () => [],
  'guest.stop': (step, place) => [oneOperationOn(place.site, step.guest)],
  'guest.destroy': (step, place) => [oneOperationOn(place.site, step.guest)],
  'guest.clear': (step, place) => [oneOperationOn(place.site, step.guest)],
  'hook.run': (step, place) => [oneOperationOn(place.site, step.guest)],
  // Providing may restart the provider's service: not while another hook, such as its check, runs on the same guest.
  'binding.provide': (step, place) => [provides(place, step.binding.provider), oneOperationOn(place.site, step.guest)],
  'binding.withdraw': (step, place) => [provides(place, step.binding.provider), oneOperationOn(place.site, step.guest)],
  'instance.forget': () => [],
};

/** The limits a step must hold while it runs. */
export function limitsOf<K extends StepKind>(
  step: StepOf<K>,
  place: StepPlace,
  sizes: LimitSizes = DEFAULT_LIMIT_SIZES,
): readonly Limit[] {
  const limits: (step: StepOf<K>, place: StepPlace, sizes: LimitSizes) => readonly Limit[] = LIMITS[step.kind as K];
  return limits(step, place, sizes);
}

/** The guest whose node decides about a step's limits, if there is one. */
export const startedGuest = (step: AnyStep): string | undefined =>
  step.kind === 'guest.start' ? step.guest : undefined;
