import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import { WorldFailure } from '../../domain/problem.js';
import { bareOf, ForbiddenAddress, lookupOf, mayAsk } from '../addresses/reachable-addresses.js';

const MOST_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const HERE = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Silence ends a download: to connect, before the headers, between two pieces of the body. */
export const PATIENCE = { connectMs: 15_000, headersMs: 30_000, bodyMs: 60_000 } as const;

export interface Download {
  readonly body: Readable;
  /** As announced; undefined when the server does not say. */
  readonly sizeBytes: number | undefined;
}

/**
 * HTTP and HTTPS, nothing else; follows at most five redirects. This machine is asked only where the URL itself names it,
 * and link-local or reserved addresses never, wherever a name or a redirect leads. Throws `artifact.unreachable`.
 */
export class Downloader {
  readonly #outside: Agent;
  readonly #here: Agent;

  constructor(patience: { connectMs: number; headersMs: number; bodyMs: number } = PATIENCE) {
    const agent = (loopback: boolean): Agent =>
      new Agent({
        connect: {
          timeout: patience.connectMs,
          lookup: lookupOf(
            (found) => mayAsk(found, loopback),
            (host) => new ForbiddenAddress(host),
          ),
        },
        headersTimeout: patience.headersMs,
        bodyTimeout: patience.bodyMs,
      });
    this.#outside = agent(false);
    this.#here = agent(true);
  }

  async open(url: string, signal: AbortSignal): Promise<Download> {
    let at = address(url, url);
    const loopback = HERE.test(at.hostname);
    for (let hop = 0; hop <= MOST_REDIRECTS; hop++) {
      // A literal address is not looked up, so it is judged here.
      if (isIP(bareOf(at.hostname)) !== 0 && !mayAsk(at.hostname, loopback)) throw forbidden(url);
      const response = await request(at, {
        dispatcher: loopback ? this.#here : this.#outside,
        signal,
        headers: { 'accept-encoding': 'identity' },
      }).catch((error: unknown) => {
        signal.throwIfAborted();
        if (error instanceof ForbiddenAddress) throw forbidden(url);
        throw unreachable(url, reason(error), 'now', error);
      });
      const { statusCode, headers, body } = response;
      if (statusCode === 200) {
        const length = Number(headers['content-length']);
        return {
          body,
          sizeBytes: headers['content-length'] === undefined || Number.isNaN(length) ? undefined : length,
        };
      }
      await body.dump({ limit: 65_536 }).catch(() => {});
      const location = headers.location;
      if (!REDIRECTS.has(statusCode) || typeof location !== 'string') {
        // The server has answered: the same question gets the same answer, unless it is only overloaded.
        const passing = statusCode >= 500 || statusCode === 408 || statusCode === 429;
        throw unreachable(url, `the server answers ${statusCode}`, passing ? 'now' : 'never');
      }
      at = address(new URL(location, at).href, url);
    }
    throw unreachable(url, `more than ${MOST_REDIRECTS} redirects`, 'never');
  }

  /** Ends idle connections; for the end of the process. */
  async close(): Promise<void> {
    await Promise.all([this.#outside.destroy(), this.#here.destroy()]);
  }
}

/** A URL as it may be shown: without user, password and query, which may hold a token. */
export function shown(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return 'a malformed address';
  }
}

export function unreachable(
  url: string,
  detail: string,
  retryable: 'now' | 'later' | 'never',
  cause?: unknown,
): WorldFailure {
  return new WorldFailure(
    {
      code: 'artifact.unreachable',
      retryable,
      message: `${shown(url)} cannot be fetched: ${detail}`,
      hint: 'Without Internet, import the file: bastide artifact import FILE.',
    },
    { cause },
  );
}

const forbidden = (url: string): WorldFailure => unreachable(url, 'it leads to an address that is not asked', 'never');

function address(url: string, original: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'https:' || parsed?.protocol === 'http:') return parsed;
  throw unreachable(original, `only http and https are fetched, not ${parsed?.protocol ?? 'this'}`, 'never');
}

function reason(error: unknown): string {
  const cause = error as NodeJS.ErrnoException;
  return cause.code ? `${cause.code}` : cause.message;
}
