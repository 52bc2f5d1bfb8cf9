/** What only containers have. */

import { guestOf } from '../guests/guests.js';
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';

async function interfaces(call: Call): Promise<unknown> {
  const guest = guestOf(call, 'lxc');
  if (!guest.running) throw fail(`CT ${call.vmid} not running`);
  return (await call.lab.runtime.addresses(call.vmid)).map((one) => {
    const mac = one.mac.toLowerCase();
    const four = one.addresses.find((address) => !address.includes(':'));
    const six = one.addresses.find((address) => address.includes(':'));
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
