/** DELETE of a guest: its volumes, and with `purge` what other configurations say of it. */
import { leaveRules } from '../cluster/ha-state.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import { checkNotReplicated, forgetJobsOf } from '../jobs/replication-jobs.js';
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import type { Guest, GuestType, Volume } from '../state/model.js';
import { checkNotInUse, removeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { ownDisks } from './disks.js';
import { checkLock, checkProtection, isTemplate, loadGuest, withGuestLock } from './guests.js';
import { KINDS } from './kind.js';
import { halt } from './power.js';

function volumesOf(lab: Lab, guest: Guest): Volume[] {
  const found = new Map<string, Volume>();
  const snapshots = Object.values(guest.snapshots).map((snapshot) => snapshot.config);
  for (const config of [guest.config, guest.pending, ...snapshots]) {
    for (const { volume } of ownDisks(lab, guest, config, true)) found.set(`${volume.storage}:${volume.name}`, volume);
    const state = config.vmstate === undefined ? undefined : lab.state.volume(guest.node, String(config.vmstate));
    if (state?.vmid === guest.vmid) found.set(`${state.storage}:${state.name}`, state);
  }
  return [...found.values()];
}

/** Everything a destroyed guest owned: volumes of its configuration and of its snapshots. */
async function destroyVolumes(lab: Lab, guest: Guest, unreferenced: boolean): Promise<void> {
  const volumes = volumesOf(lab, guest);
  if (isTemplate(guest)) for (const volume of volumes) checkNotInUse(lab, volume);
  for (const volume of volumes) await removeVolume(lab, volume);
  if (!unreferenced) return;
  for (const volume of lab.state.volumesOfGuest(guest.vmid))
    if (volume.content !== 'backup') await removeVolume(lab, volume);
}

const haKey = (type: GuestType, vmid: number) => `${type === 'qemu' ? 'vm' : 'ct'}:${vmid}`;

function purge(lab: Lab, type: GuestType, vmid: number, task: TaskContext): void {
  const { label } = KINDS[type];
  task.log(`purging ${label} ${vmid} from related configurations..`);
  forgetJobsOf(lab, vmid);
  for (const [id, job] of [...lab.journal.entries<Record<string, unknown>>('backup-job')]) {
    // A job without guests is none; one without exceptions is for all.
    const key = typeof job.vmid === 'string' ? 'vmid' : 'exclude';
    const list = splitList(String(job[key] ?? ''));
    const rest = list.filter((one) => one !== String(vmid));
    if (rest.length === list.length) continue;
    const { [key]: _list, ...others } = job;
    if (rest.length > 0) lab.journal.put('backup-job', id, { ...job, [key]: rest.join(',') });
    else if (key === 'vmid') lab.journal.delete('backup-job', id);
    else lab.journal.put('backup-job', id, others);
  }
  if (lab.journal.get('ha-resource', haKey(type, vmid)) === undefined) return;
  lab.journal.delete('ha-resource', haKey(type, vmid));
  leaveRules(lab, haKey(type, vmid));
  task.log(`NOTE: removed ${label} ${vmid} from HA resource configuration.`);
}

export function destroy(call: Call, type: GuestType): string {
  const { lab, vmid } = call;
  const { label, prefix } = KINDS[type];
  const skipLock = call.flag('skiplock');
  if (skipLock && !call.caller.isRoot) throw parameterError({ skiplock: 'Only root may use this option.' });
  const force = type === 'lxc' && call.flag('force');
  const check = (): Guest => {
    const guest = loadGuest(lab, type, call.node, vmid);
    checkProtection(guest, `can't remove ${label} ${vmid}`);
    if (type === 'lxc') checkLock(guest);
    if (!call.flag('purge') && lab.journal.get('ha-resource', haKey(type, vmid)) !== undefined)
      throw fail(`unable to remove ${label} ${vmid} - used in HA resources and purge parameter not set.`);
    if (!call.flag('purge')) checkNotReplicated(lab, vmid);
    if (guest.running && !force)
      throw fail(
        type === 'qemu'
          ? `VM ${vmid} is running - destroy failed`
          : `unable to destroy CT ${vmid} - container is running`,
      );
    return guest;
  };
  check();
  return call.task(`${prefix}destroy`, vmid, (task) =>
    withGuestLock(lab, type, vmid, task.signal, async () => {
      const guest = check();
      if (type === 'qemu') checkLock(guest, skipLock || guest.config.lock === 'suspended');
      if (guest.running) task.log(`forced to stop CT ${vmid} before destroying!`);
      await halt(lab, guest);
      await destroyVolumes(lab, guest, call.flag('destroy-unreferenced-disks'));
      lab.state.deleteGuest(vmid);
      lab.directory.forgetGuest(vmid);
      if (call.flag('purge')) purge(lab, type, vmid, task);
    }),
  );
}
