/** Feeds the tables behind `rrddata` with the published figures of guests, nodes and storages. */
import { figuresFor } from '../cluster/figures.js';
import type { Lab } from '../lab.js';
import { nodeFigures } from '../nodes/node-figures.js';
import { isOnNode, spaceOf } from '../storage/storages.js';
import { hostFigures } from './host-figures.js';
import { RrdTable, type Sample } from './rrd-table.js';

const gauges = (...names: string[]) => names.map((name) => ({ name }));
const counters = (...names: string[]) => names.map((name) => ({ name, counter: true as const }));

/** Seconds between two samples, as pvestatd's. */
export const SAMPLE_SECONDS = 10;

export class RrdHistory {
  readonly guests = new RrdTable([
    ...gauges('maxcpu', 'cpu', 'maxmem', 'mem', 'maxdisk', 'disk'),
    ...counters('netin', 'netout', 'diskread', 'diskwrite'),
    ...gauges('memhost'),
  ]);
  readonly nodes = new RrdTable([
    ...gauges('loadavg', 'maxcpu', 'cpu', 'iowait', 'memtotal', 'memused', 'swaptotal', 'swapused'),
    ...gauges('roottotal', 'rootused'),
    ...counters('netin', 'netout'),
    ...gauges('memavailable', 'pressurecpusome', 'pressureiosome', 'pressureiofull'),
    ...gauges('pressurememorysome', 'pressurememoryfull'),
  ]);
  readonly storages = new RrdTable(gauges('total', 'used'));
  private sampledAt = Number.NEGATIVE_INFINITY;

  /** Takes a sample unless one is younger than the interval. */
  async sample(lab: Lab): Promise<void> {
    const time = Math.floor(lab.now() / 1000);
    if (time - this.sampledAt < SAMPLE_SECONDS) return;
    this.sampledAt = time;
    // What a model tells is computed when somebody asks, see model-history.ts.
    if (!lab.runtime.usageAt) this.guests.record(time, await guestSamples(lab));
    const up = lab.nodes.filter((node) => !lab.faults.isNodeDown(node));
    const host = hostFigures();
    this.nodes.record(
      time,
      up.map((node) => {
        const { maxcpu, disk, maxdisk } = nodeFigures(lab, node);
        return [node, { ...host, maxcpu, roottotal: maxdisk, rootused: disk }] as const;
      }),
    );
    this.storages.record(
      time,
      up.flatMap((node) =>
        [...lab.state.storages.values()]
          .filter((storage) => isOnNode(storage, node) && storage.options.disable !== 1)
          .map((storage) => {
            const { total, used } = spaceOf(lab, storage, node);
            return [`${node}/${storage.storage}`, { total, used }] as const;
          }),
      ),
    );
  }
}

/** A guest that does not run has sizes only. */
async function guestSamples(lab: Lab): Promise<[string, Sample][]> {
  const result: [string, Sample][] = [];
  for (const guest of [...lab.state.guests.values()]) {
    if (lab.faults.isNodeDown(guest.node)) continue;
    const figures = await figuresFor(lab, guest);
    if (!figures) continue;
    const { maxcpu, maxmem, maxdisk, disk, cpu, mem, netin, netout, diskread, diskwrite } = figures;
    const running = figures.status === 'running';
    result.push([
      String(guest.vmid),
      {
        maxcpu,
        maxmem,
        maxdisk,
        disk,
        ...(running ? { cpu, mem, netin, netout, diskread, diskwrite } : {}),
        ...(running && guest.type === 'qemu' ? { memhost: mem } : {}),
      },
    ]);
    if (result.length % 250 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return result;
}
