/** The pool a new guest is put into. */
import { forbidden } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import type { Lab } from '../lab.js';

/** The pool asked for, if any; 403 where it does not exist. */
export function demandPool(call: Call): string | undefined {
  const pool = call.text('pool');
  if (pool !== undefined && !call.lab.directory.pools.has(pool)) throw forbidden(`pool '${pool}' does not exist`);
  return pool;
}

export function addToPool(lab: Lab, poolid: string, vmid: number): void {
  const record = lab.directory.pools.get(poolid);
  if (record) lab.directory.savePool({ ...record, vms: [...new Set([...record.vms, vmid])] });
}
