import type { Blueprint, BlueprintModule, GuestSize } from '../../blueprint/blueprint.js';
import type { JsonObject } from '../../ids.js';
import { isInRange, newestInRanges } from '../../module/version-range.js';
import { type Draft, report } from '../draft.js';

/** What the blueprints say about one instance, included ones first, the wanted one last. */
export interface ComposedInstance {
  readonly name: string;
  readonly module: string;
  readonly ranges: readonly string[];
  readonly config: JsonObject;
  readonly bindings: Readonly<Record<string, string>>;
  readonly guests: Readonly<Record<string, GuestSize>>;
  /** No blueprint but included ones names it. */
  readonly includedOnly: boolean;
}

/** The wanted blueprint with everything it includes; included ones come before those that include them. */
export function blueprintLayers(draft: Draft): readonly Blueprint[] {
  const { name, version } = draft.input.wanted.blueprint;
  const layers: Blueprint[] = [];
  const visit = (wanted: string, range: string, path: readonly string[]): void => {
    if (path.includes(wanted)) {
      const circle = [...path.slice(path.indexOf(wanted)), wanted].join(' → ');
      report(draft, 'error', {
        code: 'document.invalid',
        subject: `blueprint ${path[0]}`,
        message: `Blueprints include each other in a circle: ${circle}.`,
        remedy: 'Take one of the includes out.',
      });
      return;
    }
    const there = layers.find((layer) => layer.name === wanted);
    if (there && isInRange(there.version, range)) return;
    const versions = draft.index.blueprints.get(wanted) ?? [];
    const found = there ? undefined : newestInRanges(versions, [range]);
    if (found === undefined) {
      const have = there ? [there.version] : versions.map((blueprint) => blueprint.version);
      report(draft, 'error', {
        code: 'version.unsatisfied',
        subject: `blueprint ${wanted}`,
        message:
          have.length === 0
            ? `There is no blueprint ${wanted} in the catalogue.`
            : `Blueprint ${wanted} is needed in version ${range}, but there is ${have.join(', ')}.`,
        remedy: 'Add the blueprint to the catalogue, or choose another version.',
      });
      return;
    }
    for (const include of found.includes) visit(include.blueprint, include.version, [...path, wanted]);
    if (!layers.includes(found)) layers.push(found);
  };
  visit(name, version, []);
  return layers;
}

/** Merges what the layers say about each instance: a later layer's keys win over an earlier one's. */
export function composeInstances(draft: Draft, layers: readonly Blueprint[]): ReadonlyMap<string, ComposedInstance> {
  const composed = new Map<string, ComposedInstance>();
  const { size } = draft.input.wanted;
  layers.forEach((layer, i) => {
    for (const [name, entry] of Object.entries(layer.modules)) {
      const before = composed.get(name);
      if (before !== undefined && before.module !== entry.module) {
        report(draft, 'error', {
          code: 'document.invalid',
          subject: `blueprint ${layer.name}`,
          message: `Instance ${name} is module ${before.module} in an included blueprint and ${entry.module} here.`,
          remedy: 'Give one of them another name.',
        });
        continue;
      }
      composed.set(name, merge(name, before, entry, i < layers.length - 1));
    }
    for (const [name, profile] of Object.entries(layer.sizes[size] ?? {})) {
      const entry = composed.get(name);
      if (entry) composed.set(name, { ...entry, guests: mergeSizes(entry.guests, profile.guests) });
    }
  });
  return composed;
}

function merge(
  name: string,
  before: ComposedInstance | undefined,
  entry: BlueprintModule,
  included: boolean,
): ComposedInstance {
  return {
    name,
    module: entry.module,
    ranges: [...(before?.ranges ?? []), entry.version],
    config: { ...before?.config, ...entry.config },
    bindings: { ...before?.bindings, ...entry.bindings },
    guests: mergeSizes(before?.guests ?? {}, entry.guests),
    includedOnly: included,
  };
}

function mergeSizes(
  base: Readonly<Record<string, GuestSize>>,
  over: Readonly<Record<string, GuestSize>>,
): Readonly<Record<string, GuestSize>> {
  const merged: Record<string, GuestSize> = { ...base };
  for (const [guest, size] of Object.entries(over)) {
    const defined = Object.fromEntries(Object.entries(size).filter(([, value]) => value !== undefined));
    merged[guest] = { ...merged[guest], ...defined, volumes: { ...merged[guest]?.volumes, ...size.volumes } };
  }
  return merged;
}
