import type { Blueprint } from '../domain/blueprint/blueprint.js';
import type { Diagnostic } from '../domain/diagnostic.js';
import type { Sha256 } from '../domain/ids.js';
import type { InterfaceDefinition } from '../domain/module/interface.js';
import type { ModuleManifest } from '../domain/module/manifest.js';
import type { Site } from '../domain/site/site.js';
import { BlueprintDocument, blueprintFindings, toBlueprint } from './blueprint-document.js';
import { InterfaceDocument, interfaceFindings, toInterface } from './interface-document.js';
import { ModuleDocument, moduleFindings, toManifest } from './module-document.js';
import { checkShape } from './shape.js';
import { SiteDocument, toSite } from './site-document.js';
import { parseYaml, type YamlSource } from './yaml-document.js';

/** A document's value, or why there is none. Warnings may come with a value. */
export interface Parsed<T> {
  readonly value?: T;
  readonly diagnostics: readonly Diagnostic[];
}

/** The four kinds of document and the classes that check them; JSON Schemas are generated from this table too. */
export const DOCUMENT_KINDS = {
  module: ModuleDocument,
  blueprint: BlueprintDocument,
  site: SiteDocument,
  interface: InterfaceDocument,
} as const;

export function parseModule(
  file: string,
  text: string,
  folder: { name: string; digest: Sha256; hookFiles: readonly string[] },
): Parsed<ModuleManifest> {
  return parse(
    ModuleDocument,
    file,
    text,
    (document) => moduleFindings(document, folder),
    (document) => toManifest(document, folder),
  );
}

export function parseBlueprint(
  file: string,
  text: string,
  folder: { name: string; digest: Sha256 },
): Parsed<Blueprint> {
  return parse(
    BlueprintDocument,
    file,
    text,
    (document) => blueprintFindings(document, folder),
    (document) => toBlueprint(document, folder.digest),
  );
}

/** `baseName`: the file's name without folder and extension; must be `<name>-v<version>`. */
export function parseInterface(file: string, text: string, baseName: string): Parsed<InterfaceDefinition> {
  return parse(InterfaceDocument, file, text, (document) => interfaceFindings(document, baseName), toInterface);
}

export function parseSite(file: string, text: string): Parsed<Site> {
  return parse(SiteDocument, file, text, () => [], toSite);
}

function parse<D extends object, T>(
  type: new () => D,
  file: string,
  text: string,
  findings: (document: D) => { path: string[]; code: string; message: string }[],
  convert: (document: D) => T,
): Parsed<T> {
  const { source, diagnostics } = parseYaml(file, text);
  if (!source) return { diagnostics };
  const shape = checkShape(type, source);
  if (!shape.value) return { diagnostics: inOrder(shape.diagnostics) };
  const further = findings(shape.value).map((finding): Diagnostic => toDiagnostic(finding, source));
  if (further.length > 0) return { diagnostics: inOrder(further) };
  return { value: convert(shape.value), diagnostics: [] };
}

const toDiagnostic = (finding: { path: string[]; code: string; message: string }, source: YamlSource): Diagnostic => ({
  severity: 'error',
  code: finding.code,
  subject: finding.path.join('.'),
  message: finding.message,
  place: source.placeOf(finding.path),
});

/** Top to bottom, as a reader of the file meets them. */
const inOrder = (diagnostics: readonly Diagnostic[]): Diagnostic[] =>
  diagnostics.toSorted(
    (a, b) => (a.place?.line ?? 0) - (b.place?.line ?? 0) || (a.place?.column ?? 0) - (b.place?.column ?? 0),
  );
