// Makes src/schema/schema-table.ts: the facts of the Proxmox VE API schema (method, path, parameter names, types, formats,
// bounds, permissions) without any descriptive text.
// Usage: node apps/lab/scripts/generate-schema.mjs apidoc.json apiformats.json > apps/lab/src/schema/schema-table.ts
import { readFileSync } from 'node:fs';

const [apidocFile, formatsFile] = process.argv.slice(2);
if (!formatsFile) {
  process.stderr.write('usage: generate-schema.mjs <apidoc.json> <apiformats.json>\n');
  process.exit(64);
}
const KEPT = [
  ['type', 'type'],
  ['optional', 'optional'],
  ['minimum', 'minimum'],
  ['maximum', 'maximum'],
  ['minLength', 'minLength'],
  ['maxLength', 'maxLength'],
  ['enum', 'enum'],
  ['requires', 'requires'],
  ['alias', 'alias'],
  ['keyAlias', 'keyAlias'],
  ['default_key', 'defaultKey'],
  ['type-property', 'typeProperty'],
  ['instance-types', 'instanceTypes'],
];
const asNumber = (value) => (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value);

/** Perl's spelling of a regular expression in JavaScript's; undefined where the source has only code. */
function pattern(text) {
  if (text.includes('<perl code>')) return undefined;
  const translated = text
    .replace(/\(\?\^?([a-z]*):/g, (_, flags) => (flags.includes('i') ? '(?i:' : '(?:'))
    .replace(/\[:alnum:\]/g, 'A-Za-z0-9')
    .replace(/\\z|\\Z/g, '$');
  const ignoreCase = translated.includes('(?i:');
  const plain = translated.replaceAll('(?i:', '(?:');
  new RegExp(plain);
  return ignoreCase ? `(?i)${plain}` : plain;
}

function property(source) {
  const result = {};
  for (const [from, to] of KEPT) {
    if (source[from] === undefined || source[from] === null) continue;
    const value = source[from];
    if (from === 'optional' || from === 'default_key') {
      if (Number(value)) result[to] = 1;
    } else if (from === 'enum') {
      if (value) result[to] = value.map(String);
    } else if (['minimum', 'maximum', 'minLength', 'maxLength'].includes(from)) {
      const bound = asNumber(value);
      if (typeof bound === 'number') result[to] = bound;
    } else result[to] = value;
  }
  if (source.pattern) {
    try {
      const text = pattern(source.pattern);
      if (text) result.pattern = text;
    } catch {
      try {
        new RegExp(source.pattern);
        result.pattern = source.pattern;
      } catch (error) {
        process.stderr.write(`pattern left out: ${source.pattern}: ${error.message}\n`);
      }
    }
  }
  if (typeof source.format === 'string') result.format = source.format;
  else if (source.format) result.keys = object(source.format);
  if (source.items) result.items = property(source.items);
  if (source.oneOf) result.oneOf = source.oneOf.map(property);
  return result;
}
const object = (source) => Object.fromEntries(Object.entries(source).map(([name, value]) => [name, property(value)]));

const properties = [];
const known = new Map();
function intern(value) {
  const text = JSON.stringify(value);
  if (!known.has(text)) {
    known.set(text, properties.length);
    properties.push(text);
  }
  return known.get(text);
}
/** Where a method takes one of several forms, all their parameters; those that not every form needs are optional here. */
function propertiesOf(schema) {
  const all = { ...schema?.properties };
  for (const part of schema?.allOf ?? []) Object.assign(all, propertiesOf(part));
  const forms = (schema?.oneOf ?? []).map(propertiesOf);
  for (const form of forms)
    for (const [name, one] of Object.entries(form))
      all[name] = forms.every((other) => other[name]) ? one : { ...one, optional: 1 };
  if (forms.length > 0) {
    const optional = forms.every((form) => Object.values(form).every((one) => Number(one.optional)));
    all[schema['type-property']] = { ...schema['type-property-schema'], ...(optional ? { optional: 1 } : {}) };
  }
  return all;
}
const methods = JSON.parse(readFileSync(apidocFile, 'utf8')).map((method) => {
  const { description: _text, ...permissions } = method.permissions ?? {};
  const entry = { method: method.method, path: method.path };
  const source = propertiesOf(method.parameters);
  entry.parameters = Object.fromEntries(
    Object.keys(source)
      .sort()
      .map((name) => [name, intern(property(source[name]))]),
  );
  if (method.parameters?.additionalProperties) entry.additional = 1;
  if (permissions.user) entry.user = permissions.user;
  if (permissions.check) entry.check = permissions.check;
  if (!method.allowtoken) entry.noToken = 1;
  if (method.protected) entry.protected = 1;
  // Below a node, null says that whichever node was asked answers itself.
  if (method.proxyto || method.path.startsWith('/nodes/{node}/')) entry.proxy = method.proxyto ?? null;
  if (method.returns?.type) entry.returns = method.returns.type;
  return JSON.stringify(entry);
});
const formats = Object.entries(JSON.parse(readFileSync(formatsFile, 'utf8')))
  .filter(([, format]) => typeof format.def === 'object')
  .map(([name, format]) => JSON.stringify([name, object(format.def)]));

const list = (name, lines) =>
  `export const ${name}: readonly string[] = [\n${lines.map((line) => `  ${JSON.stringify(line)},`).join('\n')}\n];\n`;
process.stdout.write(
  `// Generated by apps/lab/scripts/generate-schema.mjs from the API schema of Proxmox VE 9.2; facts only, no texts. Do not edit.\n` +
    `// One JSON document a line, parsed when first asked for.\n` +
    list('PROPERTY_TABLE', properties) +
    list('FORMAT_TABLE', formats) +
    list('METHOD_TABLE', methods),
);
