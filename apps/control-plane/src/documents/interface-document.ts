import { Equals, IsBoolean, IsIn, IsInt, IsNotEmpty, IsString, Matches, Max, Min } from 'class-validator';
import type { Flow, InterfaceDefinition } from '../domain/module/interface.js';
import { Header, NAME } from './header.js';
import { mapValues, ObjectSchemaDocument, SecretDocument, toObjectSchema, toSecret } from './schema-document.js';
import { IsFlowPort, ListOf, MapOf, Nested, Optional } from './shape.js';

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
  @IsFlowPort() port!: string | number;
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

/** Checks that need the whole document; shapes are right already. `baseName`: the file's name without its extension. */
export function interfaceFindings(
  { metadata, spec }: InterfaceDocument,
  baseName: string,
): { path: string[]; code: string; message: string }[] {
  const found: { path: string[]; code: string; message: string }[] = [];
  if (`${metadata.name}-v${metadata.version}` !== baseName)
    found.push({
      path: ['metadata', 'name'],
      code: 'interface.name',
      message: `the file must be called ${metadata.name}-v${metadata.version}.yaml`,
    });
  for (const [index, { port }] of (spec.flows ?? []).entries()) {
    const field = requestField(port);
    if (field !== undefined && !Object.hasOwn(spec.request?.properties ?? {}, field))
      found.push({
        path: ['spec', 'flows', String(index), 'port'],
        code: 'interface.flow_field',
        message: `the request has no field ${field}`,
      });
  }
  return found;
}

/** `request.port` → `port`; a number → undefined. */
const requestField = (port: string | number): string | undefined =>
  typeof port === 'string' ? port.slice('request.'.length) : undefined;

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
      const field = requestField(flow.port);
      return {
        from: flow.from,
        to: flow.to,
        protocol: flow.protocol,
        port: field === undefined ? (flow.port as number) : { requestField: field },
      };
    }),
  };
}
