/** Starting and ending guests: what the tasks of the power verbs do. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab.js';
import { bridgesOn } from '../nodes/interfaces.js';
import type { Guest, GuestType } from '../state/model.js';
import type { TaskContext } from '../tasks/tasks.js';
import { definitionOf, parseMemory } from './definition.js';
import { parseOption } from './disks.js';
import { applyFirewall } from './firewall.js';
import { checkLock, isTemplate, loadGuest, withGuestLock } from './guests.js';
import { KINDS } from './kind.js';

/** Seconds a shutdown waits where nothing is said. */
const SHUTDOWN_SECONDS = { qemu: 180, lxc: 60 } as const;

let nextPid = 2000;

/** Bridges are looked at only now: a configuration may name one that is not there. */
function checkBridges(lab: Lab, guest: Guest): void {
  const known = bridgesOn(lab, guest.node);
  for (const [key, value] of Object.entries(guest.config)) {
    if (!/^net\d+$/.test(key)) continue;
    const { bridge } = parseOption(guest.type, key, value);
    if (bridge && !known.has(bridge))
      throw new Error(
        guest.type === 'qemu' ? `bridge '${bridge}' does not exist` : `bridge '${bridge}' does not exist`,
      );
  }
}

function applyPending(guest: Guest): void {
  for (const key of guest.pendingDelete) delete guest.config[key];
  Object.assign(guest.config, guest.pending);
  guest.pending = {};
  guest.pendingDelete = [];
}

/** Brings the guest up; the caller holds its lock. */
export async function boot(lab: Lab, guest: Guest, signal: AbortSignal): Promise<void> {
  applyPending(guest);
  checkBridges(lab, guest);
  const definition = definitionOf(lab, guest);
  if (definition) {
    await lab.runtime.start(definition, signal);
    await applyFirewall(lab, guest);
  }
  nextPid += 1;
  const pid = definition ? (await lab.runtime.usage(guest.vmid)).pid : undefined;
  guest.running = { since: lab.now(), pid: pid ?? nextPid, ...(definition ? {} : { hollow: true }) };
  lab.state.saveGuest(guest);
}

export async function halt(lab: Lab, guest: Guest): Promise<void> {
  if (!guest.running) return;
  if (!guest.running.hollow) await lab.runtime.stop(guest.vmid);
  delete guest.running;
  applyPending(guest);
  lab.state.saveGuest(guest);
}

export async function startGuest(
  lab: Lab,
  type: GuestType,
  node: string,
  vmid: number,
  task: TaskContext,
  skipLock = false,
): Promise<void> {
  await withGuestLock(lab, type, vmid, task.signal, async () => {
    const guest = loadGuest(lab, type, node, vmid);
    if (isTemplate(guest)) throw new Error(`you can't start a ${type === 'qemu' ? 'vm' : 'CT'} if it's a template`);
    checkLock(guest, skipLock);
    if (guest.running) throw new Error(`${KINDS[type].label} ${vmid} already running`);
    await boot(lab, guest, task.signal);
  });
}

export async function stopGuest(
  lab: Lab,
  type: GuestType,
  node: string,
  vmid: number,
  task: TaskContext,
  skipLock = false,
): Promise<void> {
  await withGuestLock(lab, type, vmid, task.signal, async () => {
    const guest = loadGuest(lab, type, node, vmid);
    checkLock(guest, skipLock);
    await halt(lab, guest);
  });
}

export interface ShutdownOptions {
  readonly timeout?: number;
  readonly forceStop?: boolean;
}

/** Asks the guest to end. With nobody at home this waits for the whole time-out, as on real hardware. */
export async function shutdownGuest(
  lab: Lab,
  type: GuestType,
  node: string,
  vmid: number,
  options: ShutdownOptions,
  task: TaskContext,
): Promise<void> {
  await withGuestLock(lab, type, vmid, task.signal, async () => {
    const guest = loadGuest(lab, type, node, vmid);
    checkLock(guest);
    if (!guest.running) return;
    const seconds = options.timeout ?? SHUTDOWN_SECONDS[type];
    try {
      if (guest.running.hollow) {
        await sleep(seconds * 1000, undefined, { signal: task.signal });
        throw new Error('no operating system listens');
      }
      await lab.runtime.shutdown(vmid, seconds, task.signal);
    } catch (error) {
      task.signal.throwIfAborted();
      if (!options.forceStop) {
        if (type === 'qemu') task.log('VM quit/powerdown failed - got timeout');
        throw new Error(
          type === 'qemu'
            ? 'VM quit/powerdown failed - got timeout'
            : `command 'lxc-stop -n ${vmid} --timeout ${seconds}' failed: exit code 1`,
          { cause: error },
        );
      }
      task.log(type === 'qemu' ? 'VM still running - terminating now with SIGTERM' : 'forced stop');
      await lab.runtime.stop(vmid);
    }
    await halt(lab, guest);
  });
}

export async function rebootGuest(
  lab: Lab,
  type: GuestType,
  node: string,
  vmid: number,
  timeout: number | undefined,
  task: TaskContext,
): Promise<void> {
  await withGuestLock(lab, type, vmid, task.signal, async () => {
    const guest = loadGuest(lab, type, node, vmid);
    checkLock(guest);
    if (!guest.running) throw new Error(`${KINDS[type].label} ${vmid} not running`);
    if (!guest.running.hollow) {
      try {
        await lab.runtime.shutdown(vmid, timeout ?? SHUTDOWN_SECONDS[type], task.signal);
      } catch (error) {
        task.signal.throwIfAborted();
        throw new Error(
          type === 'qemu' ? 'VM quit/powerdown failed' : `command 'lxc-stop -n ${vmid}' failed: exit code 1`,
          { cause: error },
        );
      }
    }
    await halt(lab, guest);
    await boot(lab, guest, task.signal);
  });
}

/** Cuts power and starts again at once: a machine's reset button. */
export async function resetGuest(lab: Lab, node: string, vmid: number, task: TaskContext): Promise<void> {
  await withGuestLock(lab, 'qemu', vmid, task.signal, async () => {
    const guest = loadGuest(lab, 'qemu', node, vmid);
    await halt(lab, guest);
    await boot(lab, guest, task.signal);
  });
}

export async function pauseGuest(
  lab: Lab,
  type: GuestType,
  node: string,
  vmid: number,
  paused: boolean,
  task: TaskContext,
): Promise<void> {
  await withGuestLock(lab, type, vmid, task.signal, async () => {
    const guest = loadGuest(lab, type, node, vmid);
    checkLock(guest);
    if (!guest.running) throw new Error(`${KINDS[type].label} ${vmid} not running`);
    if (!guest.running.hollow) await (paused ? lab.runtime.suspend(vmid) : lab.runtime.resume(vmid));
    guest.running = { ...guest.running, paused };
    lab.state.saveGuest(guest);
  });
}

/** New limits for a running guest; of a machine only what its hotplug allows reaches here. */
export async function applyLimits(lab: Lab, guest: Guest): Promise<void> {
  if (!guest.running || guest.running.hollow) return;
  await lab.runtime.limit(guest.vmid, {
    cpus: Number(guest.config.cores ?? 1) * Number(guest.config.sockets ?? 1),
    memoryBytes: parseMemory(guest.config.memory) * 2 ** 20,
  });
}
