/** POST /nodes/{node}/lxc: a container from a template archive, or back from a backup. */

import { checkUnused, demandOnGuest, withGuestLock } from '../guests/guests.js';
import { completeNic } from '../guests/network-options.js';
import { createDisks, demandDiskStorages } from '../guests/new-disks.js';
import { demandOptions } from '../guests/option-privileges.js';
import { hashPassword } from '../guests/password.js';
import { startGuest } from '../guests/power.js';
import { restoreGuest } from '../guests/restore.js';
import { checkSshKeys } from '../guests/ssh-keys.js';
import { normalizeTags } from '../guests/tags.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import type { Guest, GuestConfig, Volume } from '../state/model.js';
import { removeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { defaultContainerConfig, MOUNT_KEYS } from './container-config.js';

/** Parameters that are about the making, not part of the configuration. */
const NOT_CONFIG = new Set([
  'vmid',
  'node',
  'ostemplate',
  'pool',
  'start',
  'storage',
  'password',
  'ssh-public-keys',
  'restore',
  'force',
  'unique',
  'bwlimit',
  'ignore-unpack-errors',
  'ha-managed',
]);

function configOf(call: Call): GuestConfig {
  const config: GuestConfig = {};
  for (const [key, value] of Object.entries(call.parameters))
    if (!NOT_CONFIG.has(key) && !Array.isArray(value)) config[key] = value;
  return config;
}

export async function createContainer(call: Call): Promise<string> {
  const { lab, node, vmid } = call;
  const pool = call.text('pool');
  const config = configOf(call);
  if (call.flag('restore')) return restoreGuest(call, 'lxc', call.need('ostemplate'), config);
  demandOnGuest(call, vmid, ['VM.Allocate'], pool);
  if (pool !== undefined && !lab.directory.pools.has(pool)) throw fail(`pool '${pool}' does not exist`);
  demandOptions(call, 'lxc', vmid, config, pool);
  if (call.number('unprivileged') === 0) call.demand('/', ['Sys.Modify']);
  else config.unprivileged = 1;
  const keys = call.text('ssh-public-keys');
  if (keys !== undefined) checkSshKeys('ssh-public-keys', keys);
  const mounts = Object.keys(config).filter((key) => MOUNT_KEYS.test(key));
  const storage = call.text('storage') ?? 'local';
  if (config.rootfs === undefined) {
    if (mounts.length > 0) throw fail("mount points configured, but 'rootfs' not set - aborting");
    config.rootfs = `${storage}:4`;
  } else if (!/:/.test(String(config.rootfs))) config.rootfs = `${storage}:${config.rootfs}`;
  for (const key of mounts)
    if (/^mp/.test(key) && !/(^|,)mp=/.test(String(config[key])))
      throw parameterError({ [key]: 'invalid format - format error\n' });
  demandDiskStorages(call, 'lxc', config, vmid);
  const template = call.need('ostemplate');
  const templateStorage = template.split(':')[0] ?? '';
  // A backup is unpacked with `restore` alone.
  if (/^[^:]+:(?!vztmpl\/)\w+\//.test(template))
    throw fail(`unable to use volume ${template} - content type needs to be 'vztmpl'`);
  call.demand(`/storage/${templateStorage}`, ['Datastore.Audit', 'Datastore.AllocateSpace'], true);
  try {
    checkUnused(lab, vmid);
  } catch (error) {
    throw fail(`unable to create CT ${vmid} - ${(error as Error).message}`);
  }
  const password = call.text('password');
  const setup = {
    ...(keys === undefined ? {} : { sshKeys: keys }),
    ...(password === undefined ? {} : { passwordHash: await hashPassword(password) }),
  };
  try {
    checkUnused(lab, vmid);
  } catch (error) {
    throw fail(`unable to create CT ${vmid} - ${(error as Error).message}`);
  }
  // From here the id is taken: the configuration exists with nothing but its lock until the task is done.
  const guest: Guest = { ...lab.state.newGuest(vmid, 'lxc', node), config: { lock: 'create' }, setup };
  lab.state.saveGuest(guest);
  if (pool !== undefined) addToPool(call, pool, vmid);
  const start = call.flag('start');
  return call.task('vzcreate', vmid, async (task) => {
    await withGuestLock(lab, 'lxc', vmid, task.signal, () => build(call, guest, config, template, task));
    if (start) await startGuest(lab, 'lxc', node, vmid, task);
  });
}

export function addToPool(call: Call, poolid: string, vmid: number): void {
  const record = call.lab.directory.pools.get(poolid);
  if (record) call.lab.directory.savePool({ ...record, vms: [...new Set([...record.vms, vmid])] });
}

async function build(
  call: Call,
  guest: Guest,
  wanted: GuestConfig,
  template: string,
  task: TaskContext,
): Promise<void> {
  const { lab, node, vmid } = call;
  const made: Volume[] = [];
  try {
    const archive = lab.state.volume(node, template);
    if (archive?.content !== 'vztmpl') throw new Error(`volume '${template}' does not exist`);
    if (archive.image === undefined)
      throw new Error(`unable to open archive '${template}': not an image this lab can unpack`);
    task.log(`extracting archive '/var/lib/vz/template/cache/${template.split('/').at(-1)}'`);
    const config = await createDisks(
      {
        lab,
        node,
        type: 'lxc',
        vmid,
        signal: task.signal,
        image: { name: archive.image, used: archive.used },
        log: task.log,
      },
      wanted,
      made,
    );
    task.log('Detected container architecture: amd64');
    for (const key of Object.keys(config))
      if (/^net\d+$/.test(key)) config[key] = completeNic(lab.name, vmid, 'lxc', key, String(config[key]));
    if (config.tags !== undefined) config.tags = normalizeTags(String(config.tags));
    if (config.description !== undefined) config.description = `${String(config.description).trimEnd()}\n`;
    guest.config = { ...defaultContainerConfig(vmid, template), ...config };
    lab.state.saveGuest(guest);
    if (!/nesting=1/.test(String(config.features ?? '')))
      task.warn('Systemd 252 detected. You may need to enable nesting.');
  } catch (error) {
    for (const volume of made) await removeVolume(lab, volume).catch(() => undefined);
    lab.directory.forgetGuest(vmid, false);
    lab.state.deleteGuest(vmid);
    task.signal.throwIfAborted();
    throw new Error(`unable to create CT ${vmid} - ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
