import type { ConfigSchema, SecretPolicy } from './manifest.js';

/** `postgresql/v1`: a typed contract between modules (modules/interfaces/postgresql-v1.yaml). */
export interface InterfaceDefinition {
  /** With the major version: `postgresql/v1`. */
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  /** One provider may serve many consumers. */
  readonly shared: boolean;
  /** Module that is added when a required binding has no provider. */
  readonly defaultProvider?: string;
  readonly request: ConfigSchema;
  readonly offer: ConfigSchema;
  readonly secrets: Readonly<Record<string, SecretPolicy>>;
  readonly flows: readonly Flow[];
}

/** A network flow that a binding opens. */
export interface Flow {
  readonly from: 'consumer' | 'provider';
  readonly to: 'consumer' | 'provider';
  /** A number, or the field of the request that holds it. */
  readonly port: number | { readonly requestField: string };
  readonly protocol: 'tcp' | 'udp';
}
