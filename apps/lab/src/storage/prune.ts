/** Which backups a retention policy keeps: the newest of each period, periods from fine to coarse. */
import type { PropertyValues } from '../schema/property-string.js';
import type { Volume } from '../state/model.js';

export type Mark = 'keep' | 'remove' | 'protected' | 'renamed';

const PERIODS: ReadonlyArray<readonly [string, (date: Date) => string]> = [
  ['keep-hourly', (date) => date.toISOString().slice(0, 13)],
  ['keep-daily', (date) => date.toISOString().slice(0, 10)],
  ['keep-weekly', (date) => String(Math.floor((date.getTime() / 86_400_000 + 3) / 7))],
  ['keep-monthly', (date) => date.toISOString().slice(0, 7)],
  ['keep-yearly', (date) => date.toISOString().slice(0, 4)],
];

function markGuest(volumes: readonly Volume[], policy: PropertyValues): Array<{ volume: Volume; mark: Mark }> {
  const newestFirst = [...volumes].sort((left, right) => right.ctime - left.ctime);
  const open = newestFirst.filter((volume) => !volume.protected);
  const kept = new Set<Volume>();
  const keepAll =
    policy['keep-all'] === '1' ||
    !Object.entries(policy).some(([key, value]) => key !== 'keep-all' && Number(value) > 0);
  if (keepAll) for (const volume of open) kept.add(volume);
  else {
    for (const volume of open.slice(0, Number(policy['keep-last'] ?? 0))) kept.add(volume);
    for (const [key, periodOf] of PERIODS) {
      let left = Number(policy[key] ?? 0);
      const covered = new Set([...kept].map((volume) => periodOf(new Date(volume.ctime * 1000))));
      for (const volume of open) {
        if (left <= 0) break;
        const period = periodOf(new Date(volume.ctime * 1000));
        if (kept.has(volume) || covered.has(period)) continue;
        kept.add(volume);
        covered.add(period);
        left -= 1;
      }
    }
  }
  return newestFirst.map((volume) => ({
    volume,
    mark: volume.protected ? 'protected' : kept.has(volume) ? 'keep' : 'remove',
  }));
}

export function prune(volumes: readonly Volume[], policy: PropertyValues): Array<{ volume: Volume; mark: Mark }> {
  const groups = new Map<string, Volume[]>();
  for (const volume of volumes) {
    const key = `${volume.backup?.type}/${volume.vmid}`;
    groups.set(key, [...(groups.get(key) ?? []), volume]);
  }
  return [...groups.values()].flatMap((group) => markGuest(group, policy));
}
