import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';

export interface ServiceAccount {
  readonly uid: number;
  readonly gid: number;
}

/** The account a server runs as when we are root: its own when there is one, else `nobody`. Undefined when we are not root. */
export function serviceAccount(name: string, passwd = '/etc/passwd'): ServiceAccount | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = new Map(
    readFileSync(passwd, 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .map(([account, , uid, gid]) => [account, { uid: Number(uid), gid: Number(gid) }]),
  );
  const account = accounts.get(name) ?? accounts.get('nobody');
  if (account === undefined) throw new Error(`neither user ${name} nor user nobody exists in ${passwd}`);
  return account;
}

/**
 * Folder of a server below the state directory. A server that runs as a user of its own cannot pass through a folder that
 * only root may enter (a checkout below /root), and a socket's path is limited to 107 bytes: then it lies below
 * /var/lib/bastide, under a name made from the state directory.
 */
export function serverHome(stateDirectory: string, name: string): string {
  const home = path.join(path.resolve(stateDirectory), name);
  if (process.getuid?.() !== 0 || (home.length <= 80 && everybodyMayPass(path.dirname(home)))) return home;
  const tag = createHash('sha256').update(path.resolve(stateDirectory)).digest('hex').slice(0, 12);
  return path.join('/var/lib/bastide', `${name}-${tag}`);
}

function everybodyMayPass(directory: string): boolean {
  const found = statSync(directory, { throwIfNoEntry: false });
  // What is not there yet will be made with the usual mode.
  if (found !== undefined && (found.mode & 0o001) === 0) return false;
  const parent = path.dirname(directory);
  return parent === directory || everybodyMayPass(parent);
}
