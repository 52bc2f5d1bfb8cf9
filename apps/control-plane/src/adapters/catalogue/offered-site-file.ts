import { readFile } from 'node:fs/promises';
import type { OfferedSite } from '../../application/sites/cluster-survey.port.js';

/** Reads `{ document, credentials }`. Nothing when there is no such file; what started the lab wrote it whole. */
export async function readOffer(file: string | undefined): Promise<OfferedSite | undefined> {
  if (file === undefined) return undefined;
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : (JSON.parse(text) as OfferedSite);
}
