/** Starting and ending guests: what the tasks of the power verbs do. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab.js';
import { applyContainerPending } from '../lxc/update-container.js';
import { bridgesOn } from '../nodes/interfaces.js';
import { checkCpuModel } from '../qemu/cpu-models.js';
import { applyMachinePending } from '../qemu/machine-pending.js';
import { makeStateVolume, RUNNING_AS } from '../qemu/machine-state.js';
import type { Guest, GuestType } from '../state/model.js';
import { volumeId } from '../state/model.js';
import { removeVolume } from '../storage/volumes.js';
import type { TaskContext } from '../tasks/tasks.js';
import { definitionOf, parseMemory } from './definition.js';
import { disksOf, parseOption } from './disks.js';
import { applyFirewall } from './firewall.js';
import { checkLock, findGuest, isTemplate, loadGuest, missingMachine, withGuestLock } from './guests.js';
import { KINDS } from './kind.js';
import { checkVolumes } from './missing-volume.js';

/** Seconds a shutdown waits where nothing is said. */
const SHUTDOWN_SECONDS = 60;

let nextPid = 2000;

/** Bridges are looked at only now: a configuration may name one that is not there. */
function checkBridges(lab: Lab, guest: Guest): void {
  const known = bridgesOn(lab, guest.node);
  for (const [key, value] of Object.entries(guest.config)) {
    if (!/^net\d+$/.test(key)) continue;
    const { bridge } = parseOption(guest.type, key, value);
    if (bridge && !known.has(bridge)) throw new Error(`bridge '${bridge}' does not exist`);
  }
}

async function applyPending(lab: Lab, guest: Guest, signal: AbortSignal): Promise<void> {
  if (guest.type === 'qemu') await applyMachinePending(lab, guest);
  else await applyContainerPending(lab, guest, signal);
}

/** Brings the guest up; the caller holds its lock. */
export async function boot(lab: Lab, guest: Guest, signal: AbortSignal): Promise<void> {
  await applyPending(lab, guest, signal);
  delete guest.cloudinit;
  if (guest.type === 'qemu' && guest.config.cpu !== undefined) checkCpuModel(lab, guest.config.cpu);
  checkBridges(lab, guest);
  checkVolumes(lab, guest);
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
  // A container's changes wait for its start, a machine's for its end.
  if (guest.type === 'qemu') await applyMachinePending(lab, guest);
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
    const suspended = type === 'qemu' && guest.config.lock === 'suspended';
    if (!suspended) checkLock(guest, skipLock);
    if (guest.running) throw new Error(`${KINDS[type].label} ${vmid} already running`);
    const mounts = type === 'lxc' && guest.config.unprivileged === 1 ? disksOf('lxc', guest.config) : [];
    if (mounts.some((disk) => disk.values.quota === '1'))
      throw new Error('Quotas are not supported by unprivileged containers.');
    await boot(lab, guest, task.signal);
    if (suspended) await dropSavedState(lab, guest, task);
  });
}

/** After a machine came back from disk. */
async function dropSavedState(lab: Lab, guest: Guest, task: TaskContext): Promise<void> {
  const state = lab.state.volume(guest.node, String(guest.config.vmstate ?? ''));
  for (const key of ['lock', 'vmstate', 'runningmachine', 'runningcpu']) delete guest.config[key];
  if (state) await removeVolume(lab, state);
  task.log('Resumed VM, removing state');
  lab.state.saveGuest(guest);
}

/** A machine that is not on this node cannot be looked up, whatever is asked of it. */
function runningMachine(lab: Lab, node: string, vmid: number): Guest | undefined {
  const guest = findGuest(lab, 'qemu', node, vmid);
  if (!guest) throw new Error(missingMachine(node, vmid));
  return guest.running ? guest : undefined;
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
    const guest = type === 'qemu' ? runningMachine(lab, node, vmid) : loadGuest(lab, type, node, vmid);
    if (!guest) return;
    checkLock(guest, skipLock || (type === 'lxc' && guest.config.lock === 'mounted'));
    await halt(lab, guest);
  });
}

export interface ShutdownOptions {
  readonly timeout?: number;
  readonly forceStop?: boolean;
  readonly skipLock?: boolean;
}

/** Asks the guest to end; rejects when it did not. With nobody at home this waits for the whole time-out. */
export async function shutdownLocked(lab: Lab, guest: Guest, seconds: number, signal: AbortSignal): Promise<void> {
  if (guest.running?.hollow) {
    await sleep(seconds * 1000, undefined, { signal });
    throw new Error('no operating system listens');
  }
  await lab.runtime.shutdown(guest.vmid, seconds, signal);
  await halt(lab, guest);
}

const startupDown = (guest: Guest) => {
  const down = /(?:^|,)down=(\d+)/.exec(String(guest.config.startup ?? ''))?.[1];
  return guest.type === 'qemu' && down !== undefined && Number(down) > 0 ? Number(down) : undefined;
};

export async function shutdownGuest(
  lab: Lab,
  type: GuestType,
  node: string,
  vmid: number,
  options: ShutdownOptions,
  task: TaskContext,
): Promise<void> {
  await withGuestLock(lab, type, vmid, task.signal, async () => {
    const guest = type === 'qemu' ? runningMachine(lab, node, vmid) : loadGuest(lab, type, node, vmid);
    if (!guest) return;
    checkLock(guest, options.skipLock);
    if (!guest.running) return;
    const seconds = options.timeout ?? startupDown(guest) ?? SHUTDOWN_SECONDS;
    try {
      if (guest.running.paused && options.forceStop) task.log('VM is paused - stop instead of shutdown');
      else await shutdownLocked(lab, guest, seconds, task.signal);
    } catch (error) {
      task.signal.throwIfAborted();
      if (type === 'lxc')
        task.log(
          `command 'lxc-stop -n ${vmid}${options.forceStop ? '' : ' --nokill'} --timeout ${seconds}' failed: exit code 1`,
        );
      if (!options.forceStop)
        throw new Error(type === 'qemu' ? 'VM quit/powerdown failed - got timeout' : 'container did not stop', {
          cause: error,
        });
      if (type === 'qemu') task.log('VM still running - terminating now with SIGTERM');
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
    if (!guest.running) return;
    if (type === 'qemu') checkLock(guest);
    try {
      await shutdownLocked(lab, guest, timeout ?? startupDown(guest) ?? SHUTDOWN_SECONDS, task.signal);
    } catch (error) {
      task.signal.throwIfAborted();
      // A container that does not listen is killed; a machine keeps running.
      if (type === 'qemu') throw new Error('VM quit/powerdown failed - got timeout', { cause: error });
      await halt(lab, guest);
    }
    await boot(lab, guest, task.signal);
  });
}

/** A machine's reset button: the same machine starts afresh, what is pending stays so. */
export async function resetGuest(
  lab: Lab,
  node: string,
  vmid: number,
  task: TaskContext,
  skipLock = false,
): Promise<void> {
  await withGuestLock(lab, 'qemu', vmid, task.signal, async () => {
    const guest = loadGuest(lab, 'qemu', node, vmid);
    checkLock(guest, skipLock);
    if (!guest.running) throw new Error(`VM ${vmid} not running`);
    const definition = definitionOf(lab, guest);
    const { running } = guest;
    if (running.hollow || !definition) return;
    await lab.runtime.stop(vmid);
    await lab.runtime.start(definition, task.signal);
    await applyFirewall(lab, guest);
    // To Proxmox the machine ran all the time, whatever was heard of its end.
    const { pid } = await lab.runtime.usage(vmid);
    guest.running = { since: running.since, pid: pid ?? running.pid };
    lab.state.saveGuest(guest);
  });
}

export async function pauseGuest(
  lab: Lab,
  node: string,
  vmid: number,
  paused: boolean,
  task: TaskContext,
  skipLock = false,
): Promise<void> {
  await withGuestLock(lab, 'qemu', vmid, task.signal, async () => {
    const guest = loadGuest(lab, 'qemu', node, vmid);
    if (!paused && guest.running && !guest.running.paused) return;
    checkLock(guest, skipLock || guest.config.lock === 'backup');
    if (!guest.running) throw new Error(`VM ${vmid} not running`);
    if (!guest.running.hollow) await (paused ? lab.runtime.suspend(vmid) : lab.runtime.resume(vmid));
    guest.running = { ...guest.running, paused };
    lab.state.saveGuest(guest);
  });
}

/** Saves the machine to disk and ends it; the next start goes on from there. */
export async function suspendToDisk(
  lab: Lab,
  node: string,
  vmid: number,
  storage: string,
  task: TaskContext,
  skipLock: boolean,
): Promise<void> {
  await withGuestLock(lab, 'qemu', vmid, task.signal, async () => {
    const guest = loadGuest(lab, 'qemu', node, vmid);
    if (guest.config.lock === 'backup') throw new Error('cannot suspend to disk during backup');
    checkLock(guest, skipLock);
    if (!guest.running) throw new Error(`VM ${vmid} not running`);
    const day = new Date(lab.now()).toISOString().slice(0, 10);
    const state = await makeStateVolume(lab, guest, `suspend-${day}`, storage, task.signal);
    task.log('State saved, quitting');
    if (!guest.running.hollow) await lab.runtime.stop(vmid);
    delete guest.running;
    Object.assign(guest.config, { vmstate: volumeId(state), ...RUNNING_AS, lock: 'suspended' });
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
