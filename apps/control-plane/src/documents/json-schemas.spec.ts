import { existsSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { DOCUMENT_KINDS } from './documents.js';
import { jsonSchemaOf } from './json-schemas.js';
import { type DocumentKind, realDocuments } from './testing/samples.js';

const kinds = Object.keys(DOCUMENT_KINDS) as DocumentKind[];

function validatorOf(kind: DocumentKind): (value: unknown) => string[] {
  const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: true });
  addFormats.default(ajv);
  const validate = ajv.compile(jsonSchemaOf(kind));
  return (value) =>
    validate(value) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}
const check = Object.fromEntries(kinds.map((kind) => [kind, validatorOf(kind)])) as Record<
  DocumentKind,
  (value: unknown) => string[]
>;
const documents = realDocuments();

describe('the JSON Schemas for editors', () => {
  it.each(documents.map((sample) => [sample.file, sample] as const))('take %s', (_, sample) => {
    expect(check[sample.kind](parse(sample.text))).toEqual([]);
  });

  it.each(documents.map((sample) => [sample.file, sample] as const))(
    'find an unknown field anywhere in %s that the reader finds too',
    (_, sample) => {
      for (const path of [[], ['metadata'], ['spec']]) {
        const value = parse(sample.text) as Record<string, unknown>;
        const target = path.reduce((at, key) => at[key] as Record<string, unknown>, value);
        target.unheardOf = 1;
        expect(check[sample.kind](value)).toEqual([
          `${path.map((key) => `/${key}`).join('')} must NOT have additional properties`,
        ]);
        expect(sample.parse(JSON.stringify(value)).diagnostics.map(({ code, subject }) => [code, subject])).toEqual([
          ['document.unknown_field', [...path, 'unheardOf'].join('.')],
        ]);
      }
    },
  );

  it.each<[unknown, boolean]>([
    [5432, true],
    ['request.port', true],
    ['5432', false],
    [0, false],
    [65_536, false],
    [1.5, false],
    ['port', false],
  ])('agree with the reader about a flow on port %j: %s', (port, good) => {
    const sample = documents.find(({ file }) => file.endsWith('http-route-v1.yaml'))!;
    const value = parse(sample.text) as { spec: { flows: { port: unknown }[] } };
    value.spec.flows[0]!.port = port;
    expect(check.interface(value).length === 0).toBe(good);
    expect(sample.parse(JSON.stringify(value)).value !== undefined).toBe(good);
  });

  it.each(kinds)('in the reference are those of the code: %s', (kind) => {
    const file = `docs/reference/schemas/${kind}.schema.json`;
    expect(existsSync(file)).toBe(true);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(jsonSchemaOf(kind))));
  });
});
