import type { CallContext, OwnedGuest } from '../../application/substrates/substrate.port.js';
import type { Connection } from './connection.js';
import { guestApi, ownedAndThere, unlocked } from './guest-finder.js';

/**
 * The domain that the substrate writes into the guest at its starts: for containers into resolv.conf and hosts, for machines
 * into the cloud-init drive. A running container keeps the new value pending until then.
 */
export async function setSearchDomain(
  connection: Connection,
  guest: OwnedGuest,
  domain: string,
  context: CallContext,
): Promise<void> {
  await ownedAndThere(connection, guest, context);
  await unlocked(connection, guest, context, async (found) => {
    const api = guestApi(connection, found.at, context);
    const rows = (await api.pending.$get()) as { key?: unknown; value?: unknown; pending?: unknown }[];
    const row = rows.find(({ key }) => key === 'searchdomain');
    if ((row?.pending ?? row?.value) === domain) return;
    await context.fence();
    await api.config.$put({ searchdomain: domain, digest: found.config.digest } as never);
  });
}
