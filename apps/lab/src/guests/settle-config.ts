/** What writing a configuration file and reading it again does to it. */
import type { Guest, GuestConfig } from '../state/model.js';
import { disksOf, UNUSED } from './disks.js';

/** An empty value reads back as one blank; an empty description is none. */
function settleValues(config: GuestConfig): void {
  for (const [key, value] of Object.entries(config)) {
    if (value !== '') continue;
    if (key === 'description') delete config[key];
    else config[key] = ' ';
  }
}

/** Also: a volume that is in use again is not `unusedN` any more. */
export function settleConfig(guest: Guest): void {
  settleValues(guest.config);
  settleValues(guest.pending);
  const used = new Set(
    [guest.config, guest.pending].flatMap((config) => disksOf(guest.type, config).map((disk) => disk.file)),
  );
  for (const [key, value] of Object.entries(guest.config))
    if (UNUSED.test(key) && used.has(String(value))) delete guest.config[key];
}
