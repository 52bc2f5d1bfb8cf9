import { isIP, type LookupFunction } from 'node:net';
import { Agent, fetch as undiciFetch } from 'undici';
import { bareOf, ForbiddenAddress, isLoopback, lookupOf, mayAsk } from '../addresses/reachable-addresses.js';

const MOST_BYTES = 1024 * 1024;

export interface FetchGuard {
  /** PEM; the only authority that is then believed. */
  readonly caCertificate?: string;
  /** Taken for `host`'s address. */
  readonly pinned?: { readonly host: string; readonly address: string };
  /** Whether the far side may be this very machine. */
  readonly loopback: boolean;
  readonly connectMs: number;
}

/**
 * fetch for addresses that an admin, or a provider's own metadata, named: https (http to this machine alone), no
 * redirects followed, no answer above 1 MiB, and never an address that only this machine could reach, also when a name
 * leads there. Close it when done.
 */
export function guardedFetch(guard: FetchGuard): {
  readonly fetch: (url: string, init: object) => Promise<Response>;
  readonly close: () => Promise<void>;
} {
  const byName = lookupOf(
    (address) => mayAsk(address, guard.loopback),
    (host) => new ForbiddenAddress(`${host} leads to an address that is not asked`),
  );
  const look: LookupFunction = (host, options, done) => {
    if (guard.pinned && host === guard.pinned.host) {
      const { address } = guard.pinned;
      const family = isIP(address) === 6 ? 6 : 4;
      if (options.all) done(null, [{ address, family }]);
      else done(null, address, family);
      return;
    }
    byName(host, options, done);
  };
  const agent = new Agent({
    connect: { timeout: guard.connectMs, lookup: look, ...(guard.caCertificate ? { ca: guard.caCertificate } : {}) },
    headersTimeout: guard.connectMs,
    bodyTimeout: guard.connectMs,
    maxResponseSize: MOST_BYTES,
    keepAliveTimeout: 1_000,
  });
  return {
    fetch: async (url, init) => {
      const { protocol, hostname } = new URL(url);
      const bare = bareOf(hostname);
      const literal = isIP(bare) !== 0;
      // A literal address is not looked up, so it is judged here.
      if (literal && !mayAsk(bare, guard.loopback)) throw new ForbiddenAddress(`${hostname} is not asked`);
      const here = hostname === 'localhost' || (literal && isLoopback(bare));
      if (protocol !== 'https:' && !(protocol === 'http:' && guard.loopback && here))
        throw new ForbiddenAddress(`${protocol}//${hostname} is not https`);
      return (await undiciFetch(url, {
        ...init,
        redirect: 'manual',
        dispatcher: agent,
      } as Parameters<typeof undiciFetch>[1])) as unknown as Response;
    },
    close: () => agent.close(),
  };
}
