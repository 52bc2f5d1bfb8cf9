import type { Blueprint, Component, GuestSize } from '../../blueprint/blueprint.js';
import type { InstanceId } from '../../ids.js';
import type { GuestTemplate, ModuleManifest } from '../../module/manifest.js';
import { isInRange, newestInRanges } from '../../module/version-range.js';
import { type Draft, type MemberGuest, newcomer, noWork, report, type WantedMember } from '../draft.js';
import { externalMember, observe } from '../members.js';
import { blueprintLayers, type ComposedInstance, composeInstances } from './blueprint-layers.js';
import { checkParameters } from './parameters.js';

/** Sizes that every blueprint has: the modules' own. */
const BASE_SIZES = ['default', 'small'];

/**
 * Before anything can be bound or placed it must be known what the stack consists of. A removed stack consists of
 * nothing: everything recorded of it then turns out to be leaving.
 */
export function compose(draft: Draft): void {
  if (draft.input.wanted.state === 'removed') return;
  const layers = blueprintLayers(draft);
  draft.blueprints = layers;
  draft.parameters = checkParameters(draft, layers);
  checkSize(draft, layers);
  const off = switchedOff(draft, layers);
  const composed = composeInstances(draft, layers);
  draft.knownInstances = new Set(composed.keys());
  for (const entry of [...composed.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (off.has(entry.name) || reuse(draft, entry)) continue;
    const manifest = resolveModule(draft, entry);
    if (manifest !== undefined) addMember(draft, manifest, entry);
  }
}

function checkSize(draft: Draft, layers: readonly Blueprint[]): void {
  const { size } = draft.input.wanted;
  const offered = layers.flatMap((layer) => layer.parameters.size?.enum ?? []).filter((s) => typeof s === 'string');
  const known = [...new Set([...BASE_SIZES, ...offered, ...layers.flatMap((layer) => Object.keys(layer.sizes))])];
  if (known.includes(size)) return;
  report(draft, 'error', {
    code: 'parameter.unknown',
    subject: 'size',
    message: `There is no size ${size}; the blueprint knows ${known.join(', ')}.`,
    remedy: 'Choose one of these sizes.',
  });
}

/** Instances of components that are off; one that another component needs as well stays. */
function switchedOff(draft: Draft, layers: readonly Blueprint[]): ReadonlySet<string> {
  const { components: wanted } = draft.input.wanted;
  const components: Record<string, Component> = Object.assign({}, ...layers.map((layer) => layer.components));
  for (const name of Object.keys(wanted).sort()) {
    if (Object.hasOwn(components, name)) continue;
    const known = Object.keys(components);
    report(draft, 'error', {
      code: 'parameter.unknown',
      subject: `components.${name}`,
      message: `There is no component ${name}; the blueprint has ${known.length === 0 ? 'none' : known.join(', ')}.`,
      remedy: 'Take it out, or correct the name.',
    });
  }
  const on = new Set<string>();
  const off = new Set<string>();
  for (const [name, component] of Object.entries(components)) {
    for (const instance of component.modules) ((wanted[name] ?? component.default) ? on : off).add(instance);
  }
  for (const instance of on) off.delete(instance);
  return off;
}

/** Foundation of an included blueprint that the site already has in another stack serves this one too. */
function reuse(draft: Draft, entry: ComposedInstance): boolean {
  if (!entry.includedOnly || draft.index.own.has(entry.name)) return false;
  const tier = draft.index.modules.get(entry.module)?.[0]?.tier;
  if (tier !== 'foundation') return false;
  const elsewhere = (draft.index.instancesByModule.get(entry.module) ?? [])
    .filter((instance) => instance.stack !== draft.input.wanted.id)
    .flatMap((instance) => externalMember(draft, instance.id) ?? [])
    .sort((a, b) => (`${a.stack}/${a.name}` < `${b.stack}/${b.name}` ? -1 : 1));
  const member = elsewhere[0];
  if (member === undefined) return false;
  draft.reused.set(entry.name, member);
  report(draft, 'info', {
    code: 'compose.reused',
    subject: entry.name,
    message: `${entry.name} is not installed again: ${member.stack}/${member.name} serves this stack too.`,
  });
  return true;
}

/** An installed version stays as long as the catalogue has it: upgrades are an operation of their own. */
function resolveModule(draft: Draft, entry: ComposedInstance): ModuleManifest | undefined {
  const versions = draft.index.modules.get(entry.module) ?? [];
  const recorded = draft.index.own.get(entry.name);
  const newest = newestInRanges(versions, entry.ranges);
  const ranges = [...new Set(entry.ranges)].join(' and ');
  if (recorded !== undefined && recorded.module === entry.module) {
    const installed = versions.find((module) => module.version === recorded.version);
    const fits = entry.ranges.every((range) => isInRange(recorded.version, range));
    if (fits && installed?.appVersion === recorded.appVersion) return installed;
    report(draft, 'error', {
      code: 'change.unsupported',
      subject: entry.name,
      message: `${entry.name} is installed in version ${recorded.version} (${recorded.appVersion}); the blueprint asks for ${ranges} and the catalogue has ${versions.map((m) => `${m.version} (${m.appVersion})`).join(', ') || 'none'}.`,
      remedy: 'Upgrade the stack: upgrades come with their own operation.',
    });
    return undefined;
  }
  if (newest === undefined) {
    report(draft, 'error', {
      code: 'version.unsatisfied',
      subject: entry.name,
      message:
        versions.length === 0
          ? `There is no module ${entry.module} in the catalogue.`
          : `Module ${entry.module} is needed in version ${ranges}, but there is ${versions.map((m) => m.version).join(', ')}.`,
      remedy: 'Add the module to the catalogue, or choose another version of the blueprint.',
    });
  } else if (newest.runtime !== 'guest') {
    report(draft, 'error', {
      code: 'change.unsupported',
      subject: entry.name,
      message: `Module ${entry.module} runs on Kubernetes, which this version cannot plan.`,
      remedy: 'Leave the module out.',
    });
    return undefined;
  }
  return newest;
}

/** Takes an instance into the composition, with its recorded identity when it has one. */
export function addMember(
  draft: Draft,
  manifest: ModuleManifest,
  parts: Pick<ComposedInstance, 'name' | 'config' | 'bindings' | 'guests'>,
): WantedMember | undefined {
  const { wanted, newId } = draft.input;
  const recorded = draft.index.own.get(parts.name);
  if (recorded !== undefined && recorded.module !== manifest.name) {
    report(draft, 'error', {
      code: 'change.immutable',
      subject: parts.name,
      message: `${parts.name} is installed as module ${recorded.module} and cannot become ${manifest.name}.`,
      remedy: 'Give the new instance another name in the blueprint.',
    });
    return undefined;
  }
  const guests: MemberGuest[] = [];
  const member: WantedMember = {
    role: 'wanted',
    id: recorded?.id ?? (newId('ins') as InstanceId),
    stack: wanted.name,
    name: parts.name,
    module: manifest.name,
    version: manifest.version,
    appVersion: manifest.appVersion,
    moduleDigest: manifest.digest,
    manifest,
    recorded,
    config: {},
    rawConfig: { ...parts.config, ...wanted.config[parts.name] },
    chosen: parts.bindings,
    configChanged: false,
    rotate: new Set(),
    guests,
  };
  const known = new Map(
    (recorded ? (draft.index.guestsByInstance.get(recorded.id) ?? []) : []).map((guest) => [guest.name, guest]),
  );
  for (const [name, template] of Object.entries(manifest.guests).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const guest = known.get(name);
    guests.push({
      key: `${wanted.name}/${parts.name}/${name}`,
      name,
      owner: member,
      recorded: guest,
      ...(guest ? observe(draft, guest) : newcomer()),
      template: sized(sized(template, parts.guests[name]), wanted.guests?.[`${parts.name}.${name}`]),
      work: noWork(),
    });
  }
  checkSizes(draft, member, parts.guests);
  for (const name of [...known.keys()].filter((guest) => manifest.guests[guest] === undefined).sort()) {
    report(draft, 'error', {
      code: 'change.unsupported',
      subject: `${parts.name}.${name}`,
      message: `The module no longer has guest ${name}, which is installed.`,
      remedy: 'Upgrade the stack: upgrades come with their own operation.',
    });
  }
  draft.members.set(member.name, member);
  return member;
}

function sized(template: GuestTemplate, size: GuestSize | undefined): GuestTemplate {
  return {
    ...template,
    cpus: size?.cpus ?? template.cpus,
    memoryMiB: size?.memoryMiB ?? template.memoryMiB,
    diskGiB: size?.diskGiB ?? template.diskGiB,
    volumes: Object.fromEntries(
      Object.entries(template.volumes).map(([name, volume]) => [
        name,
        { ...volume, sizeGiB: size?.volumes?.[name]?.sizeGiB ?? volume.sizeGiB },
      ]),
    ),
  };
}

function checkSizes(draft: Draft, member: WantedMember, sizes: ComposedInstance['guests']): void {
  const unknown = Object.entries(sizes).flatMap(([guest, size]) => {
    const template = member.manifest.guests[guest];
    if (template === undefined) return [guest];
    return Object.keys(size.volumes ?? {}).flatMap((v) => (template.volumes[v] === undefined ? [`${guest}.${v}`] : []));
  });
  for (const name of unknown.sort()) {
    report(draft, 'error', {
      code: 'parameter.unknown',
      subject: `${member.name}.${name}`,
      message: `The blueprint sizes ${name}, which module ${member.module} does not have.`,
      remedy: 'Correct the name in the blueprint.',
    });
  }
}
