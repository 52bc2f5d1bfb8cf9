/** What only containers have. */

import { findGuest } from '../guests/guests.js';
import type { Call, Handlers } from '../http/call.js';

async function interfaces(call: Call): Promise<unknown> {
  // Only the process is looked for: of what does not run, or is not there, nothing is told.
  if (!findGuest(call.lab, 'lxc', call.node, call.vmid)?.running) return null;
  return (await call.lab.runtime.addresses(call.vmid)).map((one) => {
    const mac = one.mac.toLowerCase();
    // Of several the last one.
    const four = one.addresses.filter((address) => !address.includes(':')).at(-1);
    const six = one.addresses.filter((address) => address.includes(':')).at(-1);
    return {
      name: one.name,
      hwaddr: mac,
      'hardware-address': mac,
      ...(four ? { inet: four } : {}),
      ...(six ? { inet6: six } : {}),
      'ip-addresses': one.addresses.map((text) => {
        const [address = '', prefix = '32'] = text.split('/');
        return { 'ip-address': address, prefix, 'ip-address-type': address.includes(':') ? 'inet6' : 'inet' };
      }),
    };
  });
}

export const containerHandlers: Handlers = { 'GET /nodes/{node}/lxc/{vmid}/interfaces': interfaces };
