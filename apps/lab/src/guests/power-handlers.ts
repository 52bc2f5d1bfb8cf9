/** start, stop, shutdown … of machines and containers; which of them refuse at once differs between the two. */

import { haTask } from '../cluster/ha.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { stateStorage } from '../qemu/machine-state.js';
import type { GuestType } from '../state/model.js';
import { describeTask, type TaskContext } from '../tasks/tasks.js';
import { checkLock, demandOnGuest, findGuest, guestOf, loadGuest, missingMachine } from './guests.js';
import { KINDS } from './kind.js';
import { pauseGuest, rebootGuest, resetGuest, shutdownGuest, startGuest, stopGuest, suspendToDisk } from './power.js';

function rootOnly(call: Call, ...names: readonly string[]): void {
  for (const name of names)
    if (call.text(name) && call.text(name) !== '0' && !call.caller.isRoot)
      throw parameterError({ [name]: 'Only root may use this option.' });
}

/** Most verbs say at once that nothing runs. */
function demandRunning(call: Call, type: GuestType, label = KINDS[type].label): void {
  const guest = findGuest(call.lab, type, call.node, call.vmid);
  if (type === 'qemu' && !guest) throw fail(missingMachine(call.node, call.vmid));
  if (!guest?.running) throw fail(`${label} ${call.vmid} not running`);
}

const isPaused = (call: Call) => findGuest(call.lab, 'qemu', call.node, call.vmid)?.running?.paused === true;

function start(call: Call, type: GuestType): string {
  rootOnly(
    call,
    'stateuri',
    'skiplock',
    'migratedfrom',
    'migration_type',
    'migration_network',
    'targetstorage',
    'force-cpu',
    'with-conntrack-state',
    'nets-host-mtu',
  );
  const { lab, node, vmid } = call;
  if (type === 'lxc' && findGuest(lab, type, node, vmid)?.running) throw fail(`CT ${vmid} already running`);
  return (
    haTask(call, type, 'start') ??
    call.task(type === 'qemu' ? 'qmstart' : 'vzstart', vmid, (task) =>
      startGuest(lab, type, node, vmid, task, call.flag('skiplock')),
    )
  );
}

/** Shutdowns of the same guest that still wait give way to the stop. */
function overrule(call: Call, type: GuestType, task: TaskContext): void {
  const kind = type === 'qemu' ? 'qmshutdown' : 'vzshutdown';
  const found = call.lab.tasks.list().filter((record) => {
    const other = describeTask(record);
    if (record.status !== undefined || other.type !== kind || other.id !== String(call.vmid)) return false;
    return other.user === call.caller.id || call.can(`/nodes/${call.node}`, ['Sys.Modify']);
  });
  for (const record of found) call.lab.tasks.abort(record.upid);
  if (found.length > 0) task.log(`overruled ${kind} tasks: ${found.map((record) => record.upid).join(', ')}`);
}

function stop(call: Call, type: GuestType): string {
  rootOnly(call, 'skiplock', 'keepActive', 'migratedfrom');
  const { lab, node, vmid } = call;
  if (type === 'lxc') demandRunning(call, type);
  const overrules = call.flag('overrule-shutdown');
  if (overrules && isManaged(call, type))
    throw parameterError({ 'overrule-shutdown': 'Not applicable for HA resources.' });
  return (
    haTask(call, type, 'stop') ??
    call.task(type === 'qemu' ? 'qmstop' : 'vzstop', vmid, async (task) => {
      if (overrules) overrule(call, type, task);
      await stopGuest(lab, type, node, vmid, task, call.flag('skiplock'));
    })
  );
}

const isManaged = (call: Call, type: GuestType) =>
  call.lab.journal.get('ha-resource', `${type === 'qemu' ? 'vm' : 'ct'}:${call.vmid}`) !== undefined;

function shutdown(call: Call, type: GuestType): string {
  if (type === 'qemu') rootOnly(call, 'skiplock', 'keepActive');
  const { lab, node, vmid } = call;
  if (type === 'lxc') demandRunning(call, type);
  if (type === 'qemu' && isPaused(call) && !call.flag('forceStop')) throw fail('VM is paused - cannot shutdown');
  const timeout = call.number('timeout');
  return (
    haTask(call, type, 'stop') ??
    call.task(type === 'qemu' ? 'qmshutdown' : 'vzshutdown', vmid, (task) =>
      shutdownGuest(
        lab,
        type,
        node,
        vmid,
        {
          ...(timeout === undefined ? {} : { timeout }),
          forceStop: call.flag('forceStop'),
          skipLock: call.flag('skiplock'),
        },
        task,
      ),
    )
  );
}

function reboot(call: Call, type: GuestType): string {
  const { lab, node, vmid } = call;
  if (type === 'qemu' && isPaused(call)) throw fail('VM is paused - cannot shutdown');
  // Of a container, too, Proxmox says VM here.
  demandRunning(call, type, 'VM');
  return call.task(type === 'qemu' ? 'qmreboot' : 'vzreboot', vmid, (task) =>
    rebootGuest(lab, type, node, vmid, call.number('timeout'), task),
  );
}

function suspendMachine(call: Call): string {
  rootOnly(call, 'skiplock');
  const { lab, node, vmid } = call;
  demandRunning(call, 'qemu');
  const skipLock = call.flag('skiplock');
  if (!call.flag('todisk'))
    return call.task('qmpause', vmid, (task) => pauseGuest(lab, node, vmid, true, task, skipLock));
  if (isManaged(call, 'qemu')) throw fail('Cannot suspend HA managed VM to disk');
  demandOnGuest(call, vmid, ['VM.Config.Disk']);
  const guest = guestOf(call, 'qemu');
  if (Object.keys(guest.config).some((key) => /^hostpci\d+$/.test(key)))
    throw fail(
      'cannot suspend VM to disk due to passed-through PCI device(s), which lack the possibility to save/restore their internal state',
    );
  const storage = call.text('statestorage') ?? stateStorage(lab, guest);
  call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  return call.task('qmsuspend', vmid, (task) => suspendToDisk(lab, node, vmid, storage, task, skipLock));
}

function resumeMachine(call: Call): string {
  rootOnly(call, 'skiplock', 'nocheck');
  const { lab, node, vmid } = call;
  const skipLock = call.flag('skiplock');
  const suspended = findGuest(lab, 'qemu', node, vmid)?.config.lock === 'suspended';
  if (!suspended) demandRunning(call, 'qemu');
  return call.task('qmresume', vmid, (task) =>
    suspended
      ? startGuest(lab, 'qemu', node, vmid, task, skipLock)
      : pauseGuest(lab, node, vmid, false, task, skipLock),
  );
}

/**
 * Saving a container's processes is left to CRIU, which cannot do it with a container as Proxmox sets it up. That it fails is
 * what admins tell; with which words beside the exit code was not measured.
 */
function checkpoint(call: Call, kind: 'vzsuspend' | 'vzresume', options: string): string {
  const { lab, node, vmid } = call;
  return call.task(kind, vmid, async () => {
    if (kind === 'vzsuspend') checkLock(loadGuest(lab, 'lxc', node, vmid));
    throw new Error(`command 'lxc-checkpoint -n ${vmid} ${options} -D /var/lib/vz/dump' failed: exit code 1`);
  });
}

function suspendContainer(call: Call): string {
  demandRunning(call, 'lxc');
  return checkpoint(call, 'vzsuspend', '-s');
}

function resumeContainer(call: Call): string {
  if (findGuest(call.lab, 'lxc', call.node, call.vmid)?.running) throw fail(`CT ${call.vmid} already running`);
  return checkpoint(call, 'vzresume', '-r --foreground');
}

function handlersOf(type: GuestType): Handlers {
  const base = `/nodes/{node}/${type}/{vmid}/status`;
  return {
    [`POST ${base}/start`]: (call) => start(call, type),
    [`POST ${base}/stop`]: (call) => stop(call, type),
    [`POST ${base}/shutdown`]: (call) => shutdown(call, type),
    [`POST ${base}/reboot`]: (call) => reboot(call, type),
    [`POST ${base}/suspend`]: type === 'qemu' ? suspendMachine : suspendContainer,
    [`POST ${base}/resume`]: type === 'qemu' ? resumeMachine : resumeContainer,
  };
}

export const powerHandlers: Handlers = {
  ...handlersOf('qemu'),
  ...handlersOf('lxc'),
  'POST /nodes/{node}/qemu/{vmid}/status/reset': (call) => {
    rootOnly(call, 'skiplock');
    demandRunning(call, 'qemu');
    return call.task('qmreset', call.vmid, (task) =>
      resetGuest(call.lab, call.node, call.vmid, task, call.flag('skiplock')),
    );
  },
};
