/** What a killed lab left half made: files below `files` that belong to no volume. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Journal } from '../state/journal.js';
import type { Volume } from '../state/model.js';

/** To be called before anything is written there. Answers the paths it removed, relative to the state folder. */
export function sweepFiles(stateDir: string, journal: Journal): string[] {
  const known = new Set([...journal.entries<Volume>('volume')].flatMap(([, volume]) => volume.file ?? []));
  const removed: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(stateDir, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (!known.has(path)) {
        rmSync(join(stateDir, path), { force: true });
        removed.push(path);
      }
    }
  };
  try {
    walk('files');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return removed;
}
