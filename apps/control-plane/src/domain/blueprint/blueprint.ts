import type { Gibibytes, JsonObject, Mebibytes, Sha256 } from '../ids.js';
import type { PropertySchema } from '../module/manifest.js';
import type { Translations } from '../translations.js';

/** A versioned composition of modules (blueprint.yaml), checked and normalised. */
export interface Blueprint {
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly summary: string;
  readonly audience?: string;
  readonly includes: readonly { readonly blueprint: string; readonly version: string }[];
  readonly parameters: Readonly<Record<string, PropertySchema>>;
  readonly components: Readonly<Record<string, Component>>;
  /** By instance name. */
  readonly modules: Readonly<Record<string, BlueprintModule>>;
  readonly sizes: Readonly<Record<string, SizeProfile>>;
  readonly translations?: Translations;
  readonly digest: Sha256;
}

/** What the admin can switch on and off. Instances named in no component are always there. */
export interface Component {
  readonly title: string;
  readonly default: boolean;
  /** Instance names. */
  readonly modules: readonly string[];
}

export interface BlueprintModule {
  readonly module: string;
  /** SemVer range. */
  readonly version: string;
  /** Facts not yet interpolated. */
  readonly config: JsonObject;
  /** Requirement name → instance name of the provider. */
  readonly bindings: Readonly<Record<string, string>>;
  readonly guests: Readonly<Record<string, GuestSize>>;
}

export interface GuestSize {
  readonly cpus?: number;
  readonly memoryMiB?: Mebibytes;
  readonly diskGiB?: Gibibytes;
  readonly volumes?: Readonly<Record<string, { readonly sizeGiB: Gibibytes }>>;
}

/** Instance name → guest name → size. */
export type SizeProfile = Readonly<Record<string, { readonly guests: Readonly<Record<string, GuestSize>> }>>;
