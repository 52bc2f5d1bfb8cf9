/** /nodes/{node}/config: what an administrator wrote for a node, among it the domains its certificate shall be for. */
import { createHash } from 'node:crypto';
import { acmePluginExists } from '../cluster/acme-plugins.js';
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import { keysOf, parsePropertyString } from '../schema/property-string.js';
import { methodOf } from '../schema/schema.js';
import { definitionOf } from '../schema/validate.js';

/** Lines of the file: every value is text. */
type NodeConfig = Record<string, string>;

const COLLECTION = 'node-config';
const OUTSIDE = new Set(['node', 'delete', 'digest']);

export const nodeConfig = (lab: Lab, node: string): NodeConfig => lab.journal.get<NodeConfig>(COLLECTION, node) ?? {};

/** As it would stand in the node's file: the description is its comment. */
function fileOf({ description = '', ...config }: NodeConfig): string {
  const comment =
    description === ''
      ? []
      : description
          .replace(/\n+$/, '')
          .split('\n')
          .map((line) => `#${line}`);
  const lines = Object.entries(config)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}: ${value}`);
  return [...comment, ...lines].map((line) => `${line}\n`).join('');
}

function shown(lab: Lab, node: string): NodeConfig {
  const config = nodeConfig(lab, node);
  const file = fileOf(config);
  // Without a file there is not even a digest.
  if (file === '') return {};
  const description = config.description ? `${config.description.replace(/\n+$/, '')}\n` : '';
  return { ...config, description, digest: createHash('sha1').update(file).digest('hex') };
}

function read(call: Call): unknown {
  const config = shown(call.lab, call.node);
  const property = call.text('property');
  if (property === undefined) return config;
  return config[property] === undefined ? {} : { [property]: config[property] };
}

export interface AcmeSettings {
  readonly account: string;
  readonly domains: readonly string[];
}

function partsOf(key: string, value: string): Readonly<Record<string, string>> {
  const property = definitionOf(methodOf('PUT', '/nodes/{node}/config').parameters, key);
  const keys = property && keysOf(property);
  return keys ? (parsePropertyString(keys, value) as Record<string, string>) : {};
}

/** Throws for a domain that stands twice, or whose plugin is not there. */
export function acmeSettings(lab: Lab, config: NodeConfig): AcmeSettings {
  const found = new Map<string, string>();
  const acme = config.acme === undefined ? {} : partsOf('acme', config.acme);
  for (const domain of (acme.domains ?? '').split(';').filter((one) => one !== '')) {
    const name = domain.toLowerCase();
    if (found.has(name)) throw fail(`duplicate domain '${name}' in ACME config properties`);
    found.set(name, 'acme');
  }
  for (const key of Object.keys(config)
    .filter((one) => /^acmedomain\d$/.test(one))
    .sort()) {
    const { domain = '', plugin = 'standalone' } = partsOf(key, config[key] ?? '');
    const name = domain.toLowerCase();
    const other = found.get(name);
    if (other !== undefined) throw fail(`duplicate domain '${name}' in ACME config properties '${key}' and '${other}'`);
    if (plugin !== 'standalone' && !acmePluginExists(lab, plugin))
      throw fail(`plugin '${plugin}' for domain '${name}' not found!`);
    found.set(name, key);
  }
  return { account: acme.account ?? 'default', domains: [...found.keys()] };
}

function write(call: Call): void {
  const { lab, node } = call;
  const before = shown(lab, node);
  const given = call.text('digest');
  if (given && before.digest && given !== before.digest)
    throw fail('detected modified configuration - file changed by other user? Try again.');
  const config = { ...nodeConfig(lab, node) };
  for (const [key, value] of Object.entries(call.parameters)) if (!OUTSIDE.has(key)) config[key] = String(value);
  for (const key of splitList(call.text('delete') ?? '')) delete config[key];
  acmeSettings(lab, config);
  const broken = Object.entries(config).find(([key, value]) => key !== 'description' && value.includes('\n'));
  if (broken) throw fail(`detected invalid newline inside property '${broken[0]}'`);
  lab.journal.put(COLLECTION, node, config);
}

export const nodeConfigHandlers: Handlers = {
  'GET /nodes/{node}/config': read,
  'PUT /nodes/{node}/config': write,
};
