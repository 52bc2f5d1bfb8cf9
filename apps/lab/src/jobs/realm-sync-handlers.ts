/** /cluster/jobs/realm-sync: when a realm would be synchronized with its directory. Kept and listed; the lab has no directory to ask. */
import { realms } from '../access/realm-handlers.js';
import { fail, lockedWith, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import type { Value } from '../schema/validate.js';
import { nextEvent, parseCalendarEvent } from './calendar-event.js';

type SyncJob = Record<string, Value>;

const COLLECTION = 'realm-sync-job';
const LIST = '/cluster/jobs/realm-sync';
const OPTIONS = ['comment', 'enable-new', 'enabled', 'realm', 'remove-vanished', 'schedule', 'scope'];
const REQUIRED = ['realm', 'schedule', 'scope'];

const find = (call: Call) => call.lab.journal.get<SyncJob>(COLLECTION, call.need('id'));
const noSuchJob = (call: Call) => parameterError({ id: `No such job '${call.need('id')}'` });
const given = (call: Call): SyncJob =>
  Object.fromEntries(
    OPTIONS.flatMap((key) => {
      const value = call.parameters[key];
      return value === undefined ? [] : [[key, value]];
    }),
  );

function read(call: Call): unknown {
  const job = find(call);
  if (!job) throw noSuchJob(call);
  return job;
}

function list(call: Call): unknown {
  const now = Math.floor(call.lab.now() / 1000);
  return [...call.lab.journal.entries<SyncJob>(COLLECTION)].map(([id, job]) => {
    const next = nextEvent(parseCalendarEvent(String(job.schedule)), now);
    return { ...job, id, ...(next === undefined ? {} : { 'next-run': next }) };
  });
}

function create(call: Call): void {
  const id = call.need('id');
  if (find(call)) throw fail(`Job '${id}' already exists`);
  const job = given(call);
  const missing = REQUIRED.find((key) => job[key] === undefined);
  if (missing !== undefined) throw fail(`missing value for required option '${missing}'`);
  const realm = realms(call.lab)[String(job.realm)];
  if (!realm) throw parameterError({ realm: `No such realm '${String(job.realm)}'` });
  if (realm.type !== 'ldap' && realm.type !== 'ad')
    throw parameterError({ realm: 'Only LDAP/AD realms can be synced.' });
  call.lab.journal.put(COLLECTION, id, { ...job, type: 'realm-sync' });
}

function update(call: Call): void {
  const next = given(call);
  if (Object.keys(next).length === 0) throw fail('no job options specified');
  const before = find(call);
  if (!before) throw fail('no such realm-sync job');
  const job = { ...before, ...next };
  for (const key of splitList(call.text('delete') ?? '')) {
    if (!OPTIONS.includes(key)) throw fail(`no such option '${key}'`);
    if (REQUIRED.includes(key)) throw fail(`unable to delete required option '${key}'`);
    if (next[key] !== undefined) throw fail(`cannot set and delete property '${key}' at the same time!`);
    delete job[key];
  }
  call.lab.journal.put(COLLECTION, call.need('id'), job);
}

function remove(call: Call): void {
  if (!find(call)) throw noSuchJob(call);
  call.lab.journal.delete(COLLECTION, call.need('id'));
}

const locked = (work: (call: Call) => void) => (call: Call) => lockedWith(undefined, () => work(call));

export const realmSyncHandlers: Handlers = {
  [`GET ${LIST}`]: list,
  [`GET ${LIST}/{id}`]: read,
  [`POST ${LIST}/{id}`]: locked(create),
  [`PUT ${LIST}/{id}`]: locked(update),
  [`DELETE ${LIST}/{id}`]: locked(remove),
};
