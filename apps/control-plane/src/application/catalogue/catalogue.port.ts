import type { CatalogueContent } from '../../domain/catalogue.js';
import type { Diagnostic } from '../../domain/diagnostic.js';

export type { CatalogueContent } from '../../domain/catalogue.js';

export interface Catalogue {
  /** What is there now, and the findings of documents that had to be left out. */
  load(): Promise<CatalogueContent & { readonly diagnostics: readonly Diagnostic[] }>;
  /** Reproducible tar of a module's folder, as delivered to guests. */
  moduleTar(name: string, digest: string): Promise<Buffer>;
  /** icon.svg of the newest version of a module, as its author wrote it: hostile until proven otherwise. */
  icon(name: string): Promise<Buffer | undefined>;
}
