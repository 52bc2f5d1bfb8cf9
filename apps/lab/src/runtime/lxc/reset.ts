/** Takes away all that a lab's runtime left on the machine, in whatever state it is, with or without its records. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { processesIn, removeCgroups } from './cgroups.js';
import { markProcess, signalProcess } from './guest-process.js';
import { restoreHostSettings } from './host-settings.js';
import { labNames } from './lab-names.js';
import { tryCommand } from './run-command.js';
import { StoragePool } from './storage-pool.js';
import { SwitchNetwork } from './switch-network.js';
import { waitUntil } from './wait-until.js';

/**
 * Idempotent. Guests are killed, not shut down; their disks are gone afterwards. The shared cache of images and packages
 * stays. The lab itself must not run.
 */
export async function resetLxcRuntime(name: string, stateDir: string): Promise<void> {
  const names = labNames(name, stateDir);
  for (const freezer of [`/sys/fs/cgroup/freezer/${names.cgroup}`, `/sys/fs/cgroup/${names.cgroup}`]) {
    for (const vmid of await readdir(freezer).catch(() => []))
      await tryCommand('sh', [
        '-c',
        'for f in "$1"/guest/freezer.state; do [ ! -e $f ] || echo THAWED >$f; done; [ ! -e "$1"/guest/cgroup.freeze ] || echo 0 >"$1"/guest/cgroup.freeze',
        'thaw',
        `${freezer}/${vmid}`,
      ]);
  }
  // Again and again: a process may be forking while it is looked at.
  await waitUntil(
    async () => {
      const pids = new Set([
        ...(await processesIn(names.cgroup)),
        ...(await monitors(join(names.paths.view, 'guests'))),
      ]);
      for (const pid of pids) await signalProcess(await markProcess(pid), 'SIGKILL');
      return pids.size === 0;
    },
    { what: `end of the guests of lab ${name}`, timeoutMs: 30_000 },
  );
  await new SwitchNetwork(names).close();
  const pool = new StoragePool(names.paths);
  await waitUntil(
    () =>
      pool.close().then(
        () => true,
        () => false,
      ),
    { what: `${names.paths.pool}: unmount`, timeoutMs: 10_000, everyMs: 200 },
  );
  await removeCgroups(names.cgroup);
  await restoreHostSettings();
  await rm(names.paths.root, { recursive: true, force: true });
}

/** LXC's monitors of this folder: they name it in their command line, which LXC writes itself. */
async function monitors(lxcPath: string): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const line = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    if (line.startsWith(`[lxc monitor] ${lxcPath} `)) found.push(Number(entry));
  }
  return found;
}
