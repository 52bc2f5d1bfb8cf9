import type { CallContext } from '../../application/substrates/substrate.port.js';
import { text } from './answers.js';
import type { Connection } from './connection.js';
import { part } from './proxmox-client.js';

/** Disks that a storage keeps for a guest id, whether or not a guest names them. Backups are not among them. */
export async function disksAt(
  connection: Connection,
  at: { readonly node: string; readonly storage: string; readonly vmid: number },
  context: CallContext,
): Promise<readonly string[]> {
  const storage = connection.client.api(context).nodes.$(at.node).storage.$(at.storage);
  const rows = (await storage.content.$get({ vmid: at.vmid })) as { volid?: unknown; content?: unknown }[];
  return rows.filter((row) => row.content === 'images' || row.content === 'rootdir').map((row) => text(row.volid));
}

export async function removeVolume(
  connection: Connection,
  node: string,
  volume: string,
  context: CallContext,
): Promise<void> {
  context.log?.(`Removing volume ${volume}, which was left over.`);
  const storage = connection.client.api(context).nodes.$(node).storage.$(volume.split(':')[0]!);
  await connection.tasks.run(`removal of volume ${volume}`, () => storage.content.$(part(volume)).$delete(), context);
}

/** The guest went, its disks did not. */
export const volumesLeft = (vmid: number, volumes: readonly string[]) => ({
  code: 'guest.volumes_left',
  retryable: 'later' as const,
  message: `Guest ${vmid} is gone, but these volumes are still there: ${volumes.join(', ')}`,
  hint: 'Is their storage online? Trying again removes them; else: pvesm free VOLUME.',
  details: { volumes },
});
