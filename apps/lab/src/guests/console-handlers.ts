/** termproxy and vncproxy tickets; the bytes flow over the websocket in console-socket.ts. */
import { randomBytes } from 'node:crypto';
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { GuestType } from '../state/model.js';
import { guestOf } from './guests.js';
import { KINDS } from './kind.js';

/** Ports Proxmox hands out for consoles. */
const FIRST_PORT = 5900;
const PORTS = 100;
let next = 0;

function nextPort(): number {
  next = (next + 1) % PORTS;
  return FIRST_PORT + next;
}

const notRunning = (call: Call, type: GuestType) => `${KINDS[type].label} ${call.vmid} not running`;

function terminal(call: Call, type: GuestType): Record<string, unknown> {
  const guest = guestOf(call, type);
  if (type === 'qemu' && !Object.keys(guest.config).some((key) => /^serial\d$/.test(key)))
    throw fail('unable to find a serial interface');
  if (!guest.running) throw fail(notRunning(call, type));
  const port = nextPort();
  return {
    user: call.caller.id,
    upid: call.task('vncproxy', call.vmid, async (task) => task.log(`starting termproxy ${port}`)),
    port,
    ticket: call.lab.tickets.issueConsole(call.caller.id, `/vms/${call.vmid}`),
  };
}

/** A machine's always has a password of its own, a container's only where a websocket is to follow. */
function screen(call: Call, type: GuestType): Record<string, unknown> {
  const guest = guestOf(call, type);
  if (type === 'lxc' && !guest.running) throw fail(notRunning(call, type));
  const port = nextPort();
  const ticket = call.lab.tickets.issueConsole(call.caller.id, `/vms/${call.vmid}`);
  const password = type === 'qemu' || call.flag('websocket') ? randomBytes(4).toString('hex') : undefined;
  const upid = call.task('vncproxy', call.vmid, async (task) => {
    task.log(`starting vncproxy ${port}`);
    if (!guest.running) throw new Error('Failed to run vncproxy.');
  });
  return {
    user: call.caller.id,
    upid,
    port: String(port),
    cert: call.lab.certificate.caCertificate,
    ticket: password === undefined ? ticket : `${password}:${ticket}`,
    ...(password === undefined ? {} : { password }),
  };
}

export const consoleHandlers: Handlers = {
  'POST /nodes/{node}/lxc/{vmid}/termproxy': (call) => terminal(call, 'lxc'),
  'POST /nodes/{node}/qemu/{vmid}/termproxy': (call) => terminal(call, 'qemu'),
  'POST /nodes/{node}/lxc/{vmid}/vncproxy': (call) => screen(call, 'lxc'),
  'POST /nodes/{node}/qemu/{vmid}/vncproxy': (call) => screen(call, 'qemu'),
};
