/**
 * MAC addresses the lab makes up. They come from lab, guest and interface, not from chance: a rolled back or re-created guest
 * keeps its address, so neighbours need not wait for a stale entry to time out.
 */
import { createHash } from 'node:crypto';

export function makeMac(lab: string, vmid: number, key: string): string {
  const hash = createHash('sha256').update(`${lab}/${vmid}/${key}`).digest('hex').toUpperCase();
  return `BC:24:11:${hash.slice(0, 2)}:${hash.slice(2, 4)}:${hash.slice(4, 6)}`;
}
