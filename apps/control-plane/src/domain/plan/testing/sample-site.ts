import type { Blueprint } from '../../blueprint/blueprint.js';
import type { CatalogueContent } from '../../catalogue.js';
import type { PlanId, StackId } from '../../ids.js';
import type { Sha256Of } from '../../module/hash.js';
import type { InterfaceDefinition } from '../../module/interface.js';
import type { GuestTemplate, ModuleManifest, Requirement } from '../../module/manifest.js';
import type { Site } from '../../site/site.js';
import type { ObservedSubstrate } from '../../stack/observed.js';
import type { RecordedSite, WantedStack } from '../../stack/stack.js';
import type { PlanInput } from '../draft.js';

/** A small site with a catalogue for tests: gateway, name server, database and two apps that use them. */

export const guest = (over: Partial<GuestTemplate> = {}): GuestTemplate => ({
  kind: 'container',
  image: 'debian-12',
  cpus: 1,
  memoryMiB: 512,
  diskGiB: 4,
  zone: 'apps',
  volumes: {},
  features: [],
  accepts: [],
  ...over,
});

export const module = (name: string, over: Partial<ModuleManifest> = {}): ModuleManifest => ({
  name,
  version: '1.0.0',
  appVersion: '1.0',
  title: name,
  summary: name,
  tier: 'app',
  category: 'wiki',
  licence: 'AGPL-3.0-or-later',
  links: {},
  maintainers: [],
  runtime: 'guest',
  guests: { app: guest() },
  provides: {},
  requires: {},
  artifacts: {},
  config: { type: 'object', properties: {} },
  secrets: {},
  certificates: {},
  hooks: {},
  changes: {},
  tiles: [],
  todos: [],
  digest: `digest of ${name}`,
  hookFiles: ['install', 'configure', 'check'],
  ...over,
});

export const requires = (name: string, over: Partial<Requirement> = {}): Requirement => ({
  interface: name,
  optional: false,
  request: {},
  ...over,
});

export const definition = (name: string, over: Partial<InterfaceDefinition> = {}): InterfaceDefinition => ({
  name,
  title: name,
  summary: name,
  shared: true,
  request: { type: 'object', additionalProperties: true, properties: {} },
  offer: {
    type: 'object',
    additionalProperties: true,
    properties: { url: { type: 'string' }, externalAddress: { type: 'string' } },
  },
  secrets: {},
  flows: [],
  ...over,
});

export const blueprint = (name: string, modules: readonly string[], over: Partial<Blueprint> = {}): Blueprint => ({
  name,
  version: '1.0.0',
  title: name,
  summary: name,
  includes: [],
  parameters: {},
  components: {},
  modules: Object.fromEntries(
    modules.map((entry) => [entry, { module: entry, version: '^1', config: {}, bindings: {}, guests: {} }]),
  ),
  sizes: {},
  digest: `digest of blueprint ${name}`,
  ...over,
});

const INTERFACES = [
  definition('http-route/v1', {
    defaultProvider: 'gateway',
    request: {
      type: 'object',
      additionalProperties: false,
      required: ['host', 'port'],
      properties: {
        host: { type: 'string', format: 'hostname' },
        port: { type: 'integer', minimum: 1, maximum: 65535 },
        access: { type: 'string', enum: ['public', 'zones'], default: 'public' },
      },
    },
    flows: [{ from: 'provider', to: 'consumer', port: { requestField: 'port' }, protocol: 'tcp' }],
  }),
  definition('dns-record/v1', { defaultProvider: 'dns' }),
  definition('postgresql/v1', {
    defaultProvider: 'postgres',
    flows: [{ from: 'consumer', to: 'provider', port: 5432, protocol: 'tcp' }],
  }),
];

const route = (host: string, port: number) =>
  requires('http-route/v1', { request: { host: `${host}.{{ site.domain }}`, port } });
const record = (name: string) =>
  requires('dns-record/v1', { request: { name, type: 'A', value: '{{ binding.route.externalAddress }}' } });

const MODULES = [
  module('gateway', {
    tier: 'foundation',
    guests: { app: guest({ zone: 'edge', accepts: [{ port: 443, protocol: 'tcp', from: 'everyone' }] }) },
    provides: { route: { interface: 'http-route/v1' } },
    certificates: { ca: { kind: 'authority', names: [] } },
    hookFiles: ['install', 'configure', 'check', 'provide-route', 'withdraw-route'],
  }),
  module('dns', {
    tier: 'foundation',
    guests: { app: guest({ zone: 'services', accepts: [{ port: 53, protocol: 'udp', from: 'site' }] }) },
    provides: { record: { interface: 'dns-record/v1' } },
    hookFiles: ['install', 'configure', 'check', 'provide-record', 'withdraw-record'],
  }),
  module('postgres', {
    tier: 'foundation',
    appVersion: '15.6',
    guests: { app: guest({ zone: 'services', volumes: { data: { path: '/var/lib/postgresql', sizeGiB: 8 } } }) },
    provides: { database: { interface: 'postgresql/v1' } },
    hookFiles: ['install', 'configure', 'check', 'provide-database', 'withdraw-database'],
  }),
  module('wiki', {
    guests: { app: guest({ volumes: { data: { path: '/var/lib/wiki', sizeGiB: 5 } } }) },
    requires: { route: route('wiki', 8080), record: record('wiki') },
    artifacts: { server: { url: 'https://example.org/wiki.tar.gz', sha256: 'aa', sizeMiB: 24 } },
    config: {
      type: 'object',
      properties: {
        title: { type: 'string', default: 'Wiki of {{ site.name }}' },
        pages: { type: 'integer', default: 10 },
      },
    },
    certificates: { server: { kind: 'leaf', names: ['wiki.{{ site.domain }}'] } },
  }),
  module('files', {
    requires: {
      route: route('files', 80),
      record: record('files'),
      database: requires('postgresql/v1', { version: '>=15', request: { database: 'files' } }),
    },
    hookFiles: ['install', 'configure', 'check', 'remove'],
  }),
];

const BLUEPRINTS = [
  blueprint('foundation', ['gateway', 'dns']),
  blueprint('wiki', ['wiki'], { includes: [{ blueprint: 'foundation', version: '^1' }] }),
  blueprint('office', ['wiki', 'files'], {
    includes: [{ blueprint: 'foundation', version: '^1' }],
    parameters: { title: { type: 'string', default: 'Office', maxLength: 20 } },
    components: { files: { title: 'Files', default: true, modules: ['files'] } },
    sizes: { large: { wiki: { guests: { app: { memoryMiB: 1024, volumes: { data: { sizeGiB: 20 } } } } } } },
  }),
];

export const CATALOGUE: CatalogueContent = { modules: MODULES, interfaces: INTERFACES, blueprints: BLUEPRINTS };

/** The catalogue with modules and blueprints added or replaced, by name. */
export function catalogueWith(over: Partial<CatalogueContent>): CatalogueContent {
  const replace = <T extends { readonly name: string }>(base: readonly T[], more: readonly T[] = []): T[] => [
    ...base.filter((item) => !more.some((other) => other.name === item.name)),
    ...more,
  ];
  return {
    modules: replace(MODULES, over.modules),
    interfaces: replace(INTERFACES, over.interfaces),
    blueprints: replace(BLUEPRINTS, over.blueprints),
  };
}

const zone = (n: number) => ({
  bridge: `vmbr${n}`,
  cidr: `10.90.${n}.0/24`,
  gateway: `10.90.${n}.1`,
  addresses: { from: `10.90.${n}.10`, to: `10.90.${n}.200` },
});

export const SITE: Site = {
  name: 'demo',
  domain: 'demo.test',
  country: 'DE',
  locale: 'en_GB.UTF-8',
  timeZone: 'Europe/Berlin',
  adminEmail: 'admin@demo.test',
  resolvers: ['9.9.9.9'],
  substrates: {
    lab1: {
      kind: 'proxmox',
      endpoint: 'https://127.0.0.1:8006',
      fingerprint: 'AA',
      credential: 'secret:lab1',
      guestIds: { from: 100, to: 199 },
      storageClasses: { guests: 'local-lvm' },
      images: {
        'debian-12': {
          container: { volume: 'local:vztmpl/debian-12.tar.zst', url: 'https://example.org/debian-12.tar.zst' },
        },
      },
      nodes: [],
    },
  },
  zones: { edge: zone(1), apps: zone(2), services: zone(3) },
  managementNetworks: ['10.90.0.0/24'],
};

export const observedLab = (over: Partial<ObservedSubstrate> = {}): ObservedSubstrate => ({
  name: 'lab1',
  nodes: ['pve1', 'pve2'].map((name) => ({ name, online: true, cpus: 8, memoryMiB: 16_384, freeMemoryMiB: 8_192 })),
  storages: ['pve1', 'pve2'].map((node) => ({
    name: 'local-lvm',
    node,
    content: ['rootdir', 'images'],
    totalGiB: 200,
    freeGiB: 100,
  })),
  guests: [],
  images: ['pve1', 'pve2'].map((node) => ({ node, volume: 'local:vztmpl/debian-12.tar.zst' })),
  ...over,
});

export const NOTHING_RECORDED: RecordedSite = { stacks: [], instances: [], guests: [], bindings: [], reservations: [] };

export const wantedStack = (over: Partial<WantedStack> = {}): WantedStack => ({
  id: `stk_${over.name ?? 'team'}` as StackId,
  name: 'team',
  site: 'demo',
  blueprint: { name: 'wiki', version: '1.0.0' },
  parameters: {},
  components: {},
  size: 'small',
  config: {},
  state: 'present',
  ...over,
});

export type StackChoice = Partial<WantedStack>;
/** A wiki with the foundation it includes. */
export const team = (over: StackChoice = {}): WantedStack => wantedStack(over);
/** Wiki and files; the database comes as a default provider. */
export const office = (over: StackChoice = {}): WantedStack =>
  wantedStack({ name: 'office', blueprint: { name: 'office', version: '1.0.0' }, ...over });
/** Gateway and name server only. */
export const BASE = wantedStack({ name: 'base', blueprint: { name: 'foundation', version: '1.0.0' } });

/** A planner's input on the sample site. Ids count upwards, so that a test can be read; `sha256` is the caller's. */
export function planInput(sha256: Sha256Of, over: Partial<PlanInput> = {}): PlanInput {
  let last = 0;
  return {
    planId: 'pln_1' as PlanId,
    wanted: wantedStack(),
    site: SITE,
    recorded: NOTHING_RECORDED,
    observed: { lab1: observedLab() },
    catalogue: CATALOGUE,
    durations: {},
    now: 1_700_000_000_000,
    newId: (prefix) => {
      last += 1;
      return `${prefix}_${over.planId ?? 'new'}_${last}`;
    },
    sha256,
    ...over,
  };
}
