/** How a certificate authority is shown that a domain is ours: the standalone web server, and DNS plugins that were set up. */
import type { Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { type Entry, type Section, sectionEntries, sectionHandlers } from './sections.js';

const PLUGINS: Section = {
  collection: 'acme-plugin',
  path: '/cluster/acme/plugins',
  id: 'id',
  words: {
    exists: (id) => `ACME plugin ID '${id}' already exists`,
    missing: (id) => `ACME plugin '${id}' not defined`,
    missingOnUpdate: (id) => `ACME plugin ID '${id}' does not exist`,
  },
  builtIn: { standalone: { type: 'standalone' } },
  keep: decoded,
  // One `id` in the path, one `plugin` in the answer.
  show: (id, entry) => ({ ...entry, plugin: id }),
};

/** The data of a DNS plugin is sent in base 64 and read as it is. */
function decoded(entry: Entry): Entry {
  return typeof entry.data === 'string'
    ? { ...entry, data: Buffer.from(entry.data, 'base64').toString('utf8') }
    : entry;
}

export const acmePluginExists = (lab: Lab, id: string): boolean =>
  sectionEntries(lab, PLUGINS).some(([other]) => other === id);

export const acmePluginHandlers: Handlers = sectionHandlers(PLUGINS);
