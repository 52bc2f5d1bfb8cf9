import {
  Equals,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsObject,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import type { Sha256 } from '../domain/ids.js';
import {
  type ChangeClass,
  LIFECYCLE_HOOKS,
  MODULE_CATEGORIES,
  type ModuleManifest,
} from '../domain/module/manifest.js';
import { type Translations, textsOfModule } from '../domain/translations.js';
import { Header, INTERFACE, Links, NAME, Origin, Person, SEMVER } from './header.js';
import {
  mapValues,
  ObjectSchemaDocument,
  SecretDocument,
  toObjectSchema,
  toSecret,
  withoutUndefined,
} from './schema-document.js';
import { IsDuration, IsSize, ListOf, MapOf, Nested, Optional } from './shape.js';
import { translationFindings } from './translations.js';
import { gibibytes, mebibytes, milliseconds } from './units.js';

const CHANGE_CLASSES = ['in-place', 'reboot', 'grow-only', 'migrate', 'recreate', 'immutable'] as const;

class ModuleMetadata {
  @Matches(NAME) name!: string;
  @Matches(SEMVER) version!: string;
  @IsString() @IsNotEmpty() @MaxLength(60) appVersion!: string;
  @IsString() @IsNotEmpty() @MaxLength(80) title!: string;
  @IsString() @IsNotEmpty() @MaxLength(300) summary!: string;
  @IsIn(['foundation', 'app']) tier!: 'foundation' | 'app';
  @IsIn(MODULE_CATEGORIES) category!: ModuleManifest['category'];
  @IsString() @IsNotEmpty() licence!: string;
  @Optional() @Nested(() => Links) links?: Links;
  @Optional() @ListOf(() => Person) maintainers?: Person[];
  @Optional() @Nested(() => Origin) origin?: Origin;
}

class VolumeDocument {
  @Matches(/^\/[A-Za-z0-9._/-]+$/) path!: string;
  @IsSize() size!: string;
}

class AcceptsDocument {
  @IsInt() @Min(1) @Max(65535) port!: number;
  @Optional() @IsIn(['tcp', 'udp']) protocol?: 'tcp' | 'udp';
  @IsIn(['everyone', 'site']) from!: 'everyone' | 'site';
}

class GuestDocument {
  @IsIn(['container', 'vm']) kind!: 'container' | 'vm';
  @Matches(/^[a-z0-9][a-z0-9.-]{0,62}$/) image!: string;
  @IsInt() @Min(1) @Max(128) cpus!: number;
  @IsSize() memory!: string;
  @IsSize() disk!: string;
  @Matches(NAME) zone!: string;
  @Optional() @MapOf(() => VolumeDocument) volumes?: Record<string, VolumeDocument>;
  @Optional() @IsIn(['nesting', 'tun', 'gpu', 'fuse'], { each: true }) @IsArray() features?: string[];
  @Optional() @ListOf(() => AcceptsDocument) accepts?: AcceptsDocument[];
}

class ProvidesDocument {
  @Matches(INTERFACE) interface!: string;
  @Optional() @IsString() guest?: string;
  @Optional() @IsString() version?: string;
}

class RequiresDocument {
  @Matches(INTERFACE) interface!: string;
  @Optional() @IsString() version?: string;
  @Optional() @IsBoolean() optional?: boolean;
  @Optional() @IsObject() request?: Record<string, unknown>;
}

class ArtifactDocument {
  @Matches(/^https?:\/\/[^\s/@]+(\/\S*)?$/, { message: 'url must be http:// or https:// without user and password' })
  url!: string;
  @Matches(/^[0-9a-f]{64}$/) sha256!: string;
  @Optional() @IsSize() size?: string;
}

class CertificateDocument {
  @Optional() @IsString() guest?: string;
  @IsIn(['leaf', 'authority']) kind!: 'leaf' | 'authority';
  @Optional() @IsString({ each: true }) @IsArray() names?: string[];
}

class HookDocument {
  @Optional() @IsDuration() timeout?: string;
  @Optional() @IsInt() @Min(1) @Max(1000) weight?: number;
}

class UpgradesDocument {
  @IsString() from!: string;
  @Optional() @IsBoolean() breaking?: boolean;
  @Optional() @IsString() notes?: string;
}

class TileDocument {
  @IsString() @IsNotEmpty() title!: string;
  @IsString() @IsNotEmpty() url!: string;
  @Optional() @IsString() icon?: string;
}

class TodoDocument {
  @Matches(NAME) id!: string;
  @IsIn(['required', 'recommended', 'info']) severity!: 'required' | 'recommended' | 'info';
  @Optional() @IsString() when?: string;
  @IsString() @IsNotEmpty() text!: string;
}

class ModuleSpec {
  @Optional() @IsIn(['guest', 'kubernetes']) runtime?: 'guest' | 'kubernetes';
  @Optional() @MapOf(() => GuestDocument) guests?: Record<string, GuestDocument>;
  @Optional() @MapOf(() => ProvidesDocument) provides?: Record<string, ProvidesDocument>;
  @Optional() @MapOf(() => RequiresDocument) requires?: Record<string, RequiresDocument>;
  @Optional() @MapOf(() => ArtifactDocument) artifacts?: Record<string, ArtifactDocument>;
  @Optional() @Nested(() => ObjectSchemaDocument) config?: ObjectSchemaDocument;
  @Optional() @MapOf(() => SecretDocument) secrets?: Record<string, SecretDocument>;
  @Optional() @MapOf(() => CertificateDocument) certificates?: Record<string, CertificateDocument>;
  @Optional() @MapOf(() => HookDocument, new RegExp(`^(${LIFECYCLE_HOOKS.join('|')})$`)) hooks?: Record<
    string,
    HookDocument | null
  >;
  @Optional() @IsObject() changes?: Record<string, ChangeClass>;
  @Optional() @Nested(() => UpgradesDocument) upgrades?: UpgradesDocument;
  @Optional() @ListOf(() => TileDocument) links?: TileDocument[];
  @Optional() @ListOf(() => TodoDocument) todos?: TodoDocument[];
}

/** module.yaml */
export class ModuleDocument extends Header {
  @Equals('Module') kind!: string;
  @Nested(() => ModuleMetadata) metadata!: ModuleMetadata;
  @Nested(() => ModuleSpec) spec!: ModuleSpec;
  @Optional() @IsObject() translations?: Record<string, unknown>;
}

const DEFAULT_HOOK_TIMEOUT_MS = 5 * 60_000;

/** A checked document and the facts of its folder → the domain's manifest. */
export function toManifest(
  document: ModuleDocument,
  folder: { digest: Sha256; hookFiles: readonly string[] },
): ModuleManifest {
  const { metadata, spec } = document;
  return {
    ...withoutUndefined({
      name: metadata.name,
      version: metadata.version,
      appVersion: metadata.appVersion,
      title: metadata.title,
      summary: metadata.summary,
    }),
    tier: metadata.tier,
    category: metadata.category,
    licence: metadata.licence,
    links: { ...metadata.links },
    maintainers: (metadata.maintainers ?? []).map((person) => ({ ...person })),
    ...(metadata.origin ? { origin: { ...metadata.origin } } : {}),
    runtime: spec.runtime ?? 'guest',
    guests: mapValues(spec.guests ?? {}, (guest) => ({
      kind: guest.kind,
      image: guest.image,
      cpus: guest.cpus,
      memoryMiB: mebibytes(guest.memory),
      diskGiB: gibibytes(guest.disk),
      zone: guest.zone,
      volumes: mapValues(guest.volumes ?? {}, (volume) => ({ path: volume.path, sizeGiB: gibibytes(volume.size) })),
      features: guest.features ?? [],
      accepts: (guest.accepts ?? []).map((accept) => ({
        port: accept.port,
        protocol: accept.protocol ?? 'tcp',
        from: accept.from,
      })),
    })),
    provides: mapValues(spec.provides ?? {}, (provided) => ({ ...provided })),
    requires: mapValues(spec.requires ?? {}, (required) => ({
      interface: required.interface,
      ...(required.version ? { version: required.version } : {}),
      optional: required.optional ?? false,
      request: (required.request ?? {}) as ModuleManifest['requires'][string]['request'],
    })),
    artifacts: mapValues(spec.artifacts ?? {}, (artifact) => ({
      url: artifact.url,
      sha256: artifact.sha256,
      sizeMiB: artifact.size ? mebibytes(artifact.size) : 0,
    })),
    config: toObjectSchema(spec.config),
    secrets: mapValues(spec.secrets ?? {}, toSecret),
    certificates: mapValues(spec.certificates ?? {}, (certificate) => ({
      ...(certificate.guest ? { guest: certificate.guest } : {}),
      kind: certificate.kind,
      names: certificate.names ?? [],
    })),
    hooks: mapValues(spec.hooks ?? {}, (hook) => ({
      timeoutMs: hook?.timeout ? milliseconds(hook.timeout) : DEFAULT_HOOK_TIMEOUT_MS,
      ...(hook?.weight ? { weight: hook.weight } : {}),
    })),
    changes: spec.changes ?? {},
    ...(spec.upgrades
      ? {
          upgrades: {
            from: spec.upgrades.from,
            breaking: spec.upgrades.breaking ?? false,
            ...(spec.upgrades.notes ? { notes: spec.upgrades.notes } : {}),
          },
        }
      : {}),
    tiles: (spec.links ?? []).map((tile) => ({ ...tile })),
    todos: (spec.todos ?? []).map((todo) => ({ ...todo })),
    ...(document.translations ? { translations: document.translations as Translations } : {}),
    digest: folder.digest,
    hookFiles: folder.hookFiles,
  };
}

/** Checks that need the whole document or its folder; shapes are right already. Subjects are paths in the document. */
export function moduleFindings(
  document: ModuleDocument,
  folder: { name: string; hookFiles: readonly string[] },
): { path: string[]; code: string; message: string }[] {
  const found: { path: string[]; code: string; message: string }[] = [];
  const { metadata, spec } = document;
  const guests = Object.keys(spec.guests ?? {});
  if (metadata.name !== folder.name)
    found.push({
      path: ['metadata', 'name'],
      code: 'module.name',
      message: `the name must equal the folder's name ${folder.name}`,
    });
  for (const hook of Object.keys(spec.hooks ?? {})) {
    if (!folder.hookFiles.includes(hook))
      found.push({
        path: ['spec', 'hooks', hook],
        code: 'module.hook_missing',
        message: `there is no executable file hooks/${hook}`,
      });
  }
  for (const file of folder.hookFiles) {
    const declared =
      file.startsWith('provide-') || file.startsWith('withdraw-')
        ? spec.provides?.[file.replace(/^(provide|withdraw)-/, '')]
        : Object.hasOwn(spec.hooks ?? {}, file);
    if (!declared)
      found.push({
        path: ['spec', 'hooks'],
        code: 'module.hook_undeclared',
        message: `hooks/${file} belongs to no declared hook or provided interface`,
      });
  }
  for (const [name, provided] of Object.entries(spec.provides ?? {})) {
    for (const file of [`provide-${name}`, `withdraw-${name}`]) {
      if (!folder.hookFiles.includes(file))
        found.push({
          path: ['spec', 'provides', name],
          code: 'module.hook_missing',
          message: `there is no executable file hooks/${file}`,
        });
    }
    if (provided.guest && !guests.includes(provided.guest))
      found.push({
        path: ['spec', 'provides', name, 'guest'],
        code: 'module.guest_unknown',
        message: `there is no guest ${provided.guest}`,
      });
    if (!provided.guest && guests.length > 1)
      found.push({
        path: ['spec', 'provides', name],
        code: 'module.guest_unclear',
        message: 'the module has several guests: say on which one the hooks run',
      });
  }
  for (const [name, certificate] of Object.entries(spec.certificates ?? {})) {
    if (certificate.guest && !guests.includes(certificate.guest))
      found.push({
        path: ['spec', 'certificates', name, 'guest'],
        code: 'module.guest_unknown',
        message: `there is no guest ${certificate.guest}`,
      });
  }
  for (const [field, change] of Object.entries(spec.changes ?? {})) {
    if (!CHANGE_CLASSES.includes(change))
      found.push({
        path: ['spec', 'changes', field],
        code: 'document.invalid',
        message: `must be one of ${CHANGE_CLASSES.join(', ')}`,
      });
  }
  const texts = () => textsOfModule(toManifest(document, { ...folder, digest: '' as Sha256 }));
  return [...found, ...translationFindings(document.translations, texts)];
}
