/** vzdump by hand: which guests, with what, and what became of it. */
import { rmSync } from 'node:fs';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import { type PropertyValues, parsePropertyString } from '../schema/property-string.js';
import { formatKeys } from '../schema/schema.js';
import { type Guest, volumeId } from '../state/model.js';
import { prune } from '../storage/prune.js';
import { contentOf, loadStorage, storageConfig } from '../storage/storages.js';
import { describeTask, type TaskContext } from '../tasks/tasks.js';
import { archiveFile, backupGuest } from './backup.js';

const VARIABLES = ['cluster', 'guestname', 'node', 'vmid'];

function problemsOf(template: string): string[] {
  const found: string[] = [];
  for (const match of template.matchAll(/\\(.)/g))
    if (!/[n\\]/.test(match[1] ?? '')) found.push(`escape sequence '\\${match[1]}' at char ${match.index}`);
  for (const match of template.matchAll(/\{\{([^\s{}]+)\}\}/g))
    if (!VARIABLES.includes(match[1] ?? '')) found.push(`variable '${match[1]}' at char ${match.index + 4}`);
  return found;
}

function checkParameters(call: Call): void {
  if (!call.caller.isRoot)
    for (const key of ['tmpdir', 'dumpdir', 'script', 'job-id'])
      if (call.text(key) !== undefined) throw parameterError({ [key]: 'Only root may set this option.' });
  if (call.text('stdout') !== undefined && call.flag('stdout'))
    throw parameterError({ stdout: 'option is only allowed on the command line interface.' });
  if (['bwlimit', 'ionice', 'performance'].some((key) => call.text(key) !== undefined))
    call.demand('/', ['Sys.Modify']);
  if (call.text('prune-backups') !== undefined && call.text('storage') !== undefined)
    call.demand(`/storage/${call.need('storage')}`, ['Datastore.Allocate']);
  const vmid = call.text('vmid');
  for (const key of ['all', 'exclude', 'pool'])
    if (call.text(key) && (key !== 'all' || call.flag('all')) && vmid)
      throw parameterError({ [key]: "option conflicts with option 'vmid'" });
  const template = call.text('notes-template');
  if (template !== undefined) {
    if (template.includes('\n')) throw parameterError({ 'notes-template': 'contains a line feed\n' });
    const problems = problemsOf(template);
    if (problems.length > 0) throw parameterError({ 'notes-template': `found unknown: ${problems.join(', ')}\n` });
  }
}

const takesAll = (call: Call) => call.flag('all') || (call.text('exclude') !== undefined && !call.text('pool'));

/** Ids of this node's guests, and of those nobody knows any more. */
function selected(call: Call): number[] {
  const { lab, node } = call;
  const here = (vmid: number) => {
    const guest = lab.state.guests.get(vmid);
    return !guest || guest.node === node;
  };
  const pool = call.text('pool');
  if (pool) {
    if (!lab.directory.pools.has(pool)) throw fail(`no such pool '${pool}'`);
    return (lab.directory.pools.get(pool)?.vms ?? []).filter(here);
  }
  const vmid = call.text('vmid');
  if (vmid) return splitList(vmid).map(Number).filter(here);
  if (!takesAll(call)) return [];
  const excluded = new Set(splitList(call.text('exclude') ?? '').map(Number));
  return [...lab.state.guests.keys()].filter((id) => !excluded.has(id)).filter(here);
}

function fillNotes(template: string, lab: Lab, guest: Guest): string {
  const name = guest.type === 'qemu' ? guest.config.name : guest.config.hostname;
  const facts: Readonly<Record<string, string>> = {
    cluster: lab.name,
    guestname: String(name ?? `${guest.type === 'qemu' ? 'VM ' : 'CT'}${guest.vmid}`),
    node: guest.node,
    vmid: String(guest.vmid),
  };
  return template
    .replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char))
    .replace(/\{\{(\w+)\}\}/g, (all, name: string) => facts[name] ?? all);
}

const keepsAll = (policy: PropertyValues) => policy['keep-all'] === '1';
const limitOf = (policy: PropertyValues) =>
  keepsAll(policy) ? 0 : Object.values(policy).reduce((sum, value) => sum + Number(value), 0);

const backupsOf = (lab: Lab, storage: string, guest: Guest) =>
  lab.state
    .volumesOfStorage(storage, guest.node)
    .filter(
      (volume) => volume.content === 'backup' && volume.vmid === guest.vmid && volume.backup?.type === guest.type,
    );

/** A full storage policy refuses a backup that nothing is thrown away for. */
function checkLimit(lab: Lab, storage: string, guest: Guest, policy: PropertyValues, remove: boolean, keep: boolean) {
  const limit = limitOf(policy);
  const backups = backupsOf(lab, storage, guest);
  if (keep) {
    const most = Number(storageConfig(lab, storage).options['max-protected-backups'] ?? 5);
    if (most > -1 && backups.filter((volume) => volume.protected).length >= most)
      throw new Error(`The number of protected backups per guest is limited to ${most} on storage '${storage}'`);
  } else if (limit > 0 && !remove && backups.filter((volume) => !volume.protected).length >= limit)
    throw new Error(
      `There is a max backup limit of ${limit} enforced by the target storage or the vzdump parameters. Either increase the limit or delete old backups.`,
    );
}

/** Drops what the retention policy lets go, after a good backup. */
function applyRetention(lab: Lab, storage: string, guest: Guest, policy: PropertyValues, task: TaskContext): void {
  const text = Object.keys(policy)
    .sort()
    .map((key) => `${key}=${policy[key]}`)
    .join(', ');
  task.log(`INFO: prune older backups with retention: ${text}`);
  let pruned = 0;
  for (const { volume, mark } of prune(backupsOf(lab, storage, guest), policy)) {
    if (mark !== 'remove') continue;
    pruned += 1;
    task.log(`INFO: removing backup '${volumeId(volume)}'`);
    lab.state.deleteVolume(volume);
    rmSync(archiveFile(lab, volume), { force: true });
  }
  task.log(`INFO: pruned ${pruned} backup(s)${pruned > 0 ? ' not covered by keep-retention policy' : ''}`);
}

interface Job {
  readonly storage: string;
  readonly policy: PropertyValues;
  readonly remove: boolean;
}

function jobOf(call: Call, storage: string): Job {
  try {
    const record = loadStorage(call.lab, storage, call.node);
    if (!contentOf(record).includes('backup'))
      throw new Error(`can't use storage '${storage}' for backups - wrong content type`);
    const text = call.text('prune-backups') ?? record.options['prune-backups'];
    const policy =
      text === undefined ? { 'keep-all': '1' } : parsePropertyString(formatKeys('prune-backups') ?? {}, String(text));
    return { storage, policy, remove: call.number('remove') !== 0 && !keepsAll(policy) };
  } catch (error) {
    throw new Error(`could not get storage information for '${storage}': ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function backUpOne(call: Call, vmid: number, job: Job, task: TaskContext): Promise<void> {
  const { lab } = call;
  const guest = lab.state.guests.get(vmid);
  if (!guest) throw new Error(`unable to find VM '${vmid}'`);
  const mode = call.text('mode') ?? 'snapshot';
  const managed = lab.journal.get<{ state?: string }>('ha-resource', `${guest.type === 'qemu' ? 'vm' : 'ct'}:${vmid}`);
  if (mode === 'stop' && managed?.state === 'started')
    throw new Error(
      'Cannot execute a backup with stop mode on a HA managed and enabled Service. Use snapshot mode or disable the Service.',
    );
  checkLimit(lab, job.storage, guest, job.policy, job.remove, call.flag('protected'));
  const template = call.text('notes-template');
  await backupGuest(
    lab,
    guest,
    {
      storage: job.storage,
      mode,
      compress: call.text('compress') ?? '0',
      protected: call.flag('protected'),
      ...(template ? { notes: fillNotes(template, lab, guest) } : {}),
    },
    task,
  );
  if (job.remove) applyRetention(lab, job.storage, guest, job.policy, task);
}

function commandLine(call: Call, vmids: readonly number[]): string {
  const options = Object.entries(call.parameters)
    .filter(([key]) => !['vmid', 'node'].includes(key))
    .map(([key, value]) => ` --${key} ${Array.isArray(value) ? value.join(' ') : value}`);
  return `vzdump${call.text('vmid') ? ` ${vmids.join(' ')}` : ''}${options.sort().join('')}`;
}

async function vzdump(call: Call): Promise<string> {
  const { lab } = call;
  checkParameters(call);
  if (!call.text('vmid') && !takesAll(call) && !call.flag('stop') && !call.text('pool'))
    throw parameterError({ vmid: 'property is missing' });
  const vmids = selected(call);
  if (call.flag('stop')) {
    call.demand(`/nodes/${call.node}`, ['Sys.Modify']);
    await stopRunning(call);
    if (vmids.length === 0) return 'OK';
  }
  // Guests of other nodes are theirs to back up: nothing to do here is no error.
  if (vmids.length === 0 && !takesAll(call)) return 'OK';
  if (call.text('dumpdir') !== undefined) throw fail('this lab writes backups to storages only');
  const storage = call.text('storage') ?? 'local';
  call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  return call.task('vzdump', vmids.length === 1 ? (vmids[0] ?? '') : '', async (task) => {
    const job = jobOf(call, storage);
    task.log(`INFO: starting new backup job: ${commandLine(call, vmids)}`);
    let errors = 0;
    for (const vmid of [...vmids].sort((left, right) => left - right)) {
      if (lab.state.guests.has(vmid) && !call.can(`/vms/${vmid}`, ['VM.Backup'])) {
        if (takesAll(call)) continue;
        call.demand(`/vms/${vmid}`, ['VM.Backup']);
      }
      try {
        await backUpOne(call, vmid, job, task);
      } catch (error) {
        task.signal.throwIfAborted();
        errors += 1;
        task.log(`ERROR: Backup of VM ${vmid} failed - ${error instanceof Error ? error.message : String(error)}`);
        task.log(`INFO: Failed at ${new Date(lab.now()).toISOString().slice(0, 19).replace('T', ' ')}`);
      }
    }
    task.log(`INFO: Backup job finished ${errors > 0 ? 'with errors' : 'successfully'}`);
    if (errors > 0) throw new Error('job errors');
  });
}

/** Ends the backup that runs on the node. */
async function stopRunning(call: Call): Promise<void> {
  const { tasks } = call.lab;
  for (const record of tasks.list()) {
    const { node, type } = describeTask(record);
    if (record.status !== undefined || type !== 'vzdump' || node !== call.node) continue;
    tasks.abort(record.upid);
    await tasks.finished(record.upid);
  }
}

export const vzdumpHandlers: Handlers = {
  'POST /nodes/{node}/vzdump': vzdump,
};
