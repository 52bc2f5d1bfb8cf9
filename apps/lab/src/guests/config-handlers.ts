/** GET, POST and PUT of config, /pending, cloud-init. */

import { setTimeout as sleep } from 'node:timers/promises';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { applyContainerChange, readContainerChange } from '../lxc/update-container.js';
import { cloudInitChanges, dumpCloudInit, renewCloudInit } from '../qemu/cloud-init.js';
import { machineForChange, readMachineChange } from '../qemu/machine-change.js';
import { applyMachineChange } from '../qemu/update-machine.js';
import type { GuestConfig, GuestType } from '../state/model.js';
import { digestOf, guestOf, pendingConfig, withGuestLock } from './guests.js';
import { applyLimits } from './power.js';

const SECRET = '**********';

const masked = (config: GuestConfig, secret = SECRET): GuestConfig =>
  config.cipassword === undefined ? config : { ...config, cipassword: secret };

function readConfig(call: Call, type: GuestType): unknown {
  const name = call.text('snapshot');
  if (name !== undefined && call.flag('current'))
    throw parameterError({
      snapshot: "cannot use 'snapshot' parameter with 'current'",
      current: "cannot use 'snapshot' parameter with 'current'",
    });
  const guest = guestOf(call, type);
  if (name === undefined)
    return { ...masked(call.flag('current') ? guest.config : pendingConfig(guest)), digest: digestOf(guest) };
  const snapshot = guest.snapshots[name];
  if (!snapshot) throw fail(`snapshot '${name}' does not exist`);
  return {
    ...masked(snapshot.config),
    snaptime: snapshot.snaptime,
    ...(snapshot.description === '' ? {} : { description: snapshot.description }),
    ...(snapshot.parent === undefined ? {} : { parent: snapshot.parent }),
    digest: digestOf(guest),
  };
}

function readPending(call: Call, type: GuestType): unknown {
  const guest = guestOf(call, type);
  const current = masked(guest.config);
  const pending = masked(guest.pending, '********** ');
  const keys = new Set([...Object.keys(current), ...Object.keys(pending), ...guest.pendingDelete]);
  return [
    ...[...keys].map((key) => ({
      key,
      ...(current[key] === undefined ? {} : { value: current[key] }),
      ...(pending[key] === undefined ? {} : { pending: pending[key] }),
      ...(guest.pendingDelete.includes(key) ? { delete: guest.pendingForce?.includes(key) ? 2 : 1 } : {}),
    })),
    { key: 'digest', value: digestOf(guest) },
  ];
}

const FOREVER = new AbortController().signal;

async function updateMachine(call: Call): Promise<null> {
  const change = await readMachineChange(call);
  machineForChange(call, change, digestOf);
  await withGuestLock(call.lab, 'qemu', call.vmid, FOREVER, () =>
    applyMachineChange(call, machineForChange(call, change, digestOf), change, FOREVER),
  );
  return null;
}

async function updateContainer(call: Call): Promise<null> {
  await withGuestLock(call.lab, 'lxc', call.vmid, FOREVER, async () => {
    const { guest, change } = readContainerChange(call);
    await applyContainerChange(call, guest, change, FOREVER);
    await applyLimits(call.lab, guest);
  });
  return null;
}

/** The UPID, or null where the task was done within the time the client waits for. */
async function updateInTask(call: Call): Promise<string | null> {
  const change = await readMachineChange(call);
  machineForChange(call, change, digestOf);
  const upid = call.task('qmconfig', call.vmid, (task) =>
    withGuestLock(call.lab, 'qemu', call.vmid, task.signal, () =>
      applyMachineChange(call, machineForChange(call, change, digestOf), change, task.signal, task.log),
    ),
  );
  const delay = call.number('background_delay');
  if (delay === undefined) return upid;
  await Promise.race([call.lab.tasks.finished(upid), sleep(delay * 1000)]);
  const status = call.lab.tasks.get(upid)?.status;
  if (status === undefined) return upid;
  if (status !== 'OK' && !status.startsWith('WARNINGS')) throw fail(`failed to update VM ${call.vmid}: ${status}`);
  return null;
}

export const configHandlers: Handlers = {
  'GET /nodes/{node}/qemu/{vmid}/config': (call) => readConfig(call, 'qemu'),
  'GET /nodes/{node}/lxc/{vmid}/config': (call) => readConfig(call, 'lxc'),
  'PUT /nodes/{node}/qemu/{vmid}/config': updateMachine,
  'PUT /nodes/{node}/lxc/{vmid}/config': updateContainer,
  'POST /nodes/{node}/qemu/{vmid}/config': updateInTask,
  'PUT /nodes/{node}/qemu/{vmid}/unlink': updateMachine,
  'GET /nodes/{node}/qemu/{vmid}/pending': (call) => readPending(call, 'qemu'),
  'GET /nodes/{node}/lxc/{vmid}/pending': (call) => readPending(call, 'lxc'),
  'GET /nodes/{node}/qemu/{vmid}/cloudinit': cloudInitChanges,
  'PUT /nodes/{node}/qemu/{vmid}/cloudinit': renewCloudInit,
  'GET /nodes/{node}/qemu/{vmid}/cloudinit/dump': dumpCloudInit,
};
