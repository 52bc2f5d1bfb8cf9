/** termproxy and vncproxy tickets; the bytes flow over the websocket in console-socket.ts. */
import { randomInt } from 'node:crypto';
import { ApiError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { GuestType } from '../state/model.js';
import { parseOption } from './disks.js';
import { guestOf } from './guests.js';

/** Ports Proxmox hands out for consoles. */
const FIRST_PORT = 5900;
const PORTS = 100;
let next = 0;

/** VNC knows passwords of eight characters; these are the ones Proxmox takes. */
const password = () => String.fromCharCode(...Array.from({ length: 8 }, () => randomInt(0x21, 0x61)));

/** A machine's VNC goes to its display, unless that is a serial line. */
function isSerial(call: Call, type: GuestType): boolean {
  if (type === 'lxc') return true;
  const { vga } = guestOf(call, type).config;
  return vga !== undefined && /^serial\d$/.test(parseOption('qemu', 'vga', vga).type ?? '');
}

/** Whether the guest runs shows only when somebody connects. */
function proxy(call: Call, type: GuestType, kind: 'term' | 'vnc'): Record<string, unknown> {
  guestOf(call, type);
  next = (next + 1) % PORTS;
  const port = FIRST_PORT + next;
  const ticket = call.lab.tickets.issueConsole(call.caller.id, `/vms/${call.vmid}`, port);
  const upid = call.task('vncproxy', call.vmid, async (task) => task.log(`starting ${kind}proxy ${port}`));
  const common = { user: call.caller.id, upid, port: String(port) };
  if (kind === 'term') return { ...common, ticket };
  const cert = call.lab.certificate.caCertificate;
  const asked = call.flag('websocket') || call.flag('generate-password');
  if (isSerial(call, type) && !asked) return { ...common, ticket, cert };
  const secret = password();
  return { ...common, ticket: `${secret}:${ticket}`, cert, password: secret };
}

/** Asked for without an upgrade to a websocket: the ticket is looked at all the same. */
function socketPort(call: Call, type: GuestType): unknown {
  const port = call.number('port') ?? 0;
  if (!call.lab.tickets.verifyConsole(call.caller.id, `/vms/${call.vmid}`, call.need('vncticket'), port))
    throw new ApiError(401, 'permission denied - invalid PVEVNC ticket\n');
  if (type === 'qemu') guestOf(call, type);
  return { port: String(port) };
}

export const consoleHandlers: Handlers = {
  'POST /nodes/{node}/lxc/{vmid}/termproxy': (call) => proxy(call, 'lxc', 'term'),
  'POST /nodes/{node}/qemu/{vmid}/termproxy': (call) => proxy(call, 'qemu', 'term'),
  'POST /nodes/{node}/lxc/{vmid}/vncproxy': (call) => proxy(call, 'lxc', 'vnc'),
  'POST /nodes/{node}/qemu/{vmid}/vncproxy': (call) => proxy(call, 'qemu', 'vnc'),
  'GET /nodes/{node}/lxc/{vmid}/vncwebsocket': (call) => socketPort(call, 'lxc'),
  'GET /nodes/{node}/qemu/{vmid}/vncwebsocket': (call) => socketPort(call, 'qemu'),
};
