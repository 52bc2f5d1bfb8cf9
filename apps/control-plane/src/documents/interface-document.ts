import { Equals, IsBoolean, IsIn, IsInt, IsNotEmpty, IsString, Matches, Max, Min } from 'class-validator';
import type { Flow, InterfaceDefinition } from '../domain/module/interface.js';
import { Header, NAME } from './header.js';
import { mapValues, ObjectSchemaDocument, SecretDocument, toObjectSchema, toSecret } from './schema-document.js';
import { ListOf, MapOf, Nested, Optional } from './shape.js';

class InterfaceMetadata {
  @Matches(NAME) name!: string;
  @IsInt() @Min(1) @Max(999) version!: number;
  @IsString() @IsNotEmpty() title!: string;
  @IsString() @IsNotEmpty() summary!: string;
}

class FlowDocument {
  @IsIn(['consumer', 'provider']) from!: 'consumer' | 'provider';
  @IsIn(['consumer', 'provider']) to!: 'consumer' | 'provider';
  /** A number, or `request.<field>`. */
  @Matches(/^([1-9][0-9]{0,4}|request\.[a-zA-Z][a-zA-Z0-9]*)$/, {
    message: 'port must be a port number or request.<field>',
  })
  port!: string | number;
  @IsIn(['tcp', 'udp']) protocol!: 'tcp' | 'udp';
}

class InterfaceSpec {
  @Optional() @IsBoolean() shared?: boolean;
  @Optional() @Matches(NAME) defaultProvider?: string;
  @Optional() @Nested(() => ObjectSchemaDocument) request?: ObjectSchemaDocument;
  @Nested(() => ObjectSchemaDocument) offer!: ObjectSchemaDocument;
  @Optional() @MapOf(() => SecretDocument) secrets?: Record<string, SecretDocument>;
  @Optional() @ListOf(() => FlowDocument) flows?: FlowDocument[];
}

/** modules/interfaces/<name>-v<major>.yaml */
export class InterfaceDocument extends Header {
  @Equals('Interface') kind!: string;
  @Nested(() => InterfaceMetadata) metadata!: InterfaceMetadata;
  @Nested(() => InterfaceSpec) spec!: InterfaceSpec;
}

export function toInterface(document: InterfaceDocument): InterfaceDefinition {
  const { metadata, spec } = document;
  return {
    name: `${metadata.name}/v${metadata.version}`,
    title: metadata.title,
    summary: metadata.summary,
    shared: spec.shared ?? true,
    ...(spec.defaultProvider ? { defaultProvider: spec.defaultProvider } : {}),
    request: toObjectSchema(spec.request),
    offer: toObjectSchema(spec.offer),
    secrets: mapValues(spec.secrets ?? {}, toSecret),
    flows: (spec.flows ?? []).map((flow): Flow => {
      const text = String(flow.port);
      return {
        from: flow.from,
        to: flow.to,
        protocol: flow.protocol,
        port: text.startsWith('request.') ? { requestField: text.slice('request.'.length) } : Number(text),
      };
    }),
  };
}
