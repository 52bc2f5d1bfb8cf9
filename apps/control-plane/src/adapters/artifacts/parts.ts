import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

const OLD_MS = 24 * 3_600_000;

/**
 * Names of unfinished files say whose they are, so that the ones of a killed process can be told from the ones that
 * another process is just writing: host, pid, and the pid's start time, because pids come again.
 */
export async function partName(pid: number = process.pid): Promise<string> {
  return `${host()}.${pid}.${await startOf(pid)}.${randomBytes(6).toString('hex')}.part`;
}

/** Removes what processes of this host left behind when they died; of other hosts, what is a day old. */
export async function removeOrphans(directory: string, now: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const [, owner, pid, start] = /^(.+)\.(\d+)\.(\d+)\.[0-9a-f]+\.part$/.exec(name) ?? [];
    const file = join(directory, name);
    const mtime = await stat(file).then(
      (is) => is.mtimeMs,
      () => now,
    );
    const dead = owner === host() && (await startOf(Number(pid))) !== Number(start);
    if (dead || now - mtime > OLD_MS) await rm(file, { force: true });
  }
}

/** Start time of a process in clock ticks since boot, field 22 of /proc/<pid>/stat (proc(5)); 0 when there is none. */
async function startOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the command in parentheses and may itself contain spaces and parentheses.
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? 0);
}

function host(): string {
  return hostname().replaceAll(/[^A-Za-z0-9-]/g, '-');
}
