/**
 * /cluster/acme and a node's ACME certificate. The lab reaches no certificate authority: accounts are kept as one would have
 * registered them, an order fails as it does on a node without a way out.
 */
import { randomInt } from 'node:crypto';
import { ApiError, fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { customCertificate } from '../nodes/certificate-handlers.js';
import { acmeSettings, nodeConfig } from '../nodes/node-config.js';
import { splitList } from '../schema/formats.js';
import type { TaskContext } from '../tasks/tasks.js';
import { acmePluginHandlers } from './acme-plugins.js';

interface Account {
  readonly account: { readonly status: string; contact: string[]; readonly createdAt: string };
  readonly directory: string;
  readonly location: string;
  readonly tos?: string;
}

const COLLECTION = 'acme-account';
const PRODUCTION = 'https://acme-v02.api.letsencrypt.org/directory';
const DIRECTORIES = [
  { name: "Let's Encrypt V2", url: PRODUCTION },
  { name: "Let's Encrypt V2 Staging", url: 'https://acme-staging-v02.api.letsencrypt.org/directory' },
];
const META = {
  termsOfService: 'https://letsencrypt.org/documents/LE-SA-v1.6-August-18-2025.pdf',
  website: 'https://letsencrypt.org',
  caaIdentities: ['letsencrypt.org'],
};
/** A few of the DNS services plugins exist for; what they ask for is left out. */
const DNS_PLUGINS = ['acmedns', 'azure', 'cf', 'dgon', 'gandi_livedns', 'he', 'infomaniak', 'nsupdate', 'ovh', 'pdns'];
const THIRTY_DAYS_MS = 30 * 24 * 3600 * 1000;

const nameOf = (call: Call) => call.text('name') ?? 'default';
const missing = (name: string) => `ACME account config file '${name}' does not exist.`;
const contactsOf = (call: Call) => splitList(call.text('contact') ?? '').map((address) => `mailto:${address}`);

function account(call: Call): Account {
  const found = call.lab.journal.get<Account>(COLLECTION, nameOf(call));
  if (!found) throw parameterError({ name: missing(nameOf(call)) });
  return found;
}

const inTask = (call: Call, type: string, work: (task: TaskContext) => void) =>
  call.task(type, '', async (task) => work(task), call.lab.nodes[0] ?? '');

function register(call: Call): string {
  const { lab } = call;
  const name = nameOf(call);
  const exists = `ACME account config file '${name}' already exists.`;
  if (lab.journal.get(COLLECTION, name)) throw parameterError({ name: exists });
  const directory = call.text('directory') ?? PRODUCTION;
  const tos = call.text('tos_url');
  return inTask(call, 'acmeregister', (task) => {
    if (lab.journal.get(COLLECTION, name)) throw new Error(exists);
    task.log('Generating ACME account key..');
    task.log('Registering ACME account..');
    if (tos === undefined && DIRECTORIES.some(({ url }) => url === directory))
      throw new Error('Registration failed: Error: POST to new-acct: must agree to terms of service');
    const location = new URL(`acme/acct/${randomInt(1_000_000, 9_999_999)}`, directory).toString();
    const createdAt = `${new Date(lab.now()).toISOString().slice(0, 19)}Z`;
    lab.journal.put(COLLECTION, name, {
      account: { status: 'valid', contact: contactsOf(call), createdAt },
      directory,
      location,
      ...(tos === undefined ? {} : { tos }),
    } satisfies Account);
    task.log(`Registration successful, account URL: '${location}'`);
  });
}

function update(call: Call): string {
  const name = nameOf(call);
  account(call);
  const contact = contactsOf(call);
  return inTask(call, contact.length > 0 ? 'acmeupdate' : 'acmerefresh', () => {
    const before = call.lab.journal.get<Account>(COLLECTION, name);
    if (!before) throw new Error(missing(name));
    if (contact.length === 0) return;
    call.lab.journal.put(COLLECTION, name, { ...before, account: { ...before.account, contact } });
  });
}

function deactivate(call: Call): string {
  const { journal } = call.lab;
  const name = nameOf(call);
  account(call);
  return inTask(call, 'acmedeactivate', (task) => {
    const before = journal.get<Account>(COLLECTION, name);
    if (!before) throw new Error(missing(name));
    const folder = '/etc/pve/priv/acme';
    let free = 0;
    while (journal.get(COLLECTION, `_deactivated_${name}_${free}`)) free += 1;
    const kept = `_deactivated_${name}_${free}`;
    task.log(`Renaming account file from '${folder}/${name}' to '${folder}/${kept}'`);
    journal.put(COLLECTION, kept, { ...before, account: { ...before.account, status: 'deactivated' } });
    journal.delete(COLLECTION, name);
  });
}

const unreachable = (url: string) =>
  `Error: GET to ${url}\n500 Can't connect to ${new URL(url).host}:443 (Temporary failure in name resolution)`;

function meta(call: Call): typeof META {
  const url = call.text('directory') ?? PRODUCTION;
  if (!DIRECTORIES.some((one) => one.url === url)) throw fail(unreachable(url));
  return META;
}

/** Throws before the task what a node that names no domain is refused with. */
function order(call: Call, type: string, last: string): string {
  const { lab } = call;
  const settings = acmeSettings(lab, nodeConfig(lab, call.node));
  if (settings.domains.length === 0) throw new ApiError(400, 'ACME domain list in node configuration is missing!');
  return call.task(type, '', async (task) => {
    const found = lab.journal.get<Account>(COLLECTION, settings.account);
    if (!found) throw new Error(`ACME account config file '${settings.account}' does not exist.`);
    task.log('Loading ACME account details');
    task.log(last);
    throw new Error(unreachable(found.directory));
  });
}

function renew(call: Call): string {
  const custom = customCertificate(call);
  if (!custom) throw fail('No current (custom) certificate found, please order a new certificate!');
  if (!call.flag('force') && custom.notAfter - call.lab.now() > THIRTY_DAYS_MS)
    throw parameterError({ force: "Certificate does not expire within the next 30 days, and 'force' is not set." });
  return order(call, 'acmerenew', 'Placing ACME order');
}

export const acmeHandlers: Handlers = {
  ...acmePluginHandlers,
  'GET /cluster/acme/account': (call) =>
    [...call.lab.journal.entries(COLLECTION)].filter(([name]) => !name.startsWith('_')).map(([name]) => ({ name })),
  'POST /cluster/acme/account': register,
  'GET /cluster/acme/account/{name}': account,
  'PUT /cluster/acme/account/{name}': update,
  'DELETE /cluster/acme/account/{name}': deactivate,
  'GET /cluster/acme/directories': () => DIRECTORIES,
  'GET /cluster/acme/tos': (call) => meta(call).termsOfService,
  'GET /cluster/acme/meta': meta,
  'GET /cluster/acme/challenge-schema': () => [
    ...DNS_PLUGINS.map((id) => ({ id, name: id, type: 'dns', schema: {} })),
    { id: 'standalone', name: 'standalone', type: 'standalone', schema: {} },
  ],
  'POST /nodes/{node}/certificates/acme/certificate': (call) => {
    if (!call.flag('force') && customCertificate(call))
      throw parameterError({ force: "Custom certificate exists but 'force' is not set." });
    return order(call, 'acmenewcert', 'Placing ACME order');
  },
  'PUT /nodes/{node}/certificates/acme/certificate': renew,
  'DELETE /nodes/{node}/certificates/acme/certificate': (call) => order(call, 'acmerevoke', 'Revoking old certificate'),
};
