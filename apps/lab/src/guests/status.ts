/** What lists and status/current say of a guest. */

import { cpus } from 'node:os';
import { haOfGuest } from '../cluster/ha-state.js';
import type { Lab } from '../lab.js';
import { bootOrder } from '../qemu/boot-order.js';
import { QEMU_VERSION } from '../qemu/create-machine.js';
import { isCdrom, isDriveKey, parseDrive } from '../qemu/drives.js';
import type { GuestUsage } from '../runtime/guest-runtime.port.js';
import { parseSize } from '../schema/formats.js';
import type { Guest } from '../state/model.js';
import { parseMemory } from './definition.js';
import { ownDisks, parseOption } from './disks.js';

const IDLE: GuestUsage = {
  running: false,
  uptimeSeconds: 0,
  cpu: 0,
  memoryBytes: 0,
  diskBytes: 0,
  netInBytes: 0,
  netOutBytes: 0,
  diskReadBytes: 0,
  diskWriteBytes: 0,
};

const NO_OPERATIONS = { rd_operations: 0, wr_operations: 0 } as const;

export const nameOf = (guest: Guest) =>
  String(
    (guest.type === 'qemu' ? guest.config.name : guest.config.hostname) ??
      `${guest.type === 'qemu' ? 'VM ' : 'CT'}${guest.vmid}`,
  );

/** A container without a number of cores may use all of the node's. */
export const cpusOf = (guest: Guest) =>
  guest.type === 'qemu'
    ? Number(guest.config.vcpus ?? Number(guest.config.cores ?? 1) * Number(guest.config.sockets ?? 1))
    : Number(guest.config.cores || guest.config.cpulimit || cpus().length || 1);

/** What Proxmox takes a container's root file system for as long as it knows no better. */
const UNKNOWN_ROOT_BYTES = 4 * 2 ** 30;

/** Bytes of a container's root file system, or of the first disk a machine's boot order names; 0 where it names none. */
export function maxDisk(lab: Lab, { type, node, config }: Guest): number {
  if (type === 'lxc') {
    if (config.rootfs === undefined) return UNKNOWN_ROOT_BYTES;
    const root = parseOption('lxc', 'rootfs', config.rootfs);
    return lab.state.volume(node, root.volume ?? '')?.size ?? parseSize(root.size ?? '') ?? UNKNOWN_ROOT_BYTES;
  }
  const order = bootOrder(config);
  for (const key of order.length > 0 ? order : [String(config.bootdisk ?? '')]) {
    const drive = isDriveKey(key) && config[key] !== undefined ? parseDrive(key, config[key]) : undefined;
    if (drive && !isCdrom(drive)) return parseSize(drive.size ?? '') ?? 0;
  }
  return 0;
}

const uptimeOf = (lab: Lab, guest: Guest) =>
  guest.running ? Math.max(1, Math.floor((lab.now() - guest.running.since) / 1000)) : 0;

export const statusOf = (guest: Guest) => (guest.running ? 'running' : 'stopped');

export async function usageOf(lab: Lab, guest: Guest): Promise<GuestUsage> {
  return guest.running && !guest.running.hollow ? await lab.runtime.usage(guest.vmid) : IDLE;
}

/** What only machines have in lists, too. */
function machineFacts({ config }: Guest): Record<string, unknown> {
  return {
    ...(config.balloon ? { balloon_min: Number(config.balloon) * 2 ** 20, shares: config.shares ?? 1000 } : {}),
    ...(Object.keys(config).some((key) => /^serial\d$/.test(key)) ? { serial: 1 } : {}),
  };
}

function common(lab: Lab, guest: Guest, usage: GuestUsage): Record<string, unknown> {
  const maxmem = parseMemory(guest.config.memory) * 2 ** 20;
  const disk = guest.type === 'lxc' ? usage.diskBytes : 0;
  return {
    vmid: guest.vmid,
    name: nameOf(guest),
    status: statusOf(guest),
    cpus: cpusOf(guest),
    maxmem,
    mem: usage.memoryBytes,
    maxdisk: maxDisk(lab, guest),
    disk,
    uptime: uptimeOf(lab, guest),
    cpu: usage.cpu,
    netin: usage.netInBytes,
    netout: usage.netOutBytes,
    diskread: usage.diskReadBytes,
    diskwrite: usage.diskWriteBytes,
    ...(guest.running ? { pid: guest.running.pid } : {}),
    ...(guest.config.tags === undefined ? {} : { tags: guest.config.tags }),
    ...(guest.config.template === 1 ? { template: 1 } : {}),
    ...(guest.type === 'qemu' ? machineFacts(guest) : {}),
    ...(guest.config.lock === undefined ? {} : { lock: guest.config.lock }),
  };
}

/** Stall of the guest, which nothing here measures: text for a container, numbers for a machine. */
const pressure = (value: string | number) =>
  Object.fromEntries(
    ['cpusome', 'cpufull', 'iosome', 'iofull', 'memorysome', 'memoryfull'].map((name) => [`pressure${name}`, value]),
  );
const CONTAINER_PRESSURE = pressure('0.00');
const MACHINE_PRESSURE = pressure(0);

/** One row of a list: what a machine's own status has beside it takes a look into the machine. */
function rowOf(lab: Lab, guest: Guest, usage: GuestUsage): Record<string, unknown> {
  const entry = common(lab, guest, usage);
  if (guest.type === 'qemu')
    return { ...entry, memhost: usage.memoryBytes, ...(guest.running ? MACHINE_PRESSURE : {}) };
  return {
    ...entry,
    type: 'lxc',
    swap: 0,
    maxswap: Number(guest.config.swap ?? 0) * 2 ** 20,
    ...(guest.running ? CONTAINER_PRESSURE : {}),
  };
}

/** One row of GET /nodes/{node}/qemu or /lxc, with the published figures of use; with `full` a machine is looked into. */
export function listEntry(lab: Lab, guest: Guest, full = false): Record<string, unknown> {
  const figures = lab.state.figures.get(guest.vmid);
  const { running } = guest;
  const usage = {
    ...IDLE,
    memoryBytes: running ? (figures?.mem ?? 0) : 0,
    cpu: running ? (figures?.cpu ?? 0) : 0,
    diskBytes: figures?.disk ?? 0,
    netInBytes: running ? (figures?.netin ?? 0) : 0,
    netOutBytes: running ? (figures?.netout ?? 0) : 0,
    diskReadBytes: running ? (figures?.diskread ?? 0) : 0,
    diskWriteBytes: running ? (figures?.diskwrite ?? 0) : 0,
  };
  const entry = rowOf(lab, guest, usage);
  return full && guest.type === 'qemu' ? { ...entry, ...insideOf(lab, guest, usage) } : entry;
}

/** What QEMU itself tells. */
function insideOf(lab: Lab, guest: Guest, usage: GuestUsage): Record<string, unknown> {
  const { running, config } = guest;
  if (!running) return { qmpstatus: 'stopped' };
  const memory = parseMemory(config.memory) * 2 ** 20;
  return {
    qmpstatus: running.paused ? 'paused' : 'running',
    'running-machine': 'pc-i440fx-10.0+pve1',
    'running-qemu': QEMU_VERSION,
    // Without the device nobody can be asked.
    ...(Number(config.balloon ?? 1) === 0 ? {} : { balloon: memory, ballooninfo: { max_mem: memory, actual: memory } }),
    'proxmox-support': { 'pbs-library-version': 'lab' },
    nics: Object.fromEntries(
      Object.keys(config)
        .filter((key) => /^net\d+$/.test(key))
        .map((key) => [`tap${guest.vmid}i${key.slice(3)}`, { netin: usage.netInBytes, netout: usage.netOutBytes }]),
    ),
    blockstat: Object.fromEntries(
      ownDisks(lab, guest).map((disk, index) => [
        disk.key,
        // One file system holds all disks of a guest: its figures stand at the first.
        index === 0
          ? { rd_bytes: usage.diskReadBytes, wr_bytes: usage.diskWriteBytes, ...NO_OPERATIONS }
          : { rd_bytes: 0, wr_bytes: 0, ...NO_OPERATIONS },
      ]),
    ),
  };
}

/** A display that is configured always has the field, empty as it may be. */
function displayOf({ config }: Guest): Record<string, unknown> {
  if (config.vga === undefined) return {};
  const display = parseOption('qemu', 'vga', config.vga);
  return { ...(/^(?:qxl|virtio)/.test(display.type ?? '') ? { spice: 1 } : {}), clipboard: display.clipboard ?? null };
}

export const hasAgent = ({ config }: Guest) =>
  config.agent !== undefined && parseOption('qemu', 'agent', config.agent).enabled === '1';

export async function statusCurrent(lab: Lab, guest: Guest): Promise<Record<string, unknown>> {
  const usage = await usageOf(lab, guest);
  const entry = { ...rowOf(lab, guest, usage), ha: haOfGuest(lab, guest) };
  if (guest.type === 'lxc') return entry;
  return {
    ...entry,
    ...insideOf(lab, guest, usage),
    ...(hasAgent(guest) ? { agent: 1 } : {}),
    ...displayOf(guest),
  };
}
