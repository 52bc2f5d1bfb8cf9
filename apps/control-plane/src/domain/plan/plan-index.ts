import type { Blueprint } from '../blueprint/blueprint.js';
import type { BindingId, GuestId, InstanceId, StackId } from '../ids.js';
import type { InterfaceDefinition } from '../module/interface.js';
import type { ModuleManifest } from '../module/manifest.js';
import { compareNewestFirst } from '../module/version-range.js';
import type { IgnoredDrift } from '../stack/drift.js';
import type { ObservedGuest } from '../stack/observed.js';
import type { RecordedBinding, RecordedGuest, RecordedInstance } from '../stack/stack.js';
import type { PlanInput } from './draft.js';

/** Maps over what is recorded, observed and in the catalogue: a site may have 10,000 guests, so nobody searches lists. */
export interface PlanIndex {
  readonly stackNames: ReadonlyMap<StackId, string>;
  readonly archived: ReadonlySet<StackId>;
  readonly instances: ReadonlyMap<InstanceId, RecordedInstance>;
  /** Of the planned stack, by name. */
  readonly own: ReadonlyMap<string, RecordedInstance>;
  readonly instancesByModule: ReadonlyMap<string, readonly RecordedInstance[]>;
  readonly guestsByInstance: ReadonlyMap<InstanceId, readonly RecordedGuest[]>;
  readonly guestsById: ReadonlyMap<GuestId, RecordedGuest>;
  /** Guests whose creation did not come to its end. */
  readonly unfinished: ReadonlySet<GuestId>;
  readonly ignored: ReadonlyMap<GuestId, readonly IgnoredDrift[]>;
  readonly bindingsById: ReadonlyMap<BindingId, RecordedBinding>;
  readonly bindingsByConsumer: ReadonlyMap<InstanceId, readonly RecordedBinding[]>;
  readonly bindingsByProvider: ReadonlyMap<InstanceId, readonly RecordedBinding[]>;
  readonly observed: ReadonlyMap<string, ObservedIndex>;
  /** Newest first. */
  readonly modules: ReadonlyMap<string, readonly ModuleManifest[]>;
  readonly interfaces: ReadonlyMap<string, InterfaceDefinition>;
  /** Newest first. */
  readonly blueprints: ReadonlyMap<string, readonly Blueprint[]>;
  /** Interface → modules that provide it. */
  readonly providingModules: ReadonlyMap<string, readonly string[]>;
}

export interface ObservedIndex {
  readonly byStamp: ReadonlyMap<GuestId, ObservedGuest>;
  readonly byVmid: ReadonlyMap<number, ObservedGuest>;
  readonly onlineNodes: ReadonlySet<string>;
}

export function indexInput(input: PlanInput): PlanIndex {
  const { recorded, catalogue, wanted } = input;
  const modules = group(catalogue.modules, (module) => module.name);
  for (const versions of modules.values()) versions.sort((a, b) => compareNewestFirst(a.version, b.version));
  const blueprints = group(catalogue.blueprints, (blueprint) => blueprint.name);
  for (const versions of blueprints.values()) versions.sort((a, b) => compareNewestFirst(a.version, b.version));
  const providing = new Map<string, Set<string>>();
  for (const module of catalogue.modules) {
    for (const { interface: name } of Object.values(module.provides)) {
      const set = providing.get(name) ?? new Set();
      providing.set(name, set.add(module.name));
    }
  }
  return {
    stackNames: new Map(recorded.stacks.map((stack) => [stack.id, stack.name])).set(wanted.id, wanted.name),
    archived: new Set(recorded.stacks.flatMap((stack) => (stack.archived ? [stack.id] : []))),
    instances: new Map(recorded.instances.map((instance) => [instance.id, instance])),
    own: new Map(recorded.instances.filter((i) => i.stack === wanted.id).map((i) => [i.name, i])),
    instancesByModule: group(recorded.instances, (instance) => instance.module),
    guestsByInstance: group(recorded.guests, (guest) => guest.instance),
    guestsById: new Map(recorded.guests.map((guest) => [guest.id, guest])),
    unfinished: new Set((recorded.begun ?? []).flatMap(({ spec, elsewhere }) => (elsewhere ? [] : [spec.id]))),
    ignored: group(recorded.ignoredDrift ?? [], (word) => word.guest),
    bindingsById: new Map(recorded.bindings.map((binding) => [binding.id, binding])),
    bindingsByConsumer: group(recorded.bindings, (binding) => binding.consumer),
    bindingsByProvider: group(recorded.bindings, (binding) => binding.provider),
    observed: new Map(
      Object.entries(input.observed).map(([name, substrate]) => [
        name,
        {
          byStamp: new Map(substrate.guests.flatMap((g) => (g.stamp === undefined ? [] : [[g.stamp, g] as const]))),
          byVmid: new Map(substrate.guests.map((guest) => [guest.vmid, guest])),
          onlineNodes: new Set(substrate.nodes.filter((node) => node.online).map((node) => node.name)),
        },
      ]),
    ),
    modules,
    interfaces: new Map(catalogue.interfaces.map((definition) => [definition.name, definition])),
    blueprints,
    providingModules: new Map([...providing].map(([name, set]) => [name, [...set].sort()])),
  };
}

/** The manifest a recorded instance runs, or the nearest there is. */
export function manifestOf(
  index: PlanIndex,
  instance: { module: string; version: string },
): ModuleManifest | undefined {
  const versions = index.modules.get(instance.module);
  return versions?.find((module) => module.version === instance.version) ?? versions?.[0];
}

function group<K, T>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const list = groups.get(key);
    if (list) list.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
