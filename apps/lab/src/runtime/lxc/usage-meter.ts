/** Figures of running guests, as the API's status calls want them. */
import { cpus } from 'node:os';
import type { GuestUsage } from '../guest-runtime.port.js';
import type { GuestCgroups } from './cgroups.js';
import { guestTraffic } from './guest-access.js';
import { type ProcessMark, uptime } from './guest-process.js';
import type { GuestRecord } from './guest-records.js';

interface CpuSample {
  readonly init: ProcessMark;
  /** Milliseconds of a clock that never jumps. */
  readonly at: number;
  /** Processor time used until then. */
  readonly seconds: number;
}

export function idleUsage(diskBytes: number): GuestUsage {
  return {
    running: false,
    uptimeSeconds: 0,
    cpu: 0,
    memoryBytes: 0,
    diskBytes,
    netInBytes: 0,
    netOutBytes: 0,
    diskReadBytes: 0,
    diskWriteBytes: 0,
  };
}

export class UsageMeter {
  private readonly samples = new Map<number, CpuSample>();

  /** `cpu` is the share of the guest's processors in use since the last call (at first: since its start), 0 to 1. */
  async read(
    record: GuestRecord & { readonly init: ProcessMark },
    cgroups: GuestCgroups,
    diskBytes: number,
  ): Promise<GuestUsage> {
    const { init, vmid, definition } = record;
    const { cpuSeconds, memoryBytes } = await cgroups.figures();
    const blocks = await cgroups.blocks();
    const traffic = await guestTraffic(init.pid);
    const uptimeSeconds = await uptime(init);
    const now = { init, at: performance.now(), seconds: cpuSeconds };
    const last = this.samples.get(vmid);
    const before = last?.init.pid === init.pid && last.init.started === init.started ? last : undefined;
    this.samples.set(vmid, now);
    const share = before
      ? (now.seconds - before.seconds) / (Math.max(1, now.at - before.at) / 1000)
      : cpuSeconds / Math.max(1, uptimeSeconds);
    return {
      running: true,
      pid: init.pid,
      uptimeSeconds,
      cpu: Math.max(0, Math.min(1, share / Math.max(0.01, Math.min(definition.cpus, cpus().length)))),
      memoryBytes,
      diskBytes,
      netInBytes: traffic.inBytes,
      netOutBytes: traffic.outBytes,
      diskReadBytes: blocks.readBytes,
      diskWriteBytes: blocks.writtenBytes,
    };
  }
}
