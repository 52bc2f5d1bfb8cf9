/** Everything LXC and the guest read at a start, written anew each time into the guest's folder. */
import { access, chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestDefinition } from '../guest-runtime.port.js';
import { guestConfig } from './guest-config.js';
import { seedFiles, writeSeed } from './guest-seed.js';
import { ID_RANGE, type LabNames } from './lab-names.js';
import type { StoragePool } from './storage-pool.js';
import type { SwitchNetwork } from './switch-network.js';
import type { Volumes } from './volumes.js';

/**
 * Run by LXC's monitor after the guest's end. LXC 5.0 forgets the id map of the root file system when it reboots a guest
 * (everything then belongs to nobody), so a failing hook makes it stop the guest instead (lxc.container.conf(5)) and the
 * mark left behind tells the runtime to start it again.
 */
const STOP_SCRIPT =
  '#!/bin/sh\nPATH=/usr/bin:/bin\n[ "$LXC_TARGET" = reboot ] || exit 0\n: >"$(dirname "$0")/reboot"\nexit 1\n';

/** Whether the guest asked for a reboot when it ended. */
export const wantsReboot = (folder: string): Promise<boolean> =>
  access(join(folder, 'reboot')).then(
    () => true,
    () => false,
  );

/** Path of the guest's control groups, in every hierarchy. */
export const guestCgroup = (names: LabNames, vmid: number): string => `${names.cgroup}/${vmid}`;

export class GuestFolder {
  constructor(
    private readonly names: LabNames,
    private readonly pool: StoragePool,
    private readonly volumes: Volumes,
    private readonly network: SwitchNetwork,
    private readonly aptProxy: () => string | undefined,
  ) {}

  async write(guest: GuestDefinition, slot: number, folder: string): Promise<void> {
    const firstId = this.names.idBase + slot * ID_RANGE;
    const identity = await this.volumes.identity(guest.root);
    const aptProxy = this.aptProxy();
    const seed = join(folder, 'seed');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // LXC's monitor of an unprivileged guest passes through here with the guest's ids.
    for (const path of [this.names.paths.root, this.names.paths.guests, folder]) await chmod(path, 0o711);
    await writeSeed(
      seed,
      seedFiles(guest, { ...(identity ? { identity } : {}), ...(aptProxy ? { aptProxy } : {}) }),
      firstId,
    );
    const plugScripts: string[] = [];
    for (const [index, nic] of guest.nics.entries()) {
      const script = join(folder, `plug-${index}`);
      await writeFile(script, this.network.plugScript(guest.vmid, index, await this.network.bridgeFor(nic)), {
        mode: 0o700,
      });
      plugScripts.push(script);
    }
    const stopScript = join(folder, 'ended');
    await writeFile(stopScript, STOP_SCRIPT, { mode: 0o700 });
    const config = guestConfig(guest, {
      rootPath: this.pool.seen(this.volumes.path(guest.root)),
      mountPaths: guest.mounts.map((mount) => this.pool.seen(this.volumes.path(mount.volume))),
      seedPath: this.pool.seen(seed),
      plugScripts,
      hostInterfaces: guest.nics.map((_, index) => `${this.names.tag}${guest.vmid.toString(36)}n${index}`),
      stopScript,
      cgroup: guestCgroup(this.names, guest.vmid),
      firstId,
    });
    await writeFile(join(folder, 'config'), config, { mode: 0o600 });
  }
}
