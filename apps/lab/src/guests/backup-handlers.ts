/** vzdump by hand and by job. */

import { rmSync } from 'node:fs';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import { parsePropertyString } from '../schema/property-string.js';
import { formatKeys } from '../schema/schema.js';
import { type Guest, volumeId } from '../state/model.js';
import { prune } from '../storage/prune.js';
import { contentOf, loadStorage } from '../storage/storages.js';
import type { TaskContext } from '../tasks/tasks.js';
import { backupGuest, backupPath } from './backup.js';
import { nameOf } from './status.js';

function selected(call: Call): Guest[] {
  const { lab } = call;
  const excluded = new Set(splitList(call.text('exclude') ?? '').map(Number));
  const all = [...lab.state.guests.values()];
  const pool = call.text('pool');
  if (pool !== undefined) return all.filter((guest) => lab.directory.poolOfGuest(guest.vmid) === pool);
  if (call.flag('all')) return all.filter((guest) => !excluded.has(guest.vmid));
  const wanted = splitList(call.text('vmid') ?? '').map(Number);
  if (wanted.length === 0) throw parameterError({ vmid: 'property is missing and it is not optional' });
  return wanted.flatMap((vmid) => all.find((guest) => guest.vmid === vmid) ?? []);
}

/** Drops what the retention policy lets go, after a good backup. */
function applyRetention(lab: Lab, storage: string, guest: Guest, policy: string, task: TaskContext): void {
  const volumes = lab.state
    .volumesOfStorage(storage, guest.node)
    .filter((volume) => volume.content === 'backup' && volume.vmid === guest.vmid);
  for (const { volume, mark } of prune(volumes, parsePropertyString(formatKeys('prune-backups') ?? {}, policy))) {
    if (mark !== 'remove') continue;
    task.log(`INFO: prune older backup '${volumeId(volume)}'`);
    lab.state.deleteVolume(volume);
    rmSync(backupPath(lab, volume), { force: true });
  }
}

function fillNotes(template: string, guest: Guest, node: string, cluster: string): string {
  const facts: Readonly<Record<string, string>> = {
    cluster,
    guestname: nameOf(guest),
    node,
    vmid: String(guest.vmid),
  };
  return template.replace(/\{\{(\w+)\}\}/g, (all, name: string) => facts[name] ?? all).replaceAll('\\n', '\n');
}

function vzdump(call: Call): string {
  const { lab, node } = call;
  const storage = call.text('storage') ?? 'local';
  if (call.text('dumpdir') !== undefined || call.text('script') !== undefined || call.text('tmpdir') !== undefined) {
    if (!call.caller.isRoot) throw parameterError({ dumpdir: 'Only root may set this option.' });
    throw fail('this lab writes backups to storages only');
  }
  const record = loadStorage(lab, storage, node);
  if (!contentOf(record).includes('backup'))
    throw fail(
      `could not get storage information for '${storage}': can't use storage type '${record.type}' for backup`,
    );
  call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  const guests = selected(call);
  for (const guest of guests) call.demand(`/vms/${guest.vmid}`, ['VM.Backup']);
  const policy = call.text('prune-backups') ?? (record.options['prune-backups'] as string | undefined);
  const here = guests.filter((guest) => guest.node === node);
  const single = splitList(call.text('vmid') ?? '');
  const compress = call.text('compress') ?? '0';
  const template = call.text('notes-template');
  return call.task('vzdump', single.length === 1 ? (single[0] ?? '') : '', async (task) => {
    task.log(`INFO: starting new backup job: vzdump ${single.join(' ')} --storage ${storage}`);
    const errors: string[] = [];
    if (here.length === 0 && single.length > 0) task.log(`INFO: skip external VMs: ${single.join(', ')}`);
    for (const guest of here) {
      try {
        await backupGuest(
          lab,
          guest,
          {
            storage,
            mode: call.text('mode') ?? 'snapshot',
            compress,
            protected: call.flag('protected'),
            ...(template === undefined ? {} : { notes: fillNotes(template, guest, node, lab.name) }),
          },
          task,
        );
        if (policy !== undefined && call.number('remove') !== 0) applyRetention(lab, storage, guest, policy, task);
      } catch (error) {
        task.signal.throwIfAborted();
        const text = error instanceof Error ? error.message : String(error);
        task.log(`ERROR: Backup of VM ${guest.vmid} failed - ${text}`);
        errors.push(text);
      }
    }
    task.log('INFO: Backup job finished successfully');
    if (errors.length > 0) throw new Error('job errors');
  });
}

export const backupHandlers: Handlers = {
  'POST /nodes/{node}/vzdump': vzdump,
  'GET /nodes/{node}/vzdump/defaults': () => ({ mode: 'snapshot', compress: '0', storage: 'local' }),
  'GET /nodes/{node}/vzdump/extractconfig': (call) => {
    const volume = call.lab.state.volume(call.node, call.need('volume'));
    if (!volume?.backup) throw fail(`volume '${call.need('volume')}' does not exist`);
    return `${Object.entries(volume.backup.config)
      .map(([key, value]) => `${key}: ${value}`)
      .join('\n')}\n`;
  },
};
