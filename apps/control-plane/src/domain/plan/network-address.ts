import type { Sha256Of } from '../module/hash.js';

/** IPv4 addresses and names of guests. Zones are IPv4 networks (site.yaml). */

const toNumber = (address: string): number => address.split('.').reduce((value, part) => value * 256 + Number(part), 0);

const toAddress = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');

/** `10.0.0.0/24` → 24. */
export const prefixOf = (cidr: string): number => Number(cidr.split('/')[1] ?? 32);

/** The lowest address of an inclusive range that nobody has. */
export function lowestFreeAddress(
  range: { readonly from: string; readonly to: string },
  taken: (address: string) => boolean,
): string | undefined {
  for (let value = toNumber(range.from); value <= toNumber(range.to); value += 1) {
    const address = toAddress(value);
    if (!taken(address)) return address;
  }
  return undefined;
}

/** Lower-case letters, digits and inner hyphens, at most 63 characters (RFC 1123). */
export function dnsLabel(text: string, distinguisher: string): string {
  const label = text
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/-+/g, '-')
    .replace(/^-|-$/g, '');
  return label.length <= 63 ? label : `${label.slice(0, 54).replace(/-$/, '')}-${distinguisher.slice(0, 8)}`;
}

/** A hardware address under Proxmox VE's own prefix, derived from the guest's key so that a re-created guest keeps its neighbours. */
export function macOf(key: string, sha256: Sha256Of, taken: (mac: string) => boolean): string {
  for (let attempt = 0; ; attempt += 1) {
    const digest = sha256(attempt === 0 ? key : `${key}#${attempt}`).toUpperCase();
    const mac = `BC:24:11:${digest.slice(0, 2)}:${digest.slice(2, 4)}:${digest.slice(4, 6)}`;
    if (!taken(mac)) return mac;
  }
}
