/** Processes are known by pid *and* start time: a pid alone may belong to somebody else by now. */
import { readFile } from 'node:fs/promises';

export interface ProcessMark {
  readonly pid: number;
  /** Field 22 of /proc/pid/stat: clock ticks after boot. */
  readonly started: string;
  /** Kernel's boot id; start times of another boot mean nothing. */
  readonly boot: string;
}

export async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/** The mark of a live process; undefined when there is none (a zombie is none). */
export async function markProcess(pid: number): Promise<ProcessMark | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The name, in parentheses, may hold anything; fields are counted after the last ')'.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return { pid, started: fields[19]!, boot: await bootId() };
}

export async function isAlive(mark: ProcessMark | undefined): Promise<boolean> {
  if (!mark) return false;
  const now = await markProcess(mark.pid);
  return now !== undefined && now.started === mark.started && now.boot === mark.boot;
}

/** Seconds the process has been running. */
export async function uptime(mark: ProcessMark): Promise<number> {
  const sinceBoot = Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]);
  // USER_HZ is 100 on every architecture Debian runs on.
  return Math.max(0, Math.floor(sinceBoot - Number(mark.started) / 100));
}

/** Sends a signal if, and only if, the process is still the one that was marked. */
export async function signalProcess(mark: ProcessMark | undefined, signal: NodeJS.Signals | number): Promise<void> {
  if (!mark || !(await isAlive(mark))) return;
  try {
    process.kill(mark.pid, signal);
  } catch {
    // it ended in between
  }
}
