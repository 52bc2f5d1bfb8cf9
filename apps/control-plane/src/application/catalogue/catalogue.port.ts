import type { Blueprint } from '../../domain/blueprint/blueprint.js';
import type { Diagnostic } from '../../domain/diagnostic.js';
import type { InterfaceDefinition } from '../../domain/module/interface.js';
import type { ModuleManifest } from '../../domain/module/manifest.js';

/** All that can be installed: plain data, so that the planner can take it as an argument. */
export interface CatalogueContent {
  readonly modules: readonly ModuleManifest[];
  readonly interfaces: readonly InterfaceDefinition[];
  readonly blueprints: readonly Blueprint[];
}

export interface Catalogue {
  /** What is there now, and the findings of documents that had to be left out. */
  load(): Promise<CatalogueContent & { readonly diagnostics: readonly Diagnostic[] }>;
  /** Reproducible tar of a module's folder, as delivered to guests. */
  moduleTar(name: string, digest: string): Promise<Buffer>;
}
