/** Sizes a lab node claims: those of this machine, for its guests really share it. */
import { cpus, freemem, loadavg, totalmem } from 'node:os';
import type { Lab } from '../lab.js';

const CPUS = cpus();

export function nodeFigures(lab: Lab, node: string) {
  const maxcpu = CPUS.length;
  const local = lab.state.storages.get('local');
  return {
    cpu: Math.min(1, (loadavg()[0] ?? 0) / maxcpu),
    maxcpu,
    mem: totalmem() - freemem(),
    maxmem: totalmem(),
    disk: local ? lab.state.usedBytes('local', node) : 0,
    maxdisk: local?.sizeBytes ?? 0,
    uptime: Math.max(1, Math.floor((lab.now() - lab.bootTime) / 1000)),
  };
}

export const cpuModel = () => CPUS[0]?.model ?? 'unknown';
