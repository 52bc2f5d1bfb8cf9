import type { Dto } from '../../api/types.js';

type Module = Dto<'CatalogueModuleDto'>;

/** One entry per module: the newest version, which the catalogue lists last, and all there are, newest first. */
export function byName(modules: readonly Module[]): readonly { newest: Module; versions: readonly Module[] }[] {
  const groups = new Map<string, Module[]>();
  for (const module of modules) groups.set(module.name, [module, ...(groups.get(module.name) ?? [])]);
  return [...groups.values()].flatMap((versions) => (versions[0] ? [{ newest: versions[0], versions }] : []));
}

/** What stands for a blueprint: its apps first, then what they stand on. */
export function picturesOf(
  blueprint: Pick<Dto<'CatalogueBlueprintDto'>, 'modules' | 'includes'>,
  catalogue: Dto<'CatalogueDto'>,
): readonly Module[] {
  const newest = new Map(byName(catalogue.modules).map((entry) => [entry.newest.name, entry.newest]));
  const included = blueprint.includes.flatMap((name) => catalogue.blueprints.filter((one) => one.name === name));
  const parts = [...blueprint.modules, ...included.flatMap((one) => one.modules)].flatMap(
    (name) => newest.get(name) ?? [],
  );
  return [...new Set(parts)].sort((a, b) => Number(b.tier === 'app') - Number(a.tier === 'app')).slice(0, 4);
}
