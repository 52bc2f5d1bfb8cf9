/** start, stop, shutdown … of machines and containers; which of them refuse at once differs between the two. */

import { haTask } from '../cluster/ha.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { GuestType } from '../state/model.js';
import { checkLock, findGuest, guestOf, isTemplate } from './guests.js';
import { pauseGuest, rebootGuest, resetGuest, shutdownGuest, startGuest, stopGuest } from './power.js';

function rootOnly(call: Call, ...names: readonly string[]): void {
  for (const name of names)
    if (call.text(name) !== undefined && call.flag(name) && !call.caller.isRoot)
      throw parameterError({ [name]: 'Only root may use this option.' });
}

/** Containers (and most verbs of machines) say at once that nothing runs. */
function demandRunning(call: Call, type: GuestType): void {
  const guest = type === 'qemu' ? guestOf(call, type) : findGuest(call.lab, type, call.node, call.vmid);
  if (!guest?.running) throw fail(`${type === 'qemu' ? 'VM' : 'CT'} ${call.vmid} not running`);
}

function start(call: Call, type: GuestType): string {
  rootOnly(call, 'skiplock');
  const { lab, node, vmid } = call;
  if (type === 'lxc' && findGuest(lab, type, node, vmid)?.running) throw fail(`CT ${vmid} already running`);
  return (
    haTask(call, type, 'start') ??
    call.task(type === 'qemu' ? 'qmstart' : 'vzstart', vmid, (task) =>
      startGuest(lab, type, node, vmid, task, call.flag('skiplock')),
    )
  );
}

function stop(call: Call, type: GuestType): string {
  rootOnly(call, 'skiplock');
  const { lab, node, vmid } = call;
  if (type === 'lxc') demandRunning(call, type);
  return (
    haTask(call, type, 'stop') ??
    call.task(type === 'qemu' ? 'qmstop' : 'vzstop', vmid, (task) =>
      stopGuest(lab, type, node, vmid, task, call.flag('skiplock')),
    )
  );
}

function shutdown(call: Call, type: GuestType): string {
  rootOnly(call, 'skiplock', 'keepActive');
  const { lab, node, vmid } = call;
  if (type === 'lxc') demandRunning(call, type);
  const guest = findGuest(lab, type, node, vmid);
  if (type === 'qemu' && guest?.running?.paused && !call.flag('forceStop'))
    throw fail('VM is paused - cannot shutdown');
  const timeout = call.number('timeout');
  return (
    haTask(call, type, 'stop') ??
    call.task(type === 'qemu' ? 'qmshutdown' : 'vzshutdown', vmid, (task) =>
      shutdownGuest(
        lab,
        type,
        node,
        vmid,
        { ...(timeout === undefined ? {} : { timeout }), forceStop: call.flag('forceStop') },
        task,
      ),
    )
  );
}

function reboot(call: Call, type: GuestType): string {
  const { lab, node, vmid } = call;
  demandRunning(call, type);
  if (type === 'qemu' && findGuest(lab, type, node, vmid)?.running?.paused)
    throw fail('VM is paused - cannot shutdown');
  return call.task(type === 'qemu' ? 'qmreboot' : 'vzreboot', vmid, (task) =>
    rebootGuest(lab, type, node, vmid, call.number('timeout'), task),
  );
}

function pause(call: Call, type: GuestType, paused: boolean): string {
  rootOnly(call, 'skiplock');
  const { lab, node, vmid } = call;
  if (paused || type === 'qemu') demandRunning(call, type);
  const names = type === 'qemu' ? ['qmpause', 'qmresume'] : ['vzsuspend', 'vzresume'];
  if (call.flag('todisk')) throw fail('this lab does not suspend machines to disk');
  return call.task((paused ? names[0] : names[1]) ?? '', vmid, (task) =>
    pauseGuest(lab, type, node, vmid, paused, task),
  );
}

function handlersOf(type: GuestType): Handlers {
  const base = `/nodes/{node}/${type}/{vmid}/status`;
  return {
    [`POST ${base}/start`]: (call) => start(call, type),
    [`POST ${base}/stop`]: (call) => stop(call, type),
    [`POST ${base}/shutdown`]: (call) => shutdown(call, type),
    [`POST ${base}/reboot`]: (call) => reboot(call, type),
    [`POST ${base}/suspend`]: (call) => pause(call, type, true),
    [`POST ${base}/resume`]: (call) => pause(call, type, false),
  };
}

/** Every guest of the node that matches; one task for all, failures are warnings. */
function bulk(call: Call, kind: 'startall' | 'stopall'): string {
  const { lab, node } = call;
  const wanted = (call.text('vms') ?? '')
    .split(/[,;\s]+/)
    .filter((id) => id !== '')
    .map(Number);
  return call.task(kind, '', async (task) => {
    for (const guest of [...lab.state.guests.values()]) {
      if (guest.node !== node || isTemplate(guest)) continue;
      if (
        wanted.length > 0
          ? !wanted.includes(guest.vmid)
          : kind === 'startall' && guest.config.onboot !== 1 && !call.flag('force')
      )
        continue;
      if (!call.can(`/vms/${guest.vmid}`, ['VM.PowerMgmt'])) continue;
      try {
        checkLock(guest);
        if (kind === 'startall' && !guest.running) await startGuest(lab, guest.type, node, guest.vmid, task);
        if (kind === 'stopall' && guest.running)
          await shutdownGuest(
            lab,
            guest.type,
            node,
            guest.vmid,
            { timeout: call.number('timeout') ?? 180, forceStop: call.number('force-stop') !== 0 },
            task,
          );
      } catch (error) {
        task.signal.throwIfAborted();
        task.warn(`${guest.vmid}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  });
}

export const powerHandlers: Handlers = {
  ...handlersOf('qemu'),
  ...handlersOf('lxc'),
  'POST /nodes/{node}/qemu/{vmid}/status/reset': (call) => {
    rootOnly(call, 'skiplock');
    demandRunning(call, 'qemu');
    return call.task('qmreset', call.vmid, (task) => resetGuest(call.lab, call.node, call.vmid, task));
  },
  'POST /nodes/{node}/startall': (call) => bulk(call, 'startall'),
  'POST /nodes/{node}/stopall': (call) => bulk(call, 'stopall'),
};
