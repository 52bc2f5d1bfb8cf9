/** /nodes/{node}/apt/repositories: what a fresh installation has, and what was added or switched off; nothing is fetched from them. */
import { createHash } from 'node:crypto';
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';

interface Repository {
  readonly Types: readonly string[];
  readonly URIs: readonly string[];
  readonly Suites: readonly string[];
  readonly Components: readonly string[];
  readonly Options: readonly { readonly Key: string; readonly Values: readonly string[] }[];
  readonly Comment: string;
  readonly FileType: 'sources';
  Enabled: 0 | 1;
}
/** By path. */
type Files = Record<string, Repository[]>;

const COLLECTION = 'apt-repositories';
const SUITE = 'trixie';
const FOLDER = '/etc/apt/sources.list.d';
const ENTERPRISE = 'https://enterprise.proxmox.com/debian';
const DOWNLOAD = 'http://download.proxmox.com/debian';

function repository(
  uri: string,
  suites: readonly string[],
  components: readonly string[],
  keyring: string,
): Repository {
  return {
    Types: ['deb'],
    URIs: [uri],
    Suites: suites,
    Components: components,
    Options: [{ Key: 'Signed-By', Values: [`/usr/share/keyrings/${keyring}-archive-keyring.gpg`] }],
    Comment: '',
    FileType: 'sources',
    Enabled: 1,
  };
}

interface Standard {
  readonly handle: string;
  readonly name: string;
  readonly description: string;
  readonly path: string;
  readonly uri: string;
  readonly component: string;
}

const CHANNELS = [
  ['enterprise', 'Enterprise', ENTERPRISE, 'Stable packages for those with a subscription.'],
  [
    'no-subscription',
    'No-Subscription',
    DOWNLOAD,
    'Packages for everybody, less tested than those of the enterprise repository.',
  ],
  ['test', 'Test', DOWNLOAD, 'Packages before they are released, for tests.'],
] as const;

const STANDARD: readonly Standard[] = [
  ...CHANNELS.map(([handle, name, domain, description]) => ({
    handle,
    name,
    description,
    path: `${FOLDER}/${handle === 'enterprise' ? 'pve-enterprise' : 'proxmox'}.sources`,
    uri: `${domain}/pve`,
    component: `pve-${handle}`,
  })),
  ...['Squid', 'Tentacle'].flatMap((release) =>
    CHANNELS.map(([channel, title, domain, description]) => ({
      handle: `ceph-${release.toLowerCase()}-${channel}`,
      name: `Ceph ${release} ${title}`,
      description: `Ceph ${release}: ${description}`,
      path: `${FOLDER}/ceph.sources`,
      uri: `${domain}/ceph-${release.toLowerCase()}`,
      component: channel,
    })),
  ),
];

const standardRepository = (one: Standard) => repository(one.uri, [SUITE], [one.component], 'proxmox');
const byHandle = (handle: string) => STANDARD.find((one) => one.handle === handle);
const refersTo = (one: Standard, found: Repository) =>
  found.URIs.includes(one.uri) && found.Components.includes(one.component) && found.Suites.includes(SUITE);

function freshFiles(): Files {
  const debian = ['main', 'contrib', 'non-free-firmware'];
  const installed = ['enterprise', 'ceph-squid-enterprise'].flatMap((handle) => byHandle(handle) ?? []);
  return {
    [`${FOLDER}/debian.sources`]: [
      repository('http://deb.debian.org/debian/', [SUITE, `${SUITE}-updates`], debian, 'debian'),
      repository('http://security.debian.org/debian-security/', [`${SUITE}-security`], debian, 'debian'),
    ],
    ...Object.fromEntries(installed.map((one) => [one.path, [standardRepository(one)]])),
  };
}

const filesOf = (call: Call): Files => call.lab.journal.get<Files>(COLLECTION, call.node) ?? freshFiles();
const digestOf = (value: unknown) => createHash('sha256').update(JSON.stringify(value));

function statusOf(one: Standard, files: Files): { status?: 0 | 1 } {
  const found = Object.values(files)
    .flat()
    .filter((other) => refersTo(one, other));
  return found.length === 0 ? {} : { status: found.some((other) => other.Enabled === 1) ? 1 : 0 };
}

function read(call: Call): unknown {
  const files = filesOf(call);
  return {
    files: Object.entries(files).map(([path, repositories]) => ({
      path,
      'file-type': 'sources',
      repositories,
      digest: [...digestOf(repositories).digest()],
    })),
    errors: [],
    digest: digestOf(files).digest('hex'),
    infos: Object.entries(files).flatMap(([path, repositories]) =>
      repositories.map((_, index) => ({
        path,
        index: String(index),
        property: 'URIs',
        kind: 'origin',
        message: path.includes('debian') ? 'Debian' : 'Proxmox',
      })),
    ),
    'standard-repos': STANDARD.map((one) => ({
      handle: one.handle,
      name: one.name,
      description: one.description,
      ...statusOf(one, files),
    })),
  };
}

/** The files as they are, where they still are what the caller saw. */
function filesToChange(call: Call): Files {
  const files = filesOf(call);
  const given = call.text('digest');
  if (given && given !== digestOf(files).digest('hex'))
    throw fail('detected modified configuration - file changed by other user? Try again.');
  return structuredClone(files);
}

function add(call: Call): void {
  const files = filesToChange(call);
  const one = byHandle(call.need('handle'));
  if (!one)
    throw fail(`no standard repository for handle '${call.need('handle')}' on host product 'pve' and suite '${SUITE}'`);
  const found = Object.values(files)
    .flat()
    .find((other) => refersTo(one, other));
  if (found) found.Enabled = 1;
  else files[one.path] = [...(files[one.path] ?? []), standardRepository(one)];
  call.lab.journal.put(COLLECTION, call.node, files);
}

function change(call: Call): void {
  const files = filesToChange(call);
  const path = call.need('path');
  const file = Object.hasOwn(files, path) ? files[path] : undefined;
  if (!file) throw fail(`invalid path - ${path}`);
  const index = call.number('index') ?? 0;
  const found = file[index];
  if (!found) throw fail(`invalid index - ${index}`);
  const enabled = call.number('enabled');
  if (enabled !== undefined) found.Enabled = enabled === 0 ? 0 : 1;
  call.lab.journal.put(COLLECTION, call.node, files);
}

export const aptRepositoryHandlers: Handlers = {
  'GET /nodes/{node}/apt/repositories': read,
  'PUT /nodes/{node}/apt/repositories': add,
  'POST /nodes/{node}/apt/repositories': change,
};
