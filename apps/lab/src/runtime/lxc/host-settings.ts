/**
 * Kernel settings of the host that many guests at once need; remembered before they are raised, put back by the last
 * lab that goes. The memory lies on /run: like the settings themselves, it lasts until the machine is switched off.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';

const MEMORY = '/run/bastide-host-settings.json';

/** Every guest's systemd takes a handful of inotify instances, all accounted to root as the owner of the namespaces. */
const AT_LEAST: Readonly<Record<string, number>> = {
  'fs/inotify/max_user_instances': 8192,
  'fs/inotify/max_user_watches': 1_048_576,
  'kernel/keys/maxkeys': 2000,
};

export async function raiseHostSettings(): Promise<void> {
  const before = await remembered();
  for (const [name, least] of Object.entries(AT_LEAST)) {
    const value = await readFile(`/proc/sys/${name}`, 'utf8').catch(() => undefined);
    if (value === undefined || Number(value) >= least) continue;
    before[name] ??= value.trim();
    await writeFile(MEMORY, JSON.stringify(before));
    await writeFile(`/proc/sys/${name}`, String(least));
  }
}

/** Does nothing while another lab is up, and leaves values alone that somebody changed since. */
export async function restoreHostSettings(): Promise<void> {
  const namespaces = await readdir('/run/netns').catch((): string[] => []);
  if (namespaces.some((name) => name.startsWith('bastide-'))) return;
  for (const [name, value] of Object.entries(await remembered())) {
    const now = await readFile(`/proc/sys/${name}`, 'utf8').catch(() => undefined);
    if (now !== undefined && Number(now) === AT_LEAST[name]) await writeFile(`/proc/sys/${name}`, value);
  }
  await rm(MEMORY, { force: true });
}

async function remembered(): Promise<Record<string, string>> {
  return JSON.parse(await readFile(MEMORY, 'utf8').catch(() => '{}')) as Record<string, string>;
}
