import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import type { EndedOutside, ProviderAccess } from '../../application/accounts/identity-provider.port.js';
import { Refusal } from '../../domain/problem.js';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** With keys that everybody may know; never with a shared secret, and never with none. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
const KEYS_MS = 5 * 60_000;
/** Strangers may send tokens too: a key that is not known is asked for no more often than this. */
const ASK_AGAIN_MS = 20_000;
const OLDEST = '5 minutes';
const SKEW_S = 60;
const LONGEST = 20_000;

export interface ProviderKeys {
  readonly issuer: string;
  readonly keys: JSONWebKeySet;
}

/** Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.6) of providers, checked with the keys they publish. */
export class LogoutTokens {
  readonly #kept = new Map<string, { readonly at: number; readonly keys: Promise<ProviderKeys> }>();

  /** `fetchKeys` asks the provider; its refusals pass through. */
  constructor(private readonly fetchKeys: (access: ProviderAccess) => Promise<ProviderKeys>) {}

  async read(access: ProviderAccess, token: string): Promise<EndedOutside> {
    if (token.length > LONGEST) throw notValid();
    try {
      return await this.#check(access, token, KEYS_MS);
    } catch (error) {
      // A provider changes its keys when it likes.
      const strange =
        error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed;
      if (!strange) throw error instanceof errors.JOSEError ? notValid() : error;
    }
    try {
      return await this.#check(access, token, ASK_AGAIN_MS);
    } catch (error) {
      throw error instanceof errors.JOSEError ? notValid() : error;
    }
  }

  async #check(access: ProviderAccess, token: string, newerThanMs: number): Promise<EndedOutside> {
    const { issuer, keys } = await this.#keysOf(access, newerThanMs);
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(keys), {
      issuer,
      audience: access.clientId,
      algorithms: ALGORITHMS,
      requiredClaims: ['iat', 'events'],
      maxTokenAge: OLDEST,
      clockTolerance: SKEW_S,
    });
    const { typ } = protectedHeader;
    if (typ !== undefined && !/^(application\/)?(logout\+)?jwt$/i.test(typ)) throw notValid();
    return toEnded(payload, issuer);
  }

  #keysOf(access: ProviderAccess, newerThanMs: number): Promise<ProviderKeys> {
    const { issuer, clientId, caCertificate = '', connectTo = '' } = access;
    const name = JSON.stringify([issuer, clientId, caCertificate, connectTo]);
    const kept = this.#kept.get(name);
    if (kept && Date.now() - kept.at < newerThanMs) return kept.keys;
    const asked = { at: Date.now(), keys: this.fetchKeys(access) };
    this.#kept.set(name, asked);
    // Whoever comes later asks anew; whoever asks now hears why.
    asked.keys.catch(() => {
      const again = setTimeout(() => this.#kept.get(name) === asked && this.#kept.delete(name), ASK_AGAIN_MS / 4);
      again.unref();
    });
    return asked.keys;
  }
}

/** A token for log-ins has a nonce; who takes one for the other could be made to log people out, or in. */
function toEnded(payload: JWTPayload, issuer: string): EndedOutside {
  const { sub, sid, iat = 0, nonce, events } = payload as JWTPayload & Readonly<Record<string, unknown>>;
  const event = typeof events === 'object' && events !== null ? (events as Record<string, unknown>)[EVENT] : undefined;
  const text = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= 255;
  if (typeof event !== 'object' || event === null || nonce !== undefined || (!text(sub) && !text(sid)))
    throw notValid();
  return {
    issuer,
    ...(text(sub) ? { subject: sub } : {}),
    ...(text(sid) ? { session: sid } : {}),
    at: iat * 1000,
  };
}

const notValid = (): Refusal =>
  new Refusal({
    code: 'request.invalid',
    subject: 'logout_token',
    message: 'This is no logout token of the provider for this control plane.',
    remedy: 'Compare issuer and client id with those at the provider, and both clocks.',
  });
