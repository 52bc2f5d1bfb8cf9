import type { CallContext, OwnedGuest } from '../../application/substrates/substrate.port.js';
import { Refusal, WorldFailure } from '../../domain/problem.js';
import type { Connection } from './connection.js';
import { type GuestConfig, parseDisk, parseGiB, rootKey } from './guest-config.js';
import { guestApi, ownedAndThere, unlocked } from './guest-finder.js';

/** Grows a disk to a size. Proxmox cannot shrink one, so a smaller size is refused; the present size is success. */
export async function growDisk(
  connection: Connection,
  guest: OwnedGuest,
  disk: 'root' | { path: string },
  sizeGiB: number,
  context: CallContext,
): Promise<void> {
  const name = disk === 'root' ? 'root disk' : `volume ${disk.path}`;
  const what = `${name} of guest ${guest.at.vmid} to grow to ${sizeGiB} GiB`;
  await connection.tasks.settle(context.adopt, what, context);
  await ownedAndThere(connection, guest, context);
  await unlocked(connection, guest, context, async (found) => {
    const key = disk === 'root' ? rootKey(found.config, found.at.kind) : keyOfPath(found.config, disk.path);
    const size = key === undefined ? undefined : parseGiB(parseDisk(found.config[key])?.size);
    if (key === undefined || size === undefined) {
      throw new WorldFailure({
        code: 'guest.disk_missing',
        retryable: 'never',
        message: `Guest ${found.at.vmid} has no ${name} with a size`,
        hint: 'It was removed or replaced by hand; look at the hardware of the guest.',
      });
    }
    if (size > sizeGiB) {
      throw new Refusal({
        code: 'change.unsupported',
        subject: `${name} of guest ${found.at.vmid}`,
        message: `It has ${size} GiB; a disk cannot be made smaller (${sizeGiB} GiB is wanted).`,
        remedy: `Ask for ${size} GiB or more, or move the data to a new guest with a smaller disk.`,
      });
    }
    if (size === sizeGiB) return;
    await connection.tasks.run(
      what,
      () => guestApi(connection, found.at, context).resize.$put({ disk: key, size: `${sizeGiB}G` } as never),
      context,
    );
  });
}

const keyOfPath = (config: GuestConfig, path: string): string | undefined =>
  Object.keys(config).find((key) => /^mp\d+$/.test(key) && parseDisk(config[key])?.mp === path);
