/** The machine below all lab nodes, read from /proc: load, memory, traffic, pressure. What it does not tell is left out. */
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import type { Sample } from './rrd-table.js';

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // No such thing in this kernel (pressure), or not for us.
    return '';
  }
};

function pressure(what: 'cpu' | 'io' | 'memory'): { some?: number; full?: number } {
  const found = Object.fromEntries(
    [...read(`/proc/pressure/${what}`).matchAll(/^(some|full) avg10=([\d.]+)/gm)].map((m) => [m[1], Number(m[2])]),
  ) as { some?: number; full?: number };
  return found;
}

let lastTimes: { busy: number; wait: number; all: number } | undefined;

/** Share of processor time in use and waiting for disks since the last call, 0 to 1. */
function processorTimes(): { cpu?: number; iowait?: number } {
  const columns = /^cpu +(.+)$/m.exec(read('/proc/stat'))?.[1]?.split(/\s+/).map(Number);
  if (!columns) return {};
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0] = columns;
  const busy = user + nice + system + irq + softirq + steal;
  const now = { busy, wait, all: busy + idle + wait };
  const before = lastTimes ?? { busy: 0, wait: 0, all: 0 };
  lastTimes = now;
  const all = now.all - before.all;
  if (all <= 0) return {};
  return { cpu: (now.busy - before.busy) / all, iowait: Math.max(0, now.wait - before.wait) / all };
}

/** Bytes; `netin` and `netout` are totals of all interfaces but the loopback. */
export function hostFigures(): Sample {
  const memory = new Map(
    [...read('/proc/meminfo').matchAll(/^(\w+):\s+(\d+) kB$/gm)].map((m) => [m[1] ?? '', Number(m[2]) * 1024]),
  );
  let [netin, netout] = [0, 0];
  for (const line of read('/proc/net/dev').split('\n').slice(2)) {
    const [name = '', columns] = line.split(':');
    if (!columns || name.trim() === 'lo') continue;
    const figures = columns.trim().split(/\s+/).map(Number);
    netin += figures[0] ?? 0;
    netout += figures[8] ?? 0;
  }
  const available = memory.get('MemAvailable');
  const total = memory.get('MemTotal');
  const io = pressure('io');
  const memoryPressure = pressure('memory');
  return {
    loadavg: loadavg()[0],
    ...processorTimes(),
    memtotal: total,
    memused: total === undefined || available === undefined ? undefined : total - available,
    memavailable: available,
    swaptotal: memory.get('SwapTotal'),
    swapused: (memory.get('SwapTotal') ?? 0) - (memory.get('SwapFree') ?? 0),
    netin,
    netout,
    pressurecpusome: pressure('cpu').some,
    pressureiosome: io.some,
    pressureiofull: io.full,
    pressurememorysome: memoryPressure.some,
    pressurememoryfull: memoryPressure.full,
  };
}
