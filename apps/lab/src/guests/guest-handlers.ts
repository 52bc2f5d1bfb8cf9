/** Lists of guests, their making and ending, disks that grow or move. */
import type { Call, Handlers } from '../http/call.js';
import { createContainer } from '../lxc/create-container.js';
import { createMachine } from '../qemu/create-machine.js';
import type { GuestType } from '../state/model.js';
import { destroy } from './destroy.js';
import { guestOf } from './guests.js';
import { moveDisk } from './move-disk.js';
import { resize } from './resize.js';
import { listEntry, statusCurrent } from './status.js';

function list(call: Call, type: GuestType): unknown {
  const result: unknown[] = [];
  for (const guest of call.lab.state.guests.values()) {
    if (guest.type !== type || guest.node !== call.node) continue;
    if (call.can(`/vms/${guest.vmid}`, ['VM.Audit'])) result.push(listEntry(call.lab, guest, call.flag('full')));
  }
  return result;
}

const PATHS: Readonly<Record<GuestType, string>> = {
  qemu: 'config cloudinit pending status unlink vncproxy termproxy migrate resize move rrd rrddata monitor agent snapshot spiceproxy sendkey firewall mtunnel remote_migrate',
  lxc: 'config pending status vncproxy termproxy vncwebsocket spiceproxy migrate clone rrd rrddata firewall snapshot resize interfaces',
};
const STATUS_PATHS: Readonly<Record<GuestType, string>> = {
  qemu: 'current start stop reset shutdown suspend reboot',
  lxc: 'current start stop shutdown reboot migrate',
};

function index(call: Call, type: GuestType, paths: string): unknown {
  guestOf(call, type);
  return paths.split(' ').map((subdir) => ({ subdir }));
}

function handlersOf(type: GuestType): Handlers {
  const base = `/nodes/{node}/${type}`;
  return {
    [`GET ${base}`]: (call) => list(call, type),
    [`GET ${base}/{vmid}`]: (call) => index(call, type, PATHS[type]),
    [`DELETE ${base}/{vmid}`]: (call) => destroy(call, type),
    [`PUT ${base}/{vmid}/resize`]: (call) => resize(call, type),
    [`GET ${base}/{vmid}/status`]: (call) => index(call, type, STATUS_PATHS[type]),
    [`GET ${base}/{vmid}/status/current`]: (call) => statusCurrent(call.lab, guestOf(call, type)),
  };
}

export const guestHandlers: Handlers = {
  ...handlersOf('qemu'),
  ...handlersOf('lxc'),
  'POST /nodes/{node}/qemu': createMachine,
  'POST /nodes/{node}/lxc': createContainer,
  'POST /nodes/{node}/qemu/{vmid}/move_disk': (call) => moveDisk(call, 'qemu'),
  'POST /nodes/{node}/lxc/{vmid}/move_volume': (call) => moveDisk(call, 'lxc'),
};
