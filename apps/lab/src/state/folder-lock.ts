/** One lab per folder: a file with the holder's pid and start time, so that a pid that came round again does not count. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Ticks since boot at which a process began; undefined when there is none. */
function startTimeOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // Killed, but not yet noticed by its parent.
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The pid that holds the folder now. */
export function holderOf(folder: string): number | undefined {
  try {
    const [pid = '', started = ''] = readFileSync(join(folder, 'lab.pid'), 'utf8').trim().split(' ');
    return startTimeOf(Number(pid)) === started ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

/** Throws when another running lab holds the folder. */
export function holdFolder(folder: string): { release(): void } {
  const file = join(folder, 'lab.pid');
  const holder = holderOf(folder);
  if (holder !== undefined) throw new Error(`the lab in ${folder} is already running (pid ${holder})`);
  rmSync(file, { force: true });
  const handle = openSync(file, 'wx', 0o600);
  writeSync(handle, `${process.pid} ${startTimeOf(process.pid) ?? ''}\n`);
  closeSync(handle);
  return { release: () => rmSync(file, { force: true }) };
}
