import 'reflect-metadata';
import { validationMetadatasToSchemas } from 'class-validator-jsonschema';
import { DOCUMENT_KINDS } from './documents.js';
import { FLOW_PORT_FIELD, nestingsOf } from './shape.js';

type Schema = { [key: string]: unknown };
type Constructor = new () => object;

/**
 * JSON Schema (draft 2020-12) of one document kind for editors, from the classes that validate it. Nesting is ours
 * (shape.ts), so the definitions are joined here; everything about single fields comes from class-validator's metadata.
 */
export function jsonSchemaOf(kind: keyof typeof DOCUMENT_KINDS): Schema {
  const all = validationMetadatasToSchemas({
    additionalConverters: {
      nested: {},
      nestedList: {},
      nestedMap: {},
      nestedMaps: {},
      isSize: { type: 'string', pattern: '^[1-9][0-9]{0,6}(MiB|GiB|TiB)$' },
      isDuration: { type: 'string', pattern: '^[1-9][0-9]{0,5}(ms|s|m|h|d)$' },
      isFlowPort: {
        anyOf: [
          { type: 'integer', minimum: 1, maximum: 65535 },
          { type: 'string', pattern: FLOW_PORT_FIELD.source },
        ],
      },
      isPattern: { type: 'string', format: 'regex' },
      isFqdn: { type: 'string', format: 'hostname' },
    },
  }) as Record<string, Schema>;
  const definitions: Record<string, Schema> = {};
  const define = (type: Constructor): Schema => {
    const reference = { $ref: `#/$defs/${type.name}` };
    if (definitions[type.name]) return reference;
    const own = structuredClone(all[type.name] ?? { type: 'object', properties: {} });
    const properties = (own.properties ?? {}) as Record<string, Schema>;
    definitions[type.name] = { ...own, properties, additionalProperties: false };
    for (const [name, nesting] of nestingsOf(type)) {
      const inner = define(nesting.of());
      if (nesting.how === 'one') properties[name] = inner;
      else if (nesting.how === 'list') properties[name] = { type: 'array', items: inner };
      else {
        const map = {
          type: 'object',
          propertyNames: { pattern: nesting.key.source },
          additionalProperties: { anyOf: [inner, { type: 'null' }] },
        };
        properties[name] = nesting.how === 'map' ? map : { type: 'object', additionalProperties: map };
      }
    }
    return reference;
  };
  const root = define(DOCUMENT_KINDS[kind]);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `https://bastide.dev/schemas/${kind}.schema.json`,
    title: `${kind}.yaml`,
    ...root,
    $defs: Object.fromEntries(Object.entries(definitions).toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}
