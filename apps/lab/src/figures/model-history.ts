/**
 * `rrddata` of guests whose use is a model of id, size and time: computed when asked for, so that thousands of guests keep no
 * history in memory. Two answers agree, and a restart of the lab changes nothing.
 */
import { parseMemory } from '../guests/definition.js';
import { cpusOf, maxDisk } from '../guests/status.js';
import type { Lab } from '../lab.js';
import type { GuestUsage } from '../runtime/guest-runtime.port.js';
import type { Guest } from '../state/model.js';
import { type Consolidation, frameOf, type Row } from './rrd-table.js';

/** Moments of one step that are looked at. */
const LOOKS = 6;

const COUNTERS = {
  netin: 'netInBytes',
  netout: 'netOutBytes',
  diskread: 'diskReadBytes',
  diskwrite: 'diskWriteBytes',
} as const;

/** Unix seconds of the oldest thing known of the guest. */
function bornAt(lab: Lab, guest: Guest): number {
  const known = lab.state.volumesOfGuest(guest.vmid).map((volume) => volume.ctime);
  if (guest.running) known.push(Math.floor(guest.running.since / 1000));
  return known.length > 0 ? Math.min(...known) : Math.floor(lab.bootTime / 1000);
}

function row(
  guest: Guest,
  sizes: Omit<Row, 'time'>,
  step: { time: number; seconds: number; consolidation: Consolidation },
  usageAt: (milliseconds: number) => GuestUsage,
): Row {
  const { time, seconds, consolidation } = step;
  const since = (guest.running?.since ?? Number.POSITIVE_INFINITY) / 1000;
  const first = Math.max(time, since);
  const last = time + seconds;
  if (first >= last)
    return { time, ...sizes, ...(guest.type === 'lxc' ? { disk: usageAt(last * 1000).diskBytes } : {}) };
  const looks = Array.from({ length: LOOKS }, (_, index) =>
    usageAt((first + ((last - first) * (index + 0.5)) / LOOKS) * 1000),
  );
  const of = (name: 'cpu' | 'memoryBytes' | 'diskBytes') => {
    const values = looks.map((look) => look[name]);
    return consolidation === 'MAX' ? Math.max(...values) : values.reduce((sum, value) => sum + value, 0) / LOOKS;
  };
  const [before, after] = [usageAt(first * 1000), usageAt(last * 1000)];
  const rates = Object.entries(COUNTERS).map(([name, field]) => [
    name,
    (after[field] - before[field]) / (last - first),
  ]);
  const mem = of('memoryBytes');
  return {
    time,
    ...sizes,
    cpu: of('cpu'),
    mem,
    disk: guest.type === 'lxc' ? of('diskBytes') : 0,
    ...(Object.fromEntries(rates) as Row),
    ...(guest.type === 'qemu' ? { memhost: mem } : {}),
  };
}

/** One row for each step of the time frame up to the running one; steps before the guest was made have their time alone. */
export function modelRows(
  lab: Lab,
  guest: Guest,
  frame: string,
  consolidation: Consolidation,
  usageAt: (milliseconds: number) => GuestUsage,
): Row[] {
  const [seconds, count] = frameOf(frame);
  const now = Math.floor(lab.now() / 1000);
  const end = now - (now % seconds);
  const born = bornAt(lab, guest);
  const sizes = {
    maxcpu: cpusOf(guest),
    maxmem: parseMemory(guest.config.memory) * 2 ** 20,
    maxdisk: maxDisk(lab, guest),
  };
  const rows: Row[] = [];
  for (let time = end - seconds * count; time < end; time += seconds)
    rows.push(time + seconds <= born ? { time } : row(guest, sizes, { time, seconds, consolidation }, usageAt));
  if (Object.keys(rows.at(-1) ?? {}).length === 1) rows.pop();
  return rows;
}
