import { lookup as resolve } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { BlockList, isIP, type LookupFunction } from 'node:net';

const list = (...ranges: readonly string[]): BlockList => {
  const made = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix = ''] = range.split('/');
    made.addSubnet(address, Number(prefix), address.includes(':') ? 'ipv6' : 'ipv4');
  }
  return made;
};

/** RFC 1918, 4193, 6598 and loopback. */
const PRIVATE = list(
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '::1/128',
  'fc00::/7',
);
/**
 * Never: "this host", link-local (where clouds keep their machines' own secrets), multicast, reserved, and ranges that
 * carry an IPv4 address inside, which would pass by the rules for it.
 */
const NEVER = list(
  '0.0.0.0/8',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  'fe80::/10',
  'ff00::/8',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '2002::/16',
  '2001::/32',
);

const LOOPBACK = list('127.0.0.0/8', '::1/128');

export type Reach = 'public' | 'private' | 'never';

/** A host as URLs write it, without the brackets of IPv6. */
export const bareOf = (host: string): string => host.replace(/^\[|\]$/g, '');

export function reachOf(address: string): Reach {
  const bare = bareOf(address).split('%')[0] ?? '';
  const family = isIP(bare);
  if (family === 0) return 'never';
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  // BlockList itself looks through ::ffff:a.b.c.d to the address inside.
  if (NEVER.check(bare, kind)) return 'never';
  return PRIVATE.check(bare, kind) ? 'private' : 'public';
}

/** BlockList itself looks through ::ffff:7f00:1, as URLs write it, to the IPv4 address inside. */
export const isLoopback = (address: string): boolean => LOOPBACK.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Whether an address may be asked; `loopback`: also where that is this very machine. */
export const mayAsk = (address: string, loopback: boolean): boolean =>
  reachOf(address) !== 'never' && (loopback || !isLoopback(bareOf(address)));

export class ForbiddenAddress extends Error {
  readonly code = 'ADDRESS_FORBIDDEN';
}

export interface ReachedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Where a host name leads now: every address of it must be allowed, so that asking again gives no other answer. */
export async function addressesOf(
  host: string,
  allowed: (reach: Reach) => boolean,
): Promise<readonly ReachedAddress[] | 'refused'> {
  const bare = bareOf(host);
  const found = isIP(bare)
    ? [{ address: bare, family: isIP(bare) }]
    : await lookup(bare, { all: true, verbatim: true });
  if (found.some(({ address }) => !allowed(reachOf(address)))) return 'refused';
  return found as readonly ReachedAddress[];
}

/** For a connection's own look-up: names lead to allowed addresses alone, and `refused` says so when there is none. Literal addresses are not looked up. */
export const lookupOf =
  (allowed: (address: string) => boolean, refused: (host: string) => Error): LookupFunction =>
  (host, options, done) =>
    resolve(host, { ...options, all: true }, (error, found) => {
      const fit = error ? [] : found.filter(({ address }) => allowed(address));
      const [first] = fit;
      if (!first) done(error ?? refused(host), '', 4);
      else if (options.all) done(null, fit);
      else done(null, first.address, first.family);
    });
