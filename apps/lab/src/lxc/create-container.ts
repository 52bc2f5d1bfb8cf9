/** POST /nodes/{node}/lxc: a container from a template archive, or back from a backup. */

import { parseOption } from '../guests/disks.js';
import { addToPool, demandPool } from '../guests/guest-pool.js';
import { checkProtection, checkUnused, findGuest, withGuestLock } from '../guests/guests.js';
import { hashPassword } from '../guests/password.js';
import { startGuest } from '../guests/power.js';
import { settleConfig } from '../guests/settle-config.js';
import { checkSshKeys } from '../guests/ssh-keys.js';
import { baseDisks } from '../guests/template.js';
import { checkVolumeAccess } from '../guests/volume-access.js';
import { fail, forbidden, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import type { Guest, GuestConfig, Volume } from '../state/model.js';
import { contentOf, loadStorage } from '../storage/storages.js';
import { removeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { ostypeOf, settleOption, withDefaults } from './container-config.js';
import { createContainerDisks } from './container-disks.js';
import { demandContainerOptions, isMountKey, NOT_OPTIONS } from './container-privileges.js';
import { type ContainerRequest, fillFromBackup } from './restore-container.js';

/** Answers whether the caller may set the firewall, too: who may only bring a container back may not. */
function demandAllocate(call: Call, pool: string | undefined, old: Guest | undefined): boolean {
  const { vmid } = call;
  if (call.can(`/vms/${vmid}`, ['VM.Allocate'])) return true;
  if (pool !== undefined && call.can(`/pool/${pool}`, ['VM.Allocate'])) return true;
  const mayRestore = call.flag('restore') && call.flag('force') && old !== undefined;
  if (!mayRestore || !call.can(`/vms/${vmid}`, ['VM.Backup'])) throw forbidden();
  if (old.config.unprivileged === 1 && call.number('unprivileged') === 0) call.demand('/', ['Sys.Modify']);
  return false;
}

/** The container that a restore with `force` overwrites; throws where the id is taken otherwise. */
function overwritten(call: Call): Guest | undefined {
  const { lab, vmid, node } = call;
  const old = findGuest(lab, 'lxc', node, vmid);
  if (!old || !call.flag('restore') || !call.flag('force')) {
    try {
      checkUnused(lab, vmid);
    } catch (error) {
      throw fail((error as Error).message);
    }
    return undefined;
  }
  if (old.running) throw fail("can't overwrite running container");
  checkProtection(old, `unable to restore CT ${vmid}`);
  return old;
}

function demandStorage(call: Call, id: string): void {
  const record = loadStorage(call.lab, id, call.node);
  if (!contentOf(record).includes('rootdir'))
    throw parameterError({ storage: `storage '${id}' does not support container directories` });
  call.demand(`/storage/${id}`, ['Datastore.AllocateSpace']);
}

function split(call: Call, storage: string): { options: GuestConfig; mounts: GuestConfig } {
  const options: GuestConfig = {};
  const mounts: GuestConfig = {};
  for (const [key, value] of Object.entries(call.parameters)) {
    if (Array.isArray(value) || NOT_OPTIONS.has(key) || key === 'unprivileged' || /^unused\d+$/.test(key)) continue;
    if (!isMountKey(key)) options[key] = value;
    else mounts[key] = /^\d+(\.\d+)?$/.test(String(value)) ? `${storage}:${value}` : value;
  }
  return { options, mounts };
}

function demandMounts(call: Call, mounts: GuestConfig, storage: string): void {
  if (Object.keys(mounts).length > 0 && mounts.rootfs === undefined)
    throw fail("mount points configured, but 'rootfs' not set - aborting");
  for (const [key, value] of Object.entries(mounts)) {
    const volume = parseOption('lxc', key, value).volume ?? '';
    if (volume.startsWith('/')) {
      if (!call.caller.isRoot) throw fail('Only root can pass arbitrary filesystem paths.');
      throw fail('this lab has no host paths or devices to pass through');
    }
    demandStorage(call, volume.split(':')[0] ?? '');
  }
  if (mounts.rootfs === undefined) demandStorage(call, storage);
}

export async function createContainer(call: Call): Promise<string> {
  const { lab, node, vmid } = call;
  const restore = call.flag('restore');
  const given = call.number('unprivileged');
  const unprivileged = given === undefined ? (restore ? undefined : true) : given === 1;
  if (!restore && !unprivileged) call.demand('/', ['Sys.Modify']);
  if (call.flag('ha-managed')) call.demand('/', ['Sys.Console']);
  const old = overwritten(call);
  const keys = call.text('ssh-public-keys');
  if (keys !== undefined) checkSshKeys(keys);
  const pool = demandPool(call);
  const withFirewall = demandAllocate(call, pool, old);
  const archive = call.need('ostemplate');
  const storage = call.text('storage') ?? 'local';
  const { options, mounts } = split(call, storage);
  demandContainerOptions(
    { call, vmid, ...(pool === undefined ? {} : { pool }), unprivileged: unprivileged === true },
    { ...options, ...mounts },
  );
  if (archive === '-') throw fail('pipe requires cli environment');
  checkVolumeAccess(call, vmid, archive, restore ? 'backup' : 'vztmpl');
  demandMounts(call, mounts, storage);
  const config: GuestConfig = {};
  for (const [key, value] of Object.entries(options)) config[key] = settleOption(lab.name, vmid, key, value);
  const password = call.text('password');
  const setup = {
    ...(keys === undefined ? {} : { sshKeys: keys }),
    ...(password === undefined ? {} : { passwordHash: await hashPassword(password) }),
  };
  const emsg = `unable to ${restore ? 'restore' : 'create'} CT ${vmid} -`;
  if (!old) {
    try {
      checkUnused(lab, vmid);
    } catch (error) {
      throw fail(`${emsg} ${(error as Error).message}`);
    }
  } else if (old.config.lock !== undefined) throw fail(`${emsg} CT is locked (${old.config.lock})`);
  // From here the id is taken: the configuration exists with nothing but its lock until the task is done.
  const guest: Guest = old ?? { ...lab.state.newGuest(vmid, 'lxc', node), setup };
  const before = old ? { ...old.config } : undefined;
  guest.config.lock = 'create';
  lab.state.saveGuest(guest);
  const request: ContainerRequest = {
    call,
    guest,
    archive,
    config,
    mounts,
    storage,
    unprivileged,
    withFirewall,
    before,
  };
  const start = call.flag('start');
  return call.task(restore ? 'vzrestore' : 'vzcreate', vmid, async (task) => {
    await withGuestLock(lab, 'lxc', vmid, task.signal, () => build(request, restore, task));
    if (pool !== undefined) addToPool(lab, pool, vmid);
    if (call.flag('ha-managed')) {
      task.log('Add as HA resource');
      lab.journal.put('ha-resource', `ct:${vmid}`, {
        sid: `ct:${vmid}`,
        type: 'ct',
        state: start ? 'started' : 'stopped',
      });
    }
    // As on a real node, the start is a task of its own.
    if (start) setImmediate(() => call.task('vzstart', vmid, (next) => startGuest(lab, 'lxc', node, vmid, next)));
  });
}

async function fillFromTemplate(request: ContainerRequest, task: TaskContext, made: Volume[]): Promise<GuestConfig> {
  const { call, archive, config, mounts, storage } = request;
  const { lab, node, vmid } = call;
  const wanted = Object.keys(mounts).length === 0 ? { rootfs: `${storage}:4` } : mounts;
  const template = lab.state.volume(node, archive);
  const disks = await createContainerDisks(
    {
      lab,
      node,
      vmid,
      signal: task.signal,
      log: task.log,
      ...(template?.image === undefined ? {} : { image: { name: template.image, used: template.used } }),
    },
    wanted,
    made,
  );
  if (template?.content !== 'vztmpl') throw new Error(`volume '${archive}' does not exist`);
  if (template.image === undefined)
    throw new Error(`unable to open archive '${archive}': not an image this lab can unpack`);
  task.log(`extracting archive '/var/lib/vz/template/cache/${archive.split('/').at(-1)}'`);
  task.log(`Total bytes read: ${template.used} (${Math.round(template.used / 2 ** 20)}MiB)`);
  task.log('Detected container architecture: amd64');
  return {
    arch: 'amd64',
    ostype: ostypeOf(archive),
    ...config,
    ...disks,
    ...(request.unprivileged ? { unprivileged: 1 } : {}),
  };
}

async function build(request: ContainerRequest, restore: boolean, task: TaskContext): Promise<void> {
  const { call, guest, before } = request;
  const { lab, vmid } = call;
  const made: Volume[] = [];
  try {
    const filled = restore ? await fillFromBackup(request, task, made) : await fillFromTemplate(request, task, made);
    guest.config = withDefaults(vmid, filled);
    if (guest.config.template === 1) {
      task.log('Convert restored container to template...');
      baseDisks(lab, guest);
    }
    settleConfig(guest);
    lab.state.saveGuest(guest);
    if (!/nesting=1/.test(String(guest.config.features ?? '')) && guest.config.ostype !== 'unmanaged')
      task.warn('Systemd 252 detected. You may need to enable nesting.');
  } catch (error) {
    for (const volume of made) await removeVolume(lab, volume).catch(() => undefined);
    if (before) {
      // The container that was to be overwritten is as it was.
      guest.config = before;
      lab.state.saveGuest(guest);
    } else {
      lab.directory.leavePool(vmid);
      lab.state.deleteGuest(vmid);
    }
    task.signal.throwIfAborted();
    throw new Error(
      `unable to ${restore ? 'restore' : 'create'} CT ${vmid} - ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
