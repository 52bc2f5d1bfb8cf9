/** Kernel settings of the host that many guests at once need; remembered before they are raised, put back at the end. */
import { readFile, rm, writeFile } from 'node:fs/promises';

/** Every guest's systemd takes a handful of inotify instances, all accounted to root as the owner of the namespaces. */
const AT_LEAST: Readonly<Record<string, number>> = {
  'fs/inotify/max_user_instances': 8192,
  'fs/inotify/max_user_watches': 1_048_576,
  'kernel/keys/maxkeys': 2000,
};

export async function raiseHostSettings(memory: string): Promise<void> {
  const before = JSON.parse(await readFile(memory, 'utf8').catch(() => '{}')) as Record<string, string>;
  for (const [name, least] of Object.entries(AT_LEAST)) {
    const value = await readFile(`/proc/sys/${name}`, 'utf8').catch(() => undefined);
    if (value === undefined || Number(value) >= least) continue;
    before[name] ??= value.trim();
    await writeFile(memory, JSON.stringify(before));
    await writeFile(`/proc/sys/${name}`, String(least));
  }
}

/** Only values that are still the ones the lab set: what somebody changed since then is theirs. */
export async function restoreHostSettings(memory: string): Promise<void> {
  const before = JSON.parse(await readFile(memory, 'utf8').catch(() => '{}')) as Record<string, string>;
  for (const [name, value] of Object.entries(before)) {
    const now = await readFile(`/proc/sys/${name}`, 'utf8').catch(() => undefined);
    if (now !== undefined && Number(now) === AT_LEAST[name]) await writeFile(`/proc/sys/${name}`, value);
  }
  await rm(memory, { force: true });
}
