/** termproxy and vncproxy tickets; the bytes flow over the websocket in console-socket.ts. */
import { randomBytes } from 'node:crypto';
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { GuestType } from '../state/model.js';
import { guestOf } from './guests.js';

/** Ports Proxmox hands out for consoles. */
const FIRST_PORT = 5900;
const PORTS = 100;
let next = 0;

function proxy(call: Call, type: GuestType, kind: 'term' | 'vnc'): Record<string, unknown> {
  const guest = guestOf(call, type);
  if (type === 'qemu' && kind === 'term' && !Object.keys(guest.config).some((key) => /^serial\d$/.test(key)))
    throw fail('unable to find a serial interface');
  if (!guest.running) throw fail(type === 'qemu' ? `VM ${call.vmid} not running` : `CT ${call.vmid} not running`);
  next = (next + 1) % PORTS;
  const port = FIRST_PORT + next;
  const ticket = call.lab.tickets.issueConsole(call.caller.id, `/vms/${call.vmid}`);
  const upid = call.task('vncproxy', call.vmid, async (task) => task.log(`starting ${kind}proxy ${port}`));
  const password = randomBytes(4).toString('hex');
  return {
    user: call.caller.id,
    upid,
    port: kind === 'term' ? port : String(port),
    ticket: kind === 'term' ? ticket : `${password}:${ticket}`,
    ...(kind === 'vnc'
      ? { cert: call.lab.certificate.certificate, ...(call.flag('generate-password') ? { password } : {}) }
      : {}),
  };
}

export const consoleHandlers: Handlers = {
  'POST /nodes/{node}/lxc/{vmid}/termproxy': (call) => proxy(call, 'lxc', 'term'),
  'POST /nodes/{node}/qemu/{vmid}/termproxy': (call) => proxy(call, 'qemu', 'term'),
  'POST /nodes/{node}/lxc/{vmid}/vncproxy': (call) => proxy(call, 'lxc', 'vnc'),
};
