import type { Gibibytes, JsonObject, Mebibytes, Milliseconds, Sha256 } from '../ids.js';
import type { Translations } from '../translations.js';

/** A module as the rest of the product knows it: module.yaml after `documents/` has checked and normalised it (sizes in MiB/GiB, durations in ms, defaults filled in). */
export interface ModuleManifest {
  readonly name: string;
  /** Packaging version, SemVer. */
  readonly version: string;
  /** Upstream's own version string. */
  readonly appVersion: string;
  readonly title: string;
  readonly summary: string;
  readonly tier: 'foundation' | 'app';
  readonly category: ModuleCategory;
  readonly licence: string;
  readonly links: { readonly homepage?: string; readonly source?: string; readonly documentation?: string };
  readonly maintainers: readonly { readonly name: string; readonly email?: string }[];
  readonly origin?: { readonly upstream: string; readonly jurisdiction?: string; readonly governance?: string };
  readonly runtime: 'guest' | 'kubernetes';
  readonly guests: Readonly<Record<string, GuestTemplate>>;
  readonly provides: Readonly<Record<string, ProvidedInterface>>;
  readonly requires: Readonly<Record<string, Requirement>>;
  readonly artifacts: Readonly<Record<string, ArtifactSource>>;
  readonly config: ConfigSchema;
  readonly secrets: Readonly<Record<string, SecretPolicy>>;
  readonly certificates: Readonly<Record<string, CertificatePolicy>>;
  readonly hooks: Readonly<Partial<Record<LifecycleHook, HookPolicy>>>;
  readonly changes: Readonly<Record<string, ChangeClass>>;
  readonly upgrades?: { readonly from: string; readonly breaking: boolean; readonly notes?: string };
  /** Tiles for people (`spec.links`), facts not yet interpolated. */
  readonly tiles: readonly Tile[];
  readonly todos: readonly Todo[];
  readonly translations?: Translations;
  /** SHA-256 over the module's files (names, modes, contents): what is delivered to guests. */
  readonly digest: Sha256;
  /** SHA-256 of its icon.svg; absent: it has none. */
  readonly icon?: Sha256;
  /** Names of the files under hooks/ that are there: `install`, `provide-database`. */
  readonly hookFiles: readonly string[];
}

export const MODULE_CATEGORIES = [
  'files',
  'mail',
  'groupware',
  'chat',
  'video',
  'wiki',
  'office',
  'identity',
  'network',
  'database',
  'backup',
  'monitoring',
  'platform',
] as const;
export type ModuleCategory = (typeof MODULE_CATEGORIES)[number];

export interface GuestTemplate {
  readonly kind: 'container' | 'vm';
  readonly image: string;
  readonly cpus: number;
  readonly memoryMiB: Mebibytes;
  readonly diskGiB: Gibibytes;
  readonly zone: string;
  readonly volumes: Readonly<Record<string, { readonly path: string; readonly sizeGiB: Gibibytes }>>;
  readonly features: readonly string[];
  readonly accepts: readonly {
    readonly port: number;
    readonly protocol: 'tcp' | 'udp';
    readonly from: 'everyone' | 'site';
  }[];
}

export interface ProvidedInterface {
  /** `postgresql/v1`. */
  readonly interface: string;
  /** Guest on which provide/withdraw hooks run; absent: the module's only guest. */
  readonly guest?: string;
  /** Version of the service behind it, compared with a requirement's range; absent: the module's appVersion. */
  readonly version?: string;
}

export interface Requirement {
  readonly interface: string;
  /** SemVer range on the provider's service version. */
  readonly version?: string;
  readonly optional: boolean;
  /** As written, facts not yet interpolated. */
  readonly request: JsonObject;
}

export interface ArtifactSource {
  readonly url: string;
  readonly sha256: Sha256;
  readonly sizeMiB: Mebibytes;
}

export interface SecretPolicy {
  readonly length: number;
  readonly alphabet: 'alphanumeric' | 'hex' | 'base64url';
  readonly shownToAdmin: boolean;
}

export interface CertificatePolicy {
  readonly guest?: string;
  readonly kind: 'leaf' | 'authority';
  readonly names: readonly string[];
}

export const LIFECYCLE_HOOKS = [
  'install',
  'configure',
  'check',
  'upgrade',
  'quiesce',
  'thaw',
  'dump',
  'load',
  'rename',
  'remove',
] as const;
export type LifecycleHook = (typeof LIFECYCLE_HOOKS)[number];

export interface HookPolicy {
  readonly timeoutMs: Milliseconds;
  /** Share of the progress bar relative to other steps. */
  readonly weight?: number;
}

/** What changing a field of a live instance means. */
export type ChangeClass = 'in-place' | 'reboot' | 'grow-only' | 'migrate' | 'recreate' | 'immutable';

/** The JSON Schema subset that config, parameters, requests and offers are written in. */
export interface ConfigSchema {
  readonly type: 'object';
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly properties: Readonly<Record<string, PropertySchema>>;
}

export interface PropertySchema {
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object';
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly items?: PropertySchema;
  readonly properties?: Readonly<Record<string, PropertySchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  /** The value is a secret: kept in the secret store, never on a screen or in a log. */
  readonly secret?: boolean;
}

export interface Tile {
  readonly title: string;
  readonly url: string;
  readonly icon?: string;
}

export interface Todo {
  readonly id: string;
  readonly severity: 'required' | 'recommended' | 'info';
  readonly when?: string;
  readonly text: string;
}
