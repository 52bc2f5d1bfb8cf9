import { IsArray, IsBoolean, IsIn, IsInt, IsNumber, IsString, Min } from 'class-validator';
import type { ConfigSchema, PropertySchema, SecretPolicy } from '../domain/module/manifest.js';
import { IsPattern, MapOf, Nested, Optional } from './shape.js';

/** The JSON Schema subset of config, parameters, requests and offers. */
const FIELD = /^[a-zA-Z][a-zA-Z0-9_-]{0,62}$/;

export class PropertyDocument {
  @Optional() @IsIn(['string', 'integer', 'number', 'boolean', 'array', 'object']) type?: PropertySchema['type'];
  @Optional() @IsString() title?: string;
  @Optional() @IsString() description?: string;
  @Optional() default?: unknown;
  @Optional() @IsArray() enum?: unknown[];
  @Optional() @IsPattern() pattern?: string;
  @Optional() @IsIn(['hostname', 'email', 'uri', 'ipv4', 'cidr', 'date']) format?: string;
  @Optional() @IsNumber() minimum?: number;
  @Optional() @IsNumber() maximum?: number;
  @Optional() @IsInt() @Min(0) minLength?: number;
  @Optional() @IsInt() @Min(0) maxLength?: number;
  @Optional() @IsInt() @Min(0) minItems?: number;
  @Optional() @IsInt() @Min(0) maxItems?: number;
  @Optional() @IsBoolean() uniqueItems?: boolean;
  @Optional() @Nested(() => PropertyDocument) items?: PropertyDocument;
  @Optional() @MapOf(() => PropertyDocument, FIELD) properties?: Record<string, PropertyDocument>;
  @Optional() @IsString({ each: true }) @IsArray() required?: string[];
  @Optional() @IsBoolean() additionalProperties?: boolean;
  @Optional() @IsBoolean() secret?: boolean;
}

export class ObjectSchemaDocument {
  @Optional() @IsIn(['object']) type?: 'object';
  @Optional() @IsString({ each: true }) @IsArray() required?: string[];
  @Optional() @IsBoolean() additionalProperties?: boolean;
  @Optional() @MapOf(() => PropertyDocument, FIELD) properties?: Record<string, PropertyDocument>;
}

export class SecretDocument {
  @Optional() @IsInt() @Min(8) length?: number;
  @Optional() @IsIn(['alphanumeric', 'hex', 'base64url']) alphabet?: SecretPolicy['alphabet'];
  @Optional() @IsBoolean() shownToAdmin?: boolean;
}

/** `type` may be left out where an enum or a default says it. */
export function toProperty(document: PropertyDocument): PropertySchema {
  const sample = document.enum?.[0] ?? document.default;
  const guessed = document.properties
    ? 'object'
    : document.items
      ? 'array'
      : sample === undefined
        ? 'string'
        : Array.isArray(sample)
          ? 'array'
          : typeof sample;
  const { items, properties, ...rest } = document;
  return {
    ...withoutUndefined(rest),
    type: document.type ?? (guessed as PropertySchema['type']),
    ...(items ? { items: toProperty(items) } : {}),
    ...(properties ? { properties: mapValues(properties, toProperty) } : {}),
  };
}

export function toObjectSchema(document: ObjectSchemaDocument | undefined): ConfigSchema {
  return {
    type: 'object',
    additionalProperties: document?.additionalProperties ?? false,
    ...(document?.required ? { required: document.required } : {}),
    properties: mapValues(document?.properties ?? {}, toProperty),
  };
}

export const toSecret = (document: SecretDocument | null): SecretPolicy => ({
  length: document?.length ?? 24,
  alphabet: document?.alphabet ?? 'alphanumeric',
  shownToAdmin: document?.shownToAdmin ?? false,
});

export const mapValues = <A, B>(
  record: Readonly<Record<string, A>>,
  change: (value: A, key: string) => B,
): Record<string, B> => Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));

export const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
