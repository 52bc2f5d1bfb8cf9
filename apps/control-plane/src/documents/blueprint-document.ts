import {
  Equals,
  IsArray,
  IsBoolean,
  IsInt,
  IsNotEmpty,
  IsObject,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import type { Blueprint, BlueprintModule, GuestSize } from '../domain/blueprint/blueprint.js';
import type { Sha256 } from '../domain/ids.js';
import { type Translations, textsOfBlueprint } from '../domain/translations.js';
import { Header, NAME, SEMVER } from './header.js';
import { mapValues, PropertyDocument, toProperty } from './schema-document.js';
import { IsSize, ListOf, MapOf, MapOfMaps, Nested, Optional } from './shape.js';
import { translationFindings } from './translations.js';
import { gibibytes, mebibytes } from './units.js';

class BlueprintMetadata {
  @Matches(NAME) name!: string;
  @Matches(SEMVER) version!: string;
  @IsString() @IsNotEmpty() @MaxLength(80) title!: string;
  @IsString() @IsNotEmpty() @MaxLength(300) summary!: string;
  @Optional() @IsString() audience?: string;
}

class IncludeDocument {
  @Matches(NAME) blueprint!: string;
  @IsString() @IsNotEmpty() version!: string;
}

class ComponentDocument {
  @IsString() @IsNotEmpty() title!: string;
  @Optional() @IsBoolean() default?: boolean;
  @IsArray() @IsString({ each: true }) modules!: string[];
}

class VolumeSizeDocument {
  @IsSize() size!: string;
}

class GuestSizeDocument {
  @Optional() @IsInt() @Min(1) @Max(128) cpus?: number;
  @Optional() @IsSize() memory?: string;
  @Optional() @IsSize() disk?: string;
  @Optional() @MapOf(() => VolumeSizeDocument) volumes?: Record<string, VolumeSizeDocument>;
}

class BlueprintModuleDocument {
  @Matches(NAME) module!: string;
  @Optional() @IsString() @IsNotEmpty() version?: string;
  @Optional() @IsObject() config?: Record<string, unknown>;
  @Optional() @IsObject() bindings?: Record<string, string>;
  @Optional() @MapOf(() => GuestSizeDocument) guests?: Record<string, GuestSizeDocument>;
}

class SizedInstance {
  @MapOf(() => GuestSizeDocument) guests!: Record<string, GuestSizeDocument>;
}

class BlueprintSpec {
  @Optional() @ListOf(() => IncludeDocument) includes?: IncludeDocument[];
  @Optional() @MapOf(() => PropertyDocument) parameters?: Record<string, PropertyDocument>;
  @Optional() @MapOf(() => ComponentDocument) components?: Record<string, ComponentDocument>;
  @Optional() @MapOf(() => BlueprintModuleDocument, NAME) modules?: Record<string, BlueprintModuleDocument>;
  /** size → instance → guests. */
  @Optional() @MapOfMaps(() => SizedInstance, NAME) sizes?: Record<string, Record<string, SizedInstance>>;
}

/** blueprint.yaml */
export class BlueprintDocument extends Header {
  @Equals('Blueprint') kind!: string;
  @Nested(() => BlueprintMetadata) metadata!: BlueprintMetadata;
  @Nested(() => BlueprintSpec) spec!: BlueprintSpec;
  @Optional() @IsObject() translations?: Record<string, unknown>;
}

const toGuestSize = (document: GuestSizeDocument | null): GuestSize => ({
  ...(document?.cpus ? { cpus: document.cpus } : {}),
  ...(document?.memory ? { memoryMiB: mebibytes(document.memory) } : {}),
  ...(document?.disk ? { diskGiB: gibibytes(document.disk) } : {}),
  ...(document?.volumes
    ? { volumes: mapValues(document.volumes, (volume) => ({ sizeGiB: gibibytes(volume.size) })) }
    : {}),
});

export function toBlueprint(document: BlueprintDocument, digest: Sha256): Blueprint {
  const { metadata, spec } = document;
  return {
    name: metadata.name,
    version: metadata.version,
    title: metadata.title,
    summary: metadata.summary,
    ...(metadata.audience ? { audience: metadata.audience } : {}),
    includes: (spec.includes ?? []).map((include) => ({ ...include })),
    parameters: mapValues(spec.parameters ?? {}, toProperty),
    components: mapValues(spec.components ?? {}, (component) => ({
      title: component.title,
      default: component.default ?? true,
      modules: component.modules,
    })),
    modules: mapValues(
      spec.modules ?? {},
      (module): BlueprintModule => ({
        module: module.module,
        version: module.version ?? '*',
        config: (module.config ?? {}) as BlueprintModule['config'],
        bindings: module.bindings ?? {},
        guests: mapValues(module.guests ?? {}, toGuestSize),
      }),
    ),
    sizes: mapValues(spec.sizes ?? {}, (profile) =>
      mapValues(profile ?? {}, (instance) => ({ guests: mapValues(instance.guests, toGuestSize) })),
    ),
    ...(document.translations ? { translations: document.translations as Translations } : {}),
    digest,
  };
}

/** Checks that need the whole document; shapes are right already. */
export function blueprintFindings(
  document: BlueprintDocument,
  folder: { name: string },
): { path: string[]; code: string; message: string }[] {
  const found: { path: string[]; code: string; message: string }[] = [];
  const { metadata, spec } = document;
  if (metadata.name !== folder.name)
    found.push({
      path: ['metadata', 'name'],
      code: 'blueprint.name',
      message: `the name must equal the folder's name ${folder.name}`,
    });
  const open = Object.entries(spec.parameters ?? {}).filter(
    ([, parameter]) => parameter.default === undefined && parameter.enum === undefined,
  );
  if (open.length > 3)
    found.push({
      path: ['spec', 'parameters'],
      code: 'blueprint.questions',
      message: `at most three parameters may have no default, here ${open.length}: ${open.map(([name]) => name).join(', ')}`,
    });
  for (const [name, module] of Object.entries(spec.modules ?? {})) {
    for (const [requirement, provider] of Object.entries(module.bindings ?? {})) {
      if (typeof provider !== 'string')
        found.push({
          path: ['spec', 'modules', name, 'bindings', requirement],
          code: 'document.invalid',
          message: 'must be the name of an instance',
        });
    }
  }
  const texts = () => textsOfBlueprint(toBlueprint(document, '' as Sha256));
  return [...found, ...translationFindings(document.translations, texts)];
}
