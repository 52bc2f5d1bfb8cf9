import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A directory that the embedded servers' own users may pass through. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'bst-'));
  chmodSync(directory, 0o711);
  return directory;
}
