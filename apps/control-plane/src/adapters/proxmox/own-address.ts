import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { bareOf } from '../addresses/reachable-addresses.js';

/** Our own IPv4 address on the way to an endpoint: what the kernel would send from. Nothing is sent (a UDP socket is only connected). */
export async function addressTowards(endpoint: string): Promise<string> {
  const url = new URL(endpoint);
  const { address } = await lookup(bareOf(url.hostname), 4);
  const socket = createSocket('udp4');
  try {
    await new Promise<void>((done, fail) => {
      socket.once('error', fail);
      socket.connect(Number(url.port || 8006), address, done);
    });
    return socket.address().address;
  } finally {
    socket.close();
  }
}
