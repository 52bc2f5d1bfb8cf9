import type { Diagnostic } from '../domain/diagnostic.js';
import { parseBlueprint, parseInterface, parseModule, parseSite } from './documents.js';
import { realDocuments, SITE_YAML } from './testing/samples.js';

const MODULE = `apiVersion: bastide.dev/v1
kind: Module
metadata:
  name: notes
  version: 1.2.3
  appVersion: "7"
  title: Notes
  summary: Notes for everybody.
  tier: app
  category: wiki
  licence: EUPL-1.2
spec:
  guests:
    app: { kind: container, image: debian-12, cpus: 1, memory: 1536MiB, disk: 3500MiB, zone: apps }
    db: { kind: container, image: debian-12, cpus: 1, memory: 1GiB, disk: 1TiB, zone: apps }
  provides:
    pages: { interface: webdav/v1, guest: app }
  requires:
    database: { interface: postgresql/v1, version: ">=15" }
  config:
    properties:
      colour: { enum: [red, green], default: red }
      hosts: { items: { type: string }, minItems: 1, maxItems: 3, uniqueItems: true }
  certificates:
    server: { guest: app, kind: leaf }
  hooks:
    install: { timeout: 15m }
    check:
  changes:
    guests.app.memory: in-place
`;
const FOLDER = {
  name: 'notes',
  digest: 'd'.repeat(64),
  hookFiles: ['install', 'check', 'provide-pages', 'withdraw-pages'],
};

const BLUEPRINT = `apiVersion: bastide.dev/v1
kind: Blueprint
metadata: { name: office, version: 1.0.0, title: Office, summary: Everything. }
spec:
  parameters:
    a: { type: string }
    b: { type: string, default: x }
  components:
    notes: { title: Notes, modules: [notes] }
  modules:
    notes: { module: notes, bindings: { database: postgres } }
  sizes:
    small: {}
    large:
      notes: { guests: { app: { cpus: 4 } } }
`;

const INTERFACE = `apiVersion: bastide.dev/v1
kind: Interface
metadata: { name: thing, version: 2, title: Thing, summary: A thing. }
spec:
  request:
    properties:
      port: { type: integer }
  offer:
    properties:
      password: { type: string, secret: true }
  secrets:
    password:
  flows:
    - { from: consumer, to: provider, port: 5432, protocol: tcp }
    - { from: provider, to: consumer, port: request.port, protocol: udp }
`;

const readers = {
  module: [MODULE, (text: string) => parseModule('f', text, FOLDER)],
  blueprint: [BLUEPRINT, (text: string) => parseBlueprint('f', text, { name: 'office', digest: FOLDER.digest })],
  interface: [INTERFACE, (text: string) => parseInterface('f', text, 'thing-v2')],
  site: [SITE_YAML, (text: string) => parseSite('f', text)],
} as const;

const brief = ({ code, place, subject }: Diagnostic): string => `${code} ${place?.line}:${place?.column} ${subject}`;
/** Reads a sample after one piece of its text was replaced. */
function findings(kind: keyof typeof readers, from: string, to: string): string[] {
  const [text, read] = readers[kind];
  expect(text).toContain(from);
  return read(text.replace(from, to)).diagnostics.map(brief);
}

describe('what a document says', () => {
  it.each(realDocuments().map((sample) => [sample.file, sample] as const))(
    '%s reads without a finding',
    (_, sample) => {
      expect(sample.parse(sample.text).diagnostics).toEqual([]);
    },
  );

  it('a module: memory in MiB, disks in whole GiB, times in milliseconds, defaults filled in', () => {
    const { value } = parseModule('f', MODULE, FOLDER);
    expect(value?.guests.app).toMatchObject({ memoryMiB: 1536, diskGiB: 4, features: [], accepts: [], volumes: {} });
    expect(value?.guests.db?.diskGiB).toBe(1024);
    expect(value?.hooks).toEqual({ install: { timeoutMs: 900_000 }, check: { timeoutMs: 300_000 } });
    expect(value?.requires.database).toEqual({
      interface: 'postgresql/v1',
      version: '>=15',
      optional: false,
      request: {},
    });
    expect(value?.runtime).toBe('guest');
  });

  it('a field of a form: its type follows from its choices, limits of lists are kept', () => {
    expect(parseModule('f', MODULE, FOLDER).value?.config.properties).toEqual({
      colour: { type: 'string', enum: ['red', 'green'], default: 'red' },
      hosts: { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 3, uniqueItems: true },
    });
  });

  it('an interface: a port as a number or as a field of the request', () => {
    const { value } = parseInterface('f', INTERFACE, 'thing-v2');
    expect(value?.name).toBe('thing/v2');
    expect(value?.flows).toEqual([
      { from: 'consumer', to: 'provider', port: 5432, protocol: 'tcp' },
      { from: 'provider', to: 'consumer', port: { requestField: 'port' }, protocol: 'udp' },
    ]);
    expect(value?.secrets.password).toEqual({ length: 24, alphabet: 'alphanumeric', shownToAdmin: false });
  });

  it('a blueprint: components are on and versions are open unless it says otherwise', () => {
    const { value } = parseBlueprint('f', BLUEPRINT, { name: 'office', digest: FOLDER.digest });
    expect(value?.components.notes?.default).toBe(true);
    expect(value?.modules.notes?.version).toBe('*');
    expect(value?.sizes).toEqual({ small: {}, large: { notes: { guests: { app: { cpus: 4 } } } } });
  });

  it('a site: the locale and the time zone have defaults', () => {
    const { value } = parseSite('f', SITE_YAML.replace(/ {2}locale: .*\n/, '').replace(/ {2}timeZone: .*\n/, ''));
    expect(value).toMatchObject({ name: 'town', locale: 'C.UTF-8', timeZone: 'Etc/UTC' });
  });
});

describe('every finding has its code and its place', () => {
  it.each<[keyof typeof readers, string, string, string]>([
    ['module', '  title: Notes\n', '  titel: Notes\n  title: Notes\n', 'document.unknown_field 7:3 metadata.titel'],
    ['module', 'disk: 3500MiB', 'disk: 3500MiB, dsik: 1GiB', 'document.unknown_field 14:88 spec.guests.app.dsik'],
    ['module', '  title: Notes\n', '', 'document.missing_field 4:3 metadata.title'],
    ['module', 'memory: 1536MiB', 'memory: 1.5GiB', 'document.invalid 14:64 spec.guests.app.memory'],
    ['module', 'cpus: 1', 'cpus: "1"', 'document.invalid 14:53 spec.guests.app.cpus'],
    ['module', 'timeout: 15m', 'timeout: 15', 'document.invalid 27:25 spec.hooks.install.timeout'],
    ['module', 'timeout: 15m', 'timeout:', 'document.invalid 27:16 spec.hooks.install.timeout'],
    ['module', 'v1\nkind', 'v2\nkind', 'document.invalid 1:13 apiVersion'],
    ['module', 'kind: Module', 'kind: Blueprint', 'document.invalid 2:7 kind'],
    ['module', '    app: {', '    App: {', 'document.invalid_name 14:5 spec.guests.App'],
    ['module', '    install: {', '    instal: {', 'document.invalid_name 27:5 spec.hooks.instal'],
    [
      'module',
      'colour: { enum',
      'colour: { pattern: "[", enum',
      'document.invalid 22:26 spec.config.properties.colour.pattern',
    ],
    [
      'module',
      'items: { type: string }',
      'items: { type: text }',
      'document.invalid 23:31 spec.config.properties.hosts.items.type',
    ],
    ['module', 'minItems: 1', 'minItems: -1', 'document.invalid 23:51 spec.config.properties.hosts.minItems'],
    ['module', '{ interface: webdav/v1, guest: app }', 'webdav/v1', 'document.invalid 17:12 spec.provides.pages'],
    ['module', 'name: notes', 'name: other', 'module.name 4:9 metadata.name'],
    ['module', '    check:\n', '    check:\n    dump:\n', 'module.hook_missing 29:5 spec.hooks.dump'],
    ['module', '    check:\n', '', 'module.hook_undeclared 27:5 spec.hooks'],
    ['module', '    pages: {', '    sheets: {', 'module.hook_missing 17:13 spec.provides.sheets'],
    [
      'module',
      'webdav/v1, guest: app',
      'webdav/v1, guest: web',
      'module.guest_unknown 17:43 spec.provides.pages.guest',
    ],
    ['module', 'webdav/v1, guest: app', 'webdav/v1', 'module.guest_unclear 17:12 spec.provides.pages'],
    ['module', '{ guest: app, kind', '{ guest: web, kind', 'module.guest_unknown 25:22 spec.certificates.server.guest'],
    [
      'module',
      'spec:\n',
      'translations: { german: { Notes: N } }\nspec:\n',
      'document.invalid 12:25 translations.german',
    ],
    ['module', 'spec:\n', 'translations: { en: { Notes: N } }\nspec:\n', 'document.invalid 12:21 translations.en'],
    ['module', 'spec:\n', 'translations: { de: Notizen }\nspec:\n', 'document.invalid 12:21 translations.de'],
    ['module', 'spec:\n', 'translations: { de: { Note: N } }\nspec:\n', 'document.invalid 12:29 translations.de.Note'],
    [
      'module',
      'spec:\n',
      'translations: { de: { Notes: 1 } }\nspec:\n',
      'document.invalid 12:30 translations.de.Notes',
    ],
    ['module', 'spec:\n', 'translations: [de]\nspec:\n', 'document.invalid 12:15 translations'],
    [
      'blueprint',
      'spec:\n',
      'translations: { fr: { Bureau: B } }\nspec:\n',
      'document.invalid 4:31 translations.fr.Bureau',
    ],
    ['module', 'in-place', 'in-situ', 'document.invalid 30:24 spec.changes.guests.app.memory'],
    ['blueprint', 'name: office', 'name: other', 'blueprint.name 3:19 metadata.name'],
    [
      'blueprint',
      'b: { type: string, default: x }',
      'b: {}\n    c: {}\n    d: {}',
      'blueprint.questions 6:5 spec.parameters',
    ],
    [
      'blueprint',
      'database: postgres',
      'database: [postgres]',
      'document.invalid 11:51 spec.modules.notes.bindings.database',
    ],
    [
      'blueprint',
      '    large:\n      notes: {',
      '    large:\n      notes: { cpus: 1,',
      'document.unknown_field 15:16 spec.sizes.large.notes.cpus',
    ],
    ['blueprint', 'small: {}', 'small: 3', 'document.invalid 13:12 spec.sizes.small'],
    ['interface', 'name: thing', 'name: other', 'interface.name 3:19 metadata.name'],
    ['interface', 'port: request.port', 'port: request.prot', 'interface.flow_field 15:45 spec.flows.1.port'],
    ['interface', 'port: 5432', 'port: 65536', 'document.invalid 14:45 spec.flows.0.port'],
    ['interface', 'port: 5432', 'port: "5432"', 'document.invalid 14:45 spec.flows.0.port'],
    [
      'interface',
      '- { from: consumer, to: provider, port: 5432, protocol: tcp }',
      '- 5432',
      'document.invalid 14:7 spec.flows.0',
    ],
    ['site', 'secret:pve-token', 'hunter2', 'document.invalid 18:19 spec.substrates.pve.credential'],
    ['site', 'http', 'ftp', 'document.invalid 16:17 spec.substrates.pve.endpoint'],
    ['site', '"AB:', '"ab:', 'document.invalid 17:20 spec.substrates.pve.fingerprint'],
    ['site', '10.20.0.0/24', '10.20.0.256/24', 'document.invalid 28:44 spec.zones.apps.cidr'],
    ['site', '[198.51.100.0/24]', '[198.51.100.0/33]', 'document.invalid 12:23 spec.managementNetworks'],
  ])('%s: %j instead of %j', (kind, from, to, finding) => {
    expect(findings(kind, from, to)).toContain(finding);
  });

  it('several at once, from top to bottom', () => {
    const text = MODULE.replace('version: 1.2.3', 'version: one')
      .replace('zone: apps', 'zone: Apps')
      .replace('colour: {', 'colour: { maximum: much,');
    expect(parseModule('f', text, FOLDER).diagnostics.map(brief)).toEqual([
      'document.invalid 5:12 metadata.version',
      'document.invalid 14:94 spec.guests.app.zone',
      'document.invalid 22:26 spec.config.properties.colour.maximum',
    ]);
  });

  it('once, although a mapping of the wrong kind breaks several rules', () => {
    expect(
      findings(
        'blueprint',
        'metadata: { name: office, version: 1.0.0, title: Office, summary: Everything. }',
        'metadata: office',
      ),
    ).toEqual(['document.invalid 3:11 metadata']);
    expect(findings('module', 'guests:\n', 'artifacts: [1]\n  guests:\n')).toEqual([
      'document.invalid 13:14 spec.artifacts',
    ]);
  });

  it('an address that holds a password: everybody who may read the document would read it', () => {
    const artifact = (url: string) => `artifacts: { a: { url: "${url}", sha256: ${'a'.repeat(64)} } }\n  guests:\n`;
    expect(findings('module', 'guests:\n', artifact('https://files.example/a@1.tar'))).toEqual([]);
    expect(findings('module', 'guests:\n', artifact('https://me:hunter2@files.example/a.tar'))).toEqual([
      'document.invalid 13:26 spec.artifacts.a.url',
    ]);
    expect(findings('site', 'https://pve.town', 'https://root:hunter2@pve.town')).toEqual([
      'document.invalid 16:17 spec.substrates.pve.endpoint',
    ]);
  });

  it('at most a hundred, however many unknown fields there are', () => {
    const unknown = Array.from({ length: 5000 }, (_, i) => `x${i}: 1\n`).join('');
    expect(parseModule('f', MODULE + unknown, FOLDER).diagnostics).toHaveLength(100);
  });

  it('never the value of a credential that stands where its reference belongs', () => {
    const { diagnostics } = parseSite('f', SITE_YAML.replace('secret:pve-token', 'hunter2-secret'));
    expect(JSON.stringify(diagnostics)).not.toContain('hunter2');
  });
});
