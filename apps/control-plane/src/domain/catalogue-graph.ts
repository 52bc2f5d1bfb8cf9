import { maxSatisfying, satisfies } from 'semver';
import type { Blueprint, BlueprintModule, GuestSize } from './blueprint/blueprint.js';
import type { CatalogueContent } from './catalogue.js';
import type { GuestTemplate, ModuleManifest } from './module/manifest.js';

/** What a blueprint is made of before it is planned: for its page in the catalogue. Its plan is the authority. */
export interface BlueprintGraph {
  readonly nodes: readonly {
    /** Instance name. */
    readonly id: string;
    readonly module: string;
    readonly title: string;
    readonly tier: ModuleManifest['tier'];
    /** The component that switches it; absent: always there. */
    readonly component?: string;
  }[];
  /** Who uses whom. A requirement that several instances could meet, or none, has no edge: the plan asks or refuses. */
  readonly edges: readonly {
    readonly from: string;
    readonly to: string;
    readonly requirement: string;
    readonly interface: string;
  }[];
  /** By size name: everything switched on. */
  readonly needs: Readonly<Record<string, Needs>>;
}

export interface Needs {
  readonly guests: number;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly diskGiB: number;
  readonly artifactMiB: number;
}

/** The blueprint and all it includes, included ones first; those that the catalogue lacks are left out. */
export function layersOf(blueprint: Blueprint, content: CatalogueContent): readonly Blueprint[] {
  const layers: Blueprint[] = [];
  const visit = (current: Blueprint, path: readonly Blueprint[]): void => {
    if (path.includes(current) || layers.includes(current)) return;
    for (const include of current.includes) {
      const found = newest(
        content.blueprints.filter(({ name }) => name === include.blueprint),
        include.version,
      );
      if (found) visit(found, [...path, current]);
    }
    layers.push(current);
  };
  visit(blueprint, []);
  return layers;
}

export function blueprintGraph(blueprint: Blueprint, content: CatalogueContent): BlueprintGraph {
  const layers = layersOf(blueprint, content);
  const members = new Map<string, { wanted: BlueprintModule; manifest: ModuleManifest }>();
  const componentOf = new Map<string, string>();
  for (const layer of layers) {
    for (const [instance, wanted] of Object.entries(layer.modules)) {
      const manifest = newest(
        content.modules.filter(({ name }) => name === wanted.module),
        wanted.version,
      );
      if (manifest) members.set(instance, { wanted, manifest });
    }
    for (const [name, component] of Object.entries(layer.components)) {
      for (const instance of component.modules) componentOf.set(instance, name);
    }
  }
  const all = [...members];
  const edges = all.flatMap(([from, { wanted, manifest }]) =>
    Object.entries(manifest.requires).flatMap(([requirement, { interface: contract, version }]) => {
      const chosen = wanted.bindings[requirement];
      const able = all.filter(([, other]) =>
        Object.values(other.manifest.provides).some(
          (provided) =>
            provided.interface === contract &&
            (!version || satisfies(provided.version ?? other.manifest.appVersion, version, { loose: true })),
        ),
      );
      const to = chosen ?? (able.length === 1 ? able[0]?.[0] : undefined);
      return to !== undefined && members.has(to) && to !== from ? [{ from, to, requirement, interface: contract }] : [];
    }),
  );
  const sizes = [...new Set(layers.flatMap((layer) => Object.keys(layer.sizes)))];
  return {
    nodes: all.map(([id, { manifest }]) => {
      const component = componentOf.get(id);
      return {
        id,
        module: manifest.name,
        title: manifest.title,
        tier: manifest.tier,
        ...(component ? { component } : {}),
      };
    }),
    edges,
    needs: Object.fromEntries(sizes.map((size) => [size, needsOf(size, layers, members)])),
  };
}

/** What one module takes as it is written. */
export function moduleNeeds(manifest: ModuleManifest): Needs {
  const templates = Object.values(manifest.guests);
  return sum(
    templates.map((template) => guestNeeds(template, [])),
    manifest,
  );
}

function needsOf(
  size: string,
  layers: readonly Blueprint[],
  members: ReadonlyMap<string, { readonly wanted: BlueprintModule; readonly manifest: ModuleManifest }>,
): Needs {
  const parts = [...members].map(([instance, { wanted, manifest }]) => {
    const guests = Object.entries(manifest.guests).map(([guest, template]) =>
      guestNeeds(template, [
        wanted.guests[guest],
        ...layers.map((layer) => layer.sizes[size]?.[instance]?.guests[guest]),
      ]),
    );
    return sum(guests, manifest);
  });
  return parts.reduce(add, NOTHING);
}

const NOTHING: Needs = { guests: 0, cpus: 0, memoryMiB: 0, diskGiB: 0, artifactMiB: 0 };

function guestNeeds(template: GuestTemplate, sizes: readonly (GuestSize | undefined)[]): Needs {
  const pick = <K extends 'cpus' | 'memoryMiB' | 'diskGiB'>(field: K): number =>
    sizes.reduce<number>((value, size) => size?.[field] ?? value, template[field]);
  const volumes = Object.entries(template.volumes).map(([name, volume]) =>
    sizes.reduce<number>((value, size) => size?.volumes?.[name]?.sizeGiB ?? value, volume.sizeGiB),
  );
  const diskGiB = pick('diskGiB') + volumes.reduce((a, b) => a + b, 0);
  return { ...NOTHING, guests: 1, cpus: pick('cpus'), memoryMiB: pick('memoryMiB'), diskGiB };
}

function sum(guests: readonly Needs[], manifest: ModuleManifest): Needs {
  const artifactMiB = Object.values(manifest.artifacts).reduce((total, artifact) => total + artifact.sizeMiB, 0);
  return { ...guests.reduce(add, NOTHING), artifactMiB };
}

const add = (a: Needs, b: Needs): Needs => ({
  guests: a.guests + b.guests,
  cpus: a.cpus + b.cpus,
  memoryMiB: a.memoryMiB + b.memoryMiB,
  diskGiB: a.diskGiB + b.diskGiB,
  artifactMiB: a.artifactMiB + b.artifactMiB,
});

function newest<T extends { readonly version: string }>(candidates: readonly T[], range: string): T | undefined {
  const version = maxSatisfying(
    candidates.map((candidate) => candidate.version),
    range,
  );
  return candidates.find((candidate) => candidate.version === version);
}
