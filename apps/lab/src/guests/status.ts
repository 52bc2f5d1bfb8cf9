/** What lists and status/current say of a guest. */

import { cpus } from 'node:os';
import { haOfGuest } from '../cluster/ha-state.js';
import type { Lab } from '../lab.js';
import { QEMU_VERSION } from '../qemu/create-machine.js';
import type { GuestUsage } from '../runtime/guest-runtime.port.js';
import type { Guest } from '../state/model.js';
import { parseMemory } from './definition.js';
import { ownDisks } from './disks.js';

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

/** Bytes of the root file system or boot disk. */
export function maxDisk(lab: Lab, guest: Guest): number {
  const disks = ownDisks(lab, guest).filter((disk) => !disk.isCdrom);
  return (disks.find((disk) => disk.key === 'rootfs') ?? disks[0])?.volume.size ?? 0;
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

/** One row of GET /nodes/{node}/qemu or /lxc, with the published figures of use. */
export function listEntry(lab: Lab, guest: Guest): Record<string, unknown> {
  const figures = lab.state.figures.get(guest.vmid);
  const usage = {
    ...IDLE,
    memoryBytes: guest.running ? (figures?.mem ?? 0) : 0,
    cpu: guest.running ? (figures?.cpu ?? 0) : 0,
    diskBytes: figures?.disk ?? 0,
    netInBytes: guest.running ? (figures?.netin ?? 0) : 0,
    netOutBytes: guest.running ? (figures?.netout ?? 0) : 0,
    diskReadBytes: guest.running ? (figures?.diskread ?? 0) : 0,
    diskWriteBytes: guest.running ? (figures?.diskwrite ?? 0) : 0,
  };
  const entry = common(lab, guest, usage);
  return guest.type === 'lxc'
    ? { ...entry, type: 'lxc', swap: 0, maxswap: Number(guest.config.swap ?? 0) * 2 ** 20 }
    : entry;
}

export async function statusCurrent(lab: Lab, guest: Guest): Promise<Record<string, unknown>> {
  const usage = await usageOf(lab, guest);
  const entry = common(lab, guest, usage);
  const ha = haOfGuest(lab, guest);
  if (guest.type === 'lxc')
    return {
      ...entry,
      type: 'lxc',
      ha,
      swap: 0,
      maxswap: Number(guest.config.swap ?? 0) * 2 ** 20,
      ...(guest.running
        ? {
            pressurecpusome: '0.00',
            pressurecpufull: '0.00',
            pressureiosome: '0.00',
            pressureiofull: '0.00',
            pressurememorysome: '0.00',
            pressurememoryfull: '0.00',
          }
        : {}),
    };
  const agent = /^(1|enabled=1)/.test(String(guest.config.agent ?? '0'));
  return {
    ...entry,
    ha,
    qmpstatus: guest.running?.paused ? 'paused' : statusOf(guest),
    ...(agent ? { agent: 1 } : {}),
    ...(/^(?:qxl|virtio)/.test(String(guest.config.vga ?? '').replace('type=', '')) ? { spice: 1 } : {}),
    ...(/clipboard=vnc/.test(String(guest.config.vga ?? '')) ? { clipboard: 'vnc' } : {}),
    memhost: usage.memoryBytes,
    ...(guest.running
      ? {
          'running-machine': 'pc-i440fx-10.0+pve1',
          'running-qemu': QEMU_VERSION,
          balloon: entry.maxmem,
          ballooninfo: { max_mem: entry.maxmem, actual: entry.maxmem },
          'proxmox-support': { 'pbs-library-version': 'lab' },
          nics: Object.fromEntries(
            Object.keys(guest.config)
              .filter((key) => /^net\d+$/.test(key))
              .map((key) => [
                `tap${guest.vmid}i${key.slice(3)}`,
                { netin: usage.netInBytes, netout: usage.netOutBytes },
              ]),
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
          pressurecpusome: 0,
          pressurecpufull: 0,
          pressureiosome: 0,
          pressureiofull: 0,
          pressurememorysome: 0,
          pressurememoryfull: 0,
        }
      : {}),
  };
}
