import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The API token for local use: read from its file, made at the first start. Only the owner of the process can read it. */
export async function tokenFromFile(file: string): Promise<string> {
  const read = (): Promise<string | undefined> =>
    readFile(file, 'utf8').then(
      (text) => text.trim() || undefined,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      },
    );
  const known = await read();
  if (known) return known;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const part = `${file}.${process.pid}`;
  await writeFile(part, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
  await rename(part, file);
  // Another process may have been faster or slower: what lies there now is what everybody reads.
  return (await read())!;
}
