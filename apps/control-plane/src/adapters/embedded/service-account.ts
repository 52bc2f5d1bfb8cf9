import { readFileSync } from 'node:fs';

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
