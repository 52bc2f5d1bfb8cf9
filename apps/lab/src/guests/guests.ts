/** Finding a guest on its node, its locks, and the rules every change obeys. */
import { hash } from 'node:crypto';
import { fail } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import type { Lab } from '../lab.js';
import type { Guest, GuestConfig, GuestType } from '../state/model.js';
import { KINDS } from './kind.js';

/** Milliseconds to wait for a guest's own lock. */
const LOCK_TIMEOUT_MS = 10_000;

const missingConfig = (node: string, type: GuestType, vmid: number) =>
  `Configuration file 'nodes/${node}/${KINDS[type].folder}/${vmid}.conf' does not exist`;

/** What looking for a running machine says where there is none of that id. */
export const missingMachine = (node: string, vmid: number) =>
  `unable to find configuration file for VM ${vmid} on node '${node}'`;

/** The guest where the path says it is; a guest of another node or type does not exist there. */
export function findGuest(lab: Lab, type: GuestType, node: string, vmid: number): Guest | undefined {
  const guest = lab.state.guests.get(vmid);
  return guest && guest.type === type && guest.node === node ? guest : undefined;
}

export function loadGuest(lab: Lab, type: GuestType, node: string, vmid: number): Guest {
  const guest = findGuest(lab, type, node, vmid);
  if (!guest) throw fail(missingConfig(node, type, vmid));
  return guest;
}

export const guestOf = (call: Call, type: GuestType) => loadGuest(call.lab, type, call.node, call.vmid);

/** Throws `VM is locked (backup)` unless root skips locks. */
export function checkLock(guest: Guest, skip = false): void {
  const { lock } = guest.config;
  if (lock !== undefined && !skip) throw fail(`${KINDS[guest.type].label} is locked (${lock})`);
}

export function checkProtection(guest: Guest, what: string): void {
  if (guest.config.protection === 1) throw fail(`${what} - protection mode enabled`);
}

export const isTemplate = (guest: Guest) => guest.config.template === 1;

/** Runs alone among everything that changes this guest. */
export function withGuestLock<T>(
  lab: Lab,
  type: GuestType,
  vmid: number,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const folder = type === 'qemu' ? '/var/lock/qemu-server' : '/run/lock/lxc';
  const file = type === 'qemu' ? `lock-${vmid}.conf` : `pve-config-${vmid}.lock`;
  return lab.locks.run(
    `guest/${vmid}`,
    { timeoutMs: LOCK_TIMEOUT_MS, timeoutText: `can't lock file '${folder}/${file}' - got timeout`, signal },
    work,
  );
}

/** Holds `config.lock` while `work` runs; set back even when it fails, as Proxmox does when it cleans up. */
export async function withConfigLock<T>(lab: Lab, guest: Guest, lock: string, work: () => Promise<T>): Promise<T> {
  guest.config.lock = lock;
  lab.state.saveGuest(guest);
  try {
    return await work();
  } finally {
    if (lab.state.guests.get(guest.vmid) === guest && guest.config.lock === lock) {
      delete guest.config.lock;
      lab.state.saveGuest(guest);
    }
  }
}

/** The values after the next start: what GET config shows. */
export function pendingConfig(guest: Guest): GuestConfig {
  if (guest.pendingDelete.length === 0 && Object.keys(guest.pending).length === 0) return guest.config;
  const result: GuestConfig = { ...guest.config, ...guest.pending };
  for (const key of guest.pendingDelete) delete result[key];
  return result;
}

const section = (name: string, config: GuestConfig) => {
  let text = `[${name}]\n`;
  for (const key of Object.keys(config).sort()) text += `${key}: ${config[key]}\n`;
  return text;
};

/** SHA-1 over the configuration as a file: every change of it moves the digest. */
export function digestOf(guest: Guest): string {
  let text = section('', guest.config) + section('PENDING', guest.pending) + guest.pendingDelete.join(',');
  for (const name of Object.keys(guest.snapshots).sort()) {
    const snapshot = guest.snapshots[name];
    if (snapshot)
      text += section(name, { ...snapshot.config, snaptime: snapshot.snaptime, description: snapshot.description });
  }
  return hash('sha1', text);
}

export function checkDigest(guest: Guest, digest: string | undefined): void {
  if (digest !== undefined && digest !== digestOf(guest)) throw fail('checksum mismatch (file change by other user?)');
}

/** The same with the words of everything but a machine's configuration and size. */
export function checkModified(guest: Guest, digest: string | undefined, intro = ''): void {
  if (digest && digest !== digestOf(guest))
    throw fail(`${intro}detected modified configuration - file changed by other user? Try again.`);
}

/** `VM 100 already exists on node 'pve1'`, of whichever kind has the id. */
export function checkUnused(lab: Lab, vmid: number): void {
  const other = lab.state.guests.get(vmid);
  if (other) throw new Error(`${KINDS[other.type].label} ${vmid} already exists on node '${other.node}'`);
}

/** May the caller do this to the guest, by itself or through the pool it is to be put into? */
export function demandOnGuest(
  call: Call,
  vmid: number,
  privileges: readonly string[],
  pool?: string,
  any = false,
): void {
  if (pool !== undefined && call.can(`/pool/${pool}`, privileges, any)) return;
  call.demand(`/vms/${vmid}`, privileges, any);
}
