import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SentRequest } from '../../src/adapters/proxmox/proxmox-client.js';

/** The schema of the real API (661 methods); kept beside the repository, not in it. */
const FILE = join(dirname(fileURLToPath(import.meta.url)), '../../../../../shared/pve/apidoc.json');

interface Property {
  readonly type?: string;
  readonly optional?: number;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number | string;
  readonly maximum?: number | string;
  readonly maxLength?: number | string;
  readonly format?: string | Readonly<Record<string, Property & { default_key?: number; alias?: string }>>;
}

interface Method {
  readonly method: string;
  readonly path: string;
  readonly parameters: { readonly properties?: Readonly<Record<string, Property>> };
}

/** Whether the schema is there; says so loudly when it is not. */
export function schemaIsThere(): boolean {
  const there = existsSync(FILE);
  if (!there) process.stderr.write(`SKIPPED: the API schema is not at ${FILE}\n`);
  return there;
}

/** What is wrong with a request by the schema of the real API: unknown path or parameter, wrong type, missing one. */
export function schemaCheck(): (request: SentRequest) => string[] {
  const methods = (JSON.parse(readFileSync(FILE, 'utf8')) as Method[]).map((method) => ({
    ...method,
    // Literal parts win over variables: /nodes/{node}/tasks before /nodes/{node}/{x}.
    variables: method.path.split('{').length,
    match: new RegExp(`^${method.path.replace(/\{[^}]+\}/g, '([^/]+)')}$`),
    names: [...method.path.matchAll(/\{([^}]+)\}/g)].map((m) => m[1]!),
  }));
  methods.sort((a, b) => a.variables - b.variables);
  return (request) => {
    const call = `${request.method} ${request.path}`;
    const method = methods.find((m) => m.method === request.method && m.match.test(request.path));
    if (!method) return [`${call}: no such method`];
    const values = method.match.exec(request.path)!.slice(1).map(decodeURIComponent);
    const given = [...request.parameters, ...method.names.map((name, n) => [name, values[n]!] as const)];
    const known = method.parameters.properties ?? {};
    const problems = given.flatMap(([name, value]) => {
      const property = known[name] ?? known[name.replace(/\d+$/, '[n]')];
      if (!property) return [`unknown parameter ${name}`];
      return valueProblems(value, property).map((p) => `${name}: ${p}`);
    });
    for (const [name, property] of Object.entries(known)) {
      if (!property.optional && !given.some(([g]) => g === name)) problems.push(`${name} is missing`);
    }
    return problems.map((problem) => `${call}: ${problem}`);
  };
}

function valueProblems(value: string, property: Property): string[] {
  const { type, format } = property;
  if (type === 'boolean') return /^[01]$/.test(value) ? [] : [`"${value}" is no boolean`];
  if (type === 'integer' || type === 'number') {
    if (!(type === 'integer' ? /^-?\d+$/ : /^-?\d+(\.\d+)?$/).test(value)) return [`"${value}" is no ${type}`];
    const low = property.minimum !== undefined && Number(value) < Number(property.minimum);
    const high = property.maximum !== undefined && Number(value) > Number(property.maximum);
    return low || high ? [`${value} is out of bounds`] : [];
  }
  if (property.enum && !property.enum.includes(value)) return [`"${value}" is none of ${property.enum.join(', ')}`];
  if (property.maxLength !== undefined && value.length > Number(property.maxLength)) return ['too long'];
  const pattern = property.pattern?.replaceAll('(?^:', '(?:');
  if (pattern !== undefined && !new RegExp(`^(?:${pattern})$`).test(value))
    return [`"${value}" does not fit ${pattern}`];
  return typeof format === 'object' ? propertyStringProblems(value, format) : [];
}

function propertyStringProblems(text: string, format: Exclude<Property['format'], string | undefined>): string[] {
  const problems: string[] = [];
  text.split(',').forEach((pair, n) => {
    const at = pair.indexOf('=');
    const firstKey = Object.keys(format).find((key) => format[key]!.default_key);
    const name = at < 0 && n === 0 ? firstKey : pair.slice(0, Math.max(0, at));
    const property = name === undefined ? undefined : format[name];
    if (!property) problems.push(`unknown property ${name ?? pair}`);
    else if (property.alias === undefined) {
      problems.push(
        ...valueProblems(pair.slice(at + 1), { ...property, format: undefined! }).map((p) => `${name}: ${p}`),
      );
    }
  });
  return problems;
}
