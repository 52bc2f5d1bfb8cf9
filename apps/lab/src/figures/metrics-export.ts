/** /cluster/metrics/export: the figures of now, one line per metric, as monitoring pulls them. */
import { loadavg } from 'node:os';
import { guestRow, isShownOn, nodeRow, type Row, storageRow } from '../cluster/resource-rows.js';
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';

interface Metric {
  readonly id: string;
  readonly metric: string;
  readonly timestamp: number;
  readonly type: 'gauge' | 'derive';
  readonly value: number;
}
type Names = Readonly<Record<string, unknown>>;

function lines(id: unknown, timestamp: number, gauges: Names, derived: Names = {}): Metric[] {
  const list = (names: Names, type: Metric['type']) =>
    Object.entries(names).map(([metric, value]) => ({
      id: String(id),
      metric,
      timestamp,
      type,
      value: Number(value ?? 0),
    }));
  return [...list(gauges, 'gauge'), ...list(derived, 'derive')];
}

function ofNode(lab: Lab, node: string, time: number): Metric[] {
  const row = nodeRow(lab, node, true);
  const [avg1, avg5, avg15] = loadavg();
  return lines(
    row.id,
    time,
    {
      uptime: row.uptime,
      cpu_avg1: avg1,
      cpu_avg5: avg5,
      cpu_avg15: avg15,
      cpu_max: row.maxcpu,
      cpu_current: row.cpu,
      cpu_iowait: 0,
      mem_total: row.maxmem,
      mem_used: row.mem,
      swap_total: 0,
      swap_used: 0,
      disk_total: row.maxdisk,
      disk_used: row.disk,
    },
    { net_in: 0, net_out: 0 },
  );
}

function ofGuest(row: Row, time: number): Metric[] {
  const always = { uptime: row.uptime, cpu_max: row.maxcpu, mem_total: row.maxmem, disk_total: row.maxdisk };
  if (row.status !== 'running') return lines(row.id, time, always);
  return lines(
    row.id,
    time,
    { cpu_current: row.cpu, mem_used: row.mem, ...(row.type === 'lxc' ? { disk_used: row.disk } : {}), ...always },
    { disk_read: row.diskread, disk_write: row.diskwrite, net_in: row.netin, net_out: row.netout },
  );
}

async function metricsOf(lab: Lab, node: string, time: number): Promise<Metric[]> {
  if (lab.faults.isNodeDown(node)) return [];
  const guests = [...lab.state.guests.values()].filter((guest) => guest.node === node);
  const storages = [...lab.state.storages.values()].filter((storage) => isShownOn(storage, node));
  const rows = await Promise.all(guests.map((guest) => guestRow(lab, guest)));
  return [
    ...ofNode(lab, node, time),
    ...rows.flatMap((row) => ofGuest(row, time)),
    ...storages.flatMap((storage) => {
      const row = storageRow(lab, storage, node);
      return lines(row.id, time, { disk_total: row.maxdisk, disk_used: row.disk });
    }),
  ];
}

async function exported(call: Call): Promise<unknown> {
  const { lab } = call;
  const asked = splitList(call.text('node-list') ?? '');
  const unknown = asked.filter((node) => !lab.nodes.includes(node));
  if (unknown.length > 0) throw fail(`Requested node-list contains unknown nodes - ${unknown.join(', ')}`);
  const nodes = asked.length > 0 ? asked : call.flag('local-only') ? lab.nodes.slice(0, 1) : lab.nodes;
  const now = Math.floor(lab.now() / 1000);
  const start = call.number('start-time');
  if (start !== undefined && start >= now) return { data: [] };
  return { data: (await Promise.all(nodes.map((node) => metricsOf(lab, node, now)))).flat() };
}

export const metricsExportHandlers: Handlers = { 'GET /cluster/metrics/export': exported };
