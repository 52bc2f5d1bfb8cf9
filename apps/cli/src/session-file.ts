import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** A person's own log-in at a control plane, as `bastide login` leaves it: readable by that person alone. */
export interface SavedSession {
  readonly url: string;
  /** Value of the session cookie. */
  readonly cookie: string;
  readonly csrfToken: string;
}

const path = (): string => join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local/state'), 'bastide', 'session');

/** The session at that address; undefined when there is none, or the file is damaged: then one logs in again. */
export async function readSession(url: string): Promise<SavedSession | undefined> {
  try {
    const saved = JSON.parse(await readFile(path(), 'utf8')) as Partial<SavedSession>;
    return saved.url === url && saved.cookie && saved.csrfToken ? (saved as SavedSession) : undefined;
  } catch {
    return undefined;
  }
}

export async function writeSession(session: SavedSession): Promise<void> {
  await mkdir(dirname(path()), { recursive: true, mode: 0o700 });
  await writeFile(path(), JSON.stringify(session), { mode: 0o600 });
  // The mode of writeFile holds for a new file alone.
  await chmod(path(), 0o600);
}

export const forgetSession = (): Promise<void> => rm(path(), { force: true });
