/** Entries of a section configuration file (`mapping/pci.cfg`, `sdn/dns.cfg` …): made, read, changed and deleted alike everywhere. */
import { createHash } from 'node:crypto';
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import type { Value } from '../schema/validate.js';

export type Entry = Record<string, Value>;

/** Of everything that was sent, what is no part of the entry. */
const NOT_KEPT = new Set(['delete', 'digest', 'lock-token', 'pending', 'running']);

export interface Section {
  /** Where the journal keeps it. */
  readonly collection: string;
  /** Of the list: `/cluster/mapping/dir`. */
  readonly path: string;
  /** Name of the parameter that names an entry. */
  readonly id: string;
  /** Where an entry is made, when not at the list: `/cluster/metrics/server/{id}`. */
  readonly createAt?: string;
  /** What is missing, exists already or goes wrong, in the words of that file. */
  readonly words: {
    readonly exists: (id: string) => string;
    readonly missing: (id: string) => string;
    readonly missingOnUpdate?: (id: string) => string;
    readonly missingOnDelete?: (id: string) => string;
  };
  readonly fixed?: Entry;
  /** Who sees an entry in the list; everyone let in by default. */
  readonly visible?: (call: Call, id: string, entry: Entry) => boolean;
  /** Throws what must not be kept. */
  readonly check?: (call: Call, entry: Entry) => void;
  readonly mayDelete?: (call: Call, id: string) => void;
  readonly show?: (id: string, entry: Entry) => Entry;
  /** Of what was sent, what is kept; all of it by default. */
  readonly keep?: (entry: Entry) => Entry;
  /** Entries that are always there. */
  readonly builtIn?: Readonly<Record<string, Entry>>;
}

export function sectionEntries(lab: Lab, section: Pick<Section, 'collection' | 'builtIn'>): [string, Entry][] {
  return Object.entries({
    ...section.builtIn,
    ...Object.fromEntries(lab.journal.entries<Entry>(section.collection)),
  });
}

export const digestOf = (lab: Lab, section: Pick<Section, 'collection' | 'builtIn'>): string =>
  createHash('sha1')
    .update(JSON.stringify(sectionEntries(lab, section)))
    .digest('hex');

export function checkDigest(call: Call, digest: string): void {
  const given = call.text('digest');
  if (given && given !== digest) throw fail('detected modified configuration - file changed by other user? Try again.');
}

export function givenEntry(call: Call, id: string): Entry {
  const entry: Entry = {};
  for (const [key, value] of Object.entries(call.parameters)) if (key !== id && !NOT_KEPT.has(key)) entry[key] = value;
  return entry;
}

export function sectionHandlers(section: Section): Handlers {
  const { collection, path, id: name, words } = section;
  const one = `${path}/{${name}}`;
  const show = section.show ?? ((id: string, entry: Entry) => ({ ...entry, [name]: id }));
  const sent = (call: Call) => {
    const entry = givenEntry(call, name);
    return section.keep?.(entry) ?? entry;
  };
  const find = (call: Call, id: string) => new Map(sectionEntries(call.lab, section)).get(id);
  return {
    [`GET ${path}`]: (call) => {
      const digest = digestOf(call.lab, section);
      return sectionEntries(call.lab, section)
        .filter(([id, entry]) => section.visible?.(call, id, entry) ?? true)
        .filter(([, entry]) => path.includes('/mapping/') || !call.text('type') || entry.type === call.text('type'))
        .map(([id, entry]) => ({ ...show(id, entry), digest }));
    },
    [`POST ${section.createAt ?? path}`]: (call) => {
      const id = call.need(name);
      if (find(call, id)) throw fail(words.exists(id));
      const entry = { ...sent(call), ...section.fixed };
      section.check?.(call, entry);
      call.lab.journal.put(collection, id, entry);
    },
    [`GET ${one}`]: (call) => {
      const id = call.need(name);
      const entry = find(call, id);
      if (!entry) throw fail(words.missing(id));
      return { ...show(id, entry), digest: digestOf(call.lab, section) };
    },
    [`PUT ${one}`]: (call) => {
      const id = call.need(name);
      checkDigest(call, digestOf(call.lab, section));
      const before = find(call, id);
      if (!before) throw fail((words.missingOnUpdate ?? words.missing)(id));
      const entry = { ...before, ...sent(call) };
      for (const key of call.list('delete').flatMap(splitList)) delete entry[key];
      section.check?.(call, entry);
      call.lab.journal.put(collection, id, entry);
    },
    [`DELETE ${one}`]: (call) => {
      const id = call.need(name);
      if (!find(call, id)) {
        if (words.missingOnDelete) throw fail(words.missingOnDelete(id));
        return;
      }
      section.mayDelete?.(call, id);
      call.lab.journal.delete(collection, id);
    },
  };
}
