import { type Proxmox, ProxmoxEngine, proxmoxApi } from 'proxmox-api';
import { Agent, fetch, Response } from 'undici';
import type { Clock } from '../../application/clock.port.js';
import type { Instant } from '../../domain/ids.js';
import { Refusal, WorldFailure } from '../../domain/problem.js';
import { bareOf } from '../addresses/reachable-addresses.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { classifyAnswer, classifyNetwork, isFailure, timedOut } from './classify.js';
import { pinnedConnector } from './pinned-connection.js';
import { deadlinePassed } from './waits.js';

export interface ProxmoxAccess {
  /** `https://host:8006`. */
  readonly endpoint: string;
  readonly fingerprint: string;
  /** `user@realm!tokenid=uuid`. */
  readonly token: string;
}

/** One request as it went out, for tests that hold it against the API's schema. */
export interface SentRequest {
  readonly method: string;
  /** Below `/api2/json`, still encoded, without the query. */
  readonly path: string;
  readonly parameters: URLSearchParams;
}

export interface ClientOptions {
  /** Time for one call; a storage with many backups takes 20 s to list. */
  readonly timeouts?: { readonly readMs: number; readonly writeMs: number };
  readonly onRequest?: (request: SentRequest) => void;
}

interface CallLimits {
  readonly signal: AbortSignal;
  readonly deadline: Instant;
}

const TIMEOUTS = { readMs: 30_000, writeMs: 60_000 };
const JSON_TYPE = 'application/json;charset=UTF-8';

/** The caller's signal was one of time: what it means is a deadline, not somebody's wish to stop. */
const isTimeUp = (error: unknown): boolean => error instanceof DOMException && error.name === 'TimeoutError';

/** Carries the typed error through proxmox-api, which throws plain errors with ours as `cause`. */
class CallEnded extends Error {
  constructor(readonly outcome: unknown) {
    super('call ended');
  }
}

/**
 * Calls of the Proxmox VE API: proxmox-api brings the paths and the types, this class what it lacks: a pinned
 * certificate, a deadline and a signal per call, typed errors from status, reason phrase and body, and no blind
 * repetition (the package sends every request twice after a network error, a POST too).
 */
export class ProxmoxClient {
  readonly #agent: Agent;
  readonly #breaker = new CircuitBreaker();
  readonly #url: URL;
  readonly #token: { readonly id: string; readonly secret: string };

  constructor(
    readonly access: ProxmoxAccess,
    private readonly clock: Clock,
    private readonly options: ClientOptions = {},
  ) {
    this.#url = new URL(access.endpoint);
    this.#token = parseToken(access.token, this.#url.host);
    this.#agent = new Agent({
      connect: pinnedConnector(access.fingerprint),
      connections: 8,
      // The server closes idle connections after 5 s; a POST on a closing one would be lost.
      keepAliveTimeout: 3000,
      keepAliveMaxTimeout: 4000,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** `user@realm!tokenid`, not secret. */
  get tokenId(): string {
    return this.#token.id;
  }

  /** For the console's web socket: address and the header that authenticates it. */
  get socketAccess(): { host: string; port: number; fingerprint: string; authorization: string } {
    return {
      host: bareOf(this.#url.hostname),
      port: Number(this.#url.port || 443),
      fingerprint: this.access.fingerprint,
      authorization: `PVEAPIToken=${this.#token.id}=${this.#token.secret}`,
    };
  }

  /** The typed API tree. Values that go into a path are encoded by `part()`. Throws `WorldFailure` and `Refusal` only. */
  api(limits: CallLimits): Proxmox.Api {
    const engine = new ProxmoxEngine({
      host: this.#url.hostname,
      port: Number(this.#url.port || 443),
      tokenID: this.#token.id,
      tokenSecret: this.#token.secret,
      // Its timer is not cleared after an error and its signal is not ours: it fires at once and nobody listens.
      queryTimeout: 1,
      fetch: ((url: URL, init: { method?: string; body?: string; headers?: Record<string, string> }) =>
        this.#send(url, init, limits).catch((error: unknown) => {
          throw new CallEnded(isTimeUp(error) ? deadlinePassed(`${init.method ?? 'GET'} ${url.pathname}`) : error);
        })) as never,
    });
    return proxmoxApi({
      doRequest: async (method, path, template, parameters) => {
        const known = Object.fromEntries(
          Object.entries((parameters ?? {}) as Record<string, unknown>).filter(([, v]) => v !== undefined),
        );
        try {
          // 1 = "this is the repetition already": the package must not repeat by itself.
          return (await engine.doRequest(method, path, template, known, 1)) as unknown;
        } catch (error) {
          for (let e: unknown = error; e; e = (e as { cause?: unknown }).cause) {
            if (e instanceof CallEnded) throw e.outcome;
          }
          throw classifyNetwork(`${method.replace('$', '').toUpperCase()} ${path}`, error);
        }
      },
    });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #send(
    url: URL,
    init: { method?: string; body?: string; headers?: Record<string, string> },
    limits: CallLimits,
  ): Promise<Response> {
    const method = init.method ?? 'GET';
    const path = url.pathname.replace(/^\/api2\/json/, '');
    const call = `${method} ${path}`;
    this.options.onRequest?.({
      method,
      path,
      parameters: new URLSearchParams(init.body ?? url.searchParams.toString()),
    });
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.#breaker.check(path, this.clock.now());
        const response = await this.#once(url, { ...init, method }, call, limits);
        this.#breaker.succeeded(path);
        return response;
      } catch (error) {
        this.#breaker.failed(path, error, this.clock.now());
        // A read may be asked again: a kept connection closed under us, or the cluster is just forming.
        const again =
          method === 'GET' &&
          ((attempt === 1 && isFailure(error, 'substrate.unreachable')) ||
            (attempt <= 2 && isFailure(error, 'substrate.unauthenticated')));
        if (!again || limits.signal.aborted) throw error;
        await this.clock.sleep(attempt * 500, limits.signal);
      }
    }
  }

  async #once(
    url: URL,
    init: { method: string; body?: string; headers?: Record<string, string> },
    call: string,
    limits: CallLimits,
  ): Promise<Response> {
    limits.signal.throwIfAborted();
    const left = limits.deadline - this.clock.now();
    if (left <= 0) throw deadlinePassed(call);
    const times = this.options.timeouts ?? TIMEOUTS;
    const ms = Math.min(left, init.method === 'GET' ? times.readMs : times.writeMs);
    const timer = AbortSignal.timeout(ms);
    try {
      const response = await fetch(url, {
        method: init.method,
        body: init.body ?? null,
        headers: init.headers ?? {},
        redirect: 'error',
        dispatcher: this.#agent,
        signal: AbortSignal.any([limits.signal, timer]),
      });
      const body = await response.text();
      if (response.status === 200) return new Response(body, { headers: { 'content-type': JSON_TYPE } });
      throw classifyAnswer({ call, status: response.status, reason: response.statusText, body });
    } catch (error) {
      if (error instanceof WorldFailure || error instanceof Refusal) throw error;
      if (limits.signal.aborted) throw limits.signal.reason;
      if (timer.aborted) throw ms === left ? deadlinePassed(call) : timedOut(call, ms);
      throw classifyNetwork(call, error);
    }
  }
}

/** A value as part of a path: UPIDs and volume ids contain `:`, `/`, `@` and `!`. */
export const part = (value: string): string =>
  encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function parseToken(token: string, host: string): { id: string; secret: string } {
  const match = /^([^\s=]+@[^\s=!]+![^\s=]+)=([0-9a-fA-F-]{36})$/.exec(token.trim());
  if (!match) {
    throw new Refusal({
      code: 'parameter.invalid',
      subject: `API token of ${host}`,
      message: 'The stored API token does not look like user@realm!tokenid=uuid.',
      remedy: 'Create a token (pveum user token add …) and store it again, in one line: user@realm!tokenid=uuid.',
    });
  }
  return { id: match[1]!, secret: match[2]!.toLowerCase() };
}
