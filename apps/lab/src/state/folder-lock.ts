/**
 * One lab per folder: a file with the holder's pid and start time, so that a pid that came round again does not count. It is
 * linked into place whole, and a dead holder's file is moved away before: of labs that start at once, one gets the folder.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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

function livingHolder(file: string): number | undefined {
  try {
    const [pid = '', started = ''] = readFileSync(file, 'utf8').trim().split(' ');
    return startTimeOf(Number(pid)) === started ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

/** The pid that holds the folder now. */
export const holderOf = (folder: string): number | undefined => livingHolder(join(folder, 'lab.pid'));

/** False where the name is taken. */
function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves a dead holder's file away. Should a lab have taken the folder in between, it gets its file back. */
function clear(file: string, aside: string): void {
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  if (livingHolder(aside) !== undefined) link(aside, file);
  rmSync(aside, { force: true });
}

/** Throws when another running lab holds the folder. */
export function holdFolder(folder: string): { release(): void } {
  const file = join(folder, 'lab.pid');
  const own = join(folder, `lab.pid.${process.pid}`);
  const mine = `${process.pid} ${startTimeOf(process.pid) ?? ''}\n`;
  writeFileSync(own, mine, { mode: 0o600 });
  try {
    while (!link(own, file)) {
      const holder = livingHolder(file);
      if (holder !== undefined) throw new Error(`the lab in ${folder} is already running (pid ${holder})`);
      clear(file, `${own}.old`);
    }
  } finally {
    rmSync(own, { force: true });
  }
  return { release: () => rmSync(file, { force: true }) };
}
