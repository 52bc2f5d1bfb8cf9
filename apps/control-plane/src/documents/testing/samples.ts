/**
 * Documents for tests: small ones that hold every kind of field, and the repository's own. Paths are relative to the
 * repository's root, where the tests are started.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DOCUMENT_KINDS, Parsed } from '../documents.js';
import { parseBlueprint, parseInterface, parseModule, parseSite } from '../documents.js';

export type DocumentKind = keyof typeof DOCUMENT_KINDS;

export interface Sample {
  readonly kind: DocumentKind;
  readonly file: string;
  readonly text: string;
  /** Reads a text as this document would be read: same kind, same folder. */
  readonly parse: (text: string) => Parsed<unknown>;
}

const DIGEST = '0'.repeat(64);

export const SITE_YAML = `apiVersion: bastide.dev/v1
kind: Site
metadata:
  name: town
spec:
  domain: town.example
  country: FR
  locale: fr_FR.UTF-8
  timeZone: Europe/Paris
  adminEmail: admin@town.example
  resolvers: [192.0.2.53]
  managementNetworks: [198.51.100.0/24]
  substrates:
    pve:
      kind: proxmox
      endpoint: https://pve.town.example:8006
      fingerprint: "${Array.from({ length: 32 }, () => 'AB').join(':')}"
      credential: secret:pve-token
      guestIds: { from: 5000, to: 5999 }
      storageClasses: { guests: local-zfs, backups: pbs }
      images:
        debian-12:
          container: { volume: "local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst" }
          vm: { volume: "local:import/debian-12.qcow2", url: "https://images.example/debian-12.qcow2", sha256: ${'a'.repeat(64)} }
      nodes: [pve1, pve2]
      pool: bastide
  zones:
    apps: { bridge: vmbr0, vlan: 20, cidr: 10.20.0.0/24, gateway: 10.20.0.1, addresses: { from: 10.20.0.10, to: 10.20.0.250 } }
    services: { bridge: vmbr0, vlan: 30, cidr: 10.30.0.0/24, gateway: 10.30.0.1, addresses: { from: 10.30.0.10, to: 10.30.0.250 } }
`;

/** Every document of the repository, and a site. */
export function realDocuments(): Sample[] {
  return [
    ...folders('modules').map(moduleSample),
    ...folders('blueprints').map(blueprintSample),
    ...readdirSync('modules/interfaces')
      .filter((file) => file.endsWith('.yaml'))
      .map(interfaceSample),
    { kind: 'site', file: 'site.yaml', text: SITE_YAML, parse: (text) => parseSite('site.yaml', text) },
  ];
}

export const folders = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'interfaces')
    .map((entry) => entry.name)
    .sort();

function moduleSample(name: string): Sample {
  const file = join('modules', name, 'module.yaml');
  const hooks = join('modules', name, 'hooks');
  // A module that only asks others for something has none.
  const hookFiles = existsSync(hooks) ? readdirSync(hooks) : [];
  const folder = { name, digest: DIGEST, hookFiles };
  return {
    kind: 'module',
    file,
    text: readFileSync(file, 'utf8'),
    parse: (text) => parseModule(file, text, folder),
  };
}

function blueprintSample(name: string): Sample {
  const file = join('blueprints', name, 'blueprint.yaml');
  const folder = { name, digest: DIGEST };
  return {
    kind: 'blueprint',
    file,
    text: readFileSync(file, 'utf8'),
    parse: (text) => parseBlueprint(file, text, folder),
  };
}

function interfaceSample(entry: string): Sample {
  const file = join('modules/interfaces', entry);
  return {
    kind: 'interface',
    file,
    text: readFileSync(file, 'utf8'),
    parse: (text) => parseInterface(file, text, basename(entry, '.yaml')),
  };
}
