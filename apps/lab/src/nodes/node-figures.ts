/** Sizes a lab node claims: those of this machine, for its guests really share it. */
import { readFileSync } from 'node:fs';
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

/** The first of the machine's processors, as the kernel tells; empty where it does not. */
function kernelSays(field: string): string {
  try {
    return new RegExp(`^${field}\\s*: *(.*)$`, 'm').exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.trim() ?? '';
  } catch {
    return '';
  }
}

export function cpuInfo() {
  const flags = kernelSays('flags');
  return {
    cpus: CPUS.length,
    cores: CPUS.length,
    sockets: 1,
    model: CPUS[0]?.model ?? 'unknown',
    flags,
    // What a Perl match answers: 1 or nothing.
    hvm: /\s(vmx|svm)\s/.test(` ${flags} `) ? 1 : '',
    mhz: kernelSays('cpu MHz') || '0',
    user_hz: 100,
  };
}
