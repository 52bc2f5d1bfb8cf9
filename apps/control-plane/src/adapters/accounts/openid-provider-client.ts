import { isIP } from 'node:net';
import * as oidc from 'openid-client';
import type {
  EndedOutside,
  ProviderAccess,
  ProviderClient,
  ProviderFinding,
  SignIn,
} from '../../application/accounts/identity-provider.port.js';
import type { OutsidePerson } from '../../domain/account/identity-provider.js';
import { Refusal } from '../../domain/problem.js';
import { guardedFetch } from './guarded-fetch.js';
import { LogoutTokens, type ProviderKeys } from './logout-tokens.js';
import { describeFault, providerProblem } from './provider-faults.js';

/** Of one call to a provider. */
const CALL_S = 10;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

interface Connection {
  readonly config: oidc.Configuration;
  readonly fetch: (url: string, init: object) => Promise<Response>;
  readonly close: () => Promise<void>;
}

/** OpenID Connect by openid-client. What a provider says of itself is asked anew at each sign-in: keys and addresses change. */
export class OpenidProviderClient implements ProviderClient {
  readonly #logouts = new LogoutTokens((access) => this.#keysOf(access));

  async begin(access: ProviderAccess, { redirectUri, state, nonce, verifier }: SignIn): Promise<string> {
    return await this.#with(access, async ({ config }) => {
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: access.scopes.join(' '),
        response_type: 'code',
        state,
        nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      });
      this.#checkFrontChannel(url, access);
      return url.href;
    });
  }

  async finish(access: ProviderAccess, signIn: SignIn, answer: URLSearchParams): Promise<OutsidePerson> {
    return await this.#with(access, async ({ config }) => {
      const current = new URL(signIn.redirectUri);
      current.search = answer.toString();
      const tokens = await oidc.authorizationCodeGrant(config, current, {
        expectedState: signIn.state,
        expectedNonce: signIn.nonce,
        pkceCodeVerifier: signIn.verifier,
        idTokenExpected: true,
      });
      const identity = tokens.claims();
      if (!identity) throw new Error('the provider sent no ID token');
      // Many providers keep everything but the subject for the userinfo endpoint; the library compares the subjects.
      const more = config.serverMetadata().userinfo_endpoint
        ? await oidc.fetchUserInfo(config, tokens.access_token, identity.sub)
        : {};
      const person = toPerson({ ...identity, ...more }, identity.iss, identity.sub, access.groupsClaim);
      const sid = identity['sid'];
      return typeof sid === 'string' && sid.length <= 255 ? { ...person, session: sid } : person;
    });
  }

  async endSession(access: ProviderAccess, returnTo: string): Promise<string | undefined> {
    return await this.#with(access, async ({ config }) => {
      if (!config.serverMetadata().end_session_endpoint) return undefined;
      const url = oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: returnTo });
      this.#checkFrontChannel(url, access);
      return url.href;
    });
  }

  readLogout(access: ProviderAccess, token: string): Promise<EndedOutside> {
    return this.#logouts.read(access, token);
  }

  #keysOf(access: ProviderAccess): Promise<ProviderKeys> {
    return this.#with(access, async ({ config, fetch }) => {
      const { issuer, jwks_uri: address } = config.serverMetadata();
      if (!address) throw new Error('the provider names no address of its keys');
      const answer = await fetch(address, { signal: AbortSignal.timeout(CALL_S * 1000) });
      if (!answer.ok) throw new Error(`the provider's keys answer HTTP ${answer.status}`);
      return { issuer, keys: (await answer.json()) as ProviderKeys['keys'] };
    });
  }

  async test(access: ProviderAccess, redirectUri: string): Promise<readonly ProviderFinding[]> {
    let connection: Connection;
    try {
      connection = await this.#connect(access);
    } catch (error) {
      return [describeFault(error)];
    }
    const findings: ProviderFinding[] = [
      { level: 'ok', message: `${access.issuer} answers and says what it can.` },
      ...readMetadata(connection.config.serverMetadata(), access),
    ];
    try {
      // A code that nobody gave out: who knows the client says so of the code, who does not says so of the client.
      await oidc.genericGrantRequest(connection.config, 'authorization_code', {
        code: 'bastide-asks-whether-it-is-known',
        redirect_uri: redirectUri,
        code_verifier: oidc.randomPKCECodeVerifier(),
      });
    } catch (error) {
      const code = error instanceof oidc.ResponseBodyError ? error.error : undefined;
      const unknown = code === 'invalid_client' || code === 'unauthorized_client' || isUnauthorized(error);
      if (unknown) {
        findings.push({
          level: 'error',
          message: 'The provider does not accept client id and secret.',
          remedy:
            'Compare both with the client at the provider; its way to authenticate must be client_secret_basic or client_secret_post.',
        });
      } else if (code !== undefined) findings.push({ level: 'ok', message: 'The provider knows the client.' });
      else findings.push(describeFault(error));
    } finally {
      await connection.close();
    }
    return findings;
  }

  async #with<T>(access: ProviderAccess, work: (connection: Connection) => Promise<T>): Promise<T> {
    let connection: Connection | undefined;
    try {
      connection = await this.#connect(access);
      return await work(connection);
    } catch (error) {
      throw error instanceof Refusal ? error : providerProblem(error, access);
    } finally {
      await connection?.close();
    }
  }

  /** Reads what the provider says of itself. */
  async #connect(access: ProviderAccess): Promise<Connection> {
    const issuer = new URL(access.issuer);
    const loopback = LOOPBACK.test(issuer.hostname);
    const { caCertificate, connectTo, clientSecret } = access;
    const guarded = guardedFetch({
      loopback,
      connectMs: CALL_S * 1000,
      ...(caCertificate ? { caCertificate } : {}),
      ...(connectTo && isIP(connectTo) ? { pinned: { host: issuer.hostname, address: connectTo } } : {}),
    });
    const discover = (auth: oidc.ClientAuth) =>
      oidc.discovery(issuer, access.clientId, {}, auth, {
        [oidc.customFetch]: guarded.fetch as oidc.CustomFetch,
        timeout: CALL_S,
        ...(issuer.protocol === 'http:' && loopback ? { execute: [oidc.allowInsecureRequests] } : {}),
      });
    try {
      const found = await discover(clientSecret === undefined ? oidc.None() : basic(clientSecret));
      const ways = found.serverMetadata().token_endpoint_auth_methods_supported;
      // Basic is what a provider takes that does not say otherwise (OpenID Connect Discovery §3).
      const posts = clientSecret !== undefined && ways?.includes('client_secret_post') === true;
      if (!posts || ways?.includes('client_secret_basic')) return { config: found, ...guarded };
      const config = new oidc.Configuration(
        found.serverMetadata(),
        access.clientId,
        {},
        oidc.ClientSecretPost(clientSecret),
      );
      config[oidc.customFetch] = guarded.fetch as oidc.CustomFetch;
      config.timeout = CALL_S;
      if (issuer.protocol === 'http:' && loopback) oidc.allowInsecureRequests(config);
      return { config, ...guarded };
    } catch (error) {
      await guarded.close();
      throw error;
    }
  }

  /** A browser is sent to pages of the web alone, whatever the provider's metadata say. */
  #checkFrontChannel(url: URL, access: ProviderAccess): void {
    if (url.protocol === 'https:' || (url.protocol === 'http:' && access.issuer.startsWith('http:'))) return;
    throw providerProblem(new Error(`the provider sends people to ${url.protocol}`), access);
  }
}

/**
 * Client id and secret as RFC 6749 §2.3.1 wants them in the header, and no character more encoded than that: the library
 * encodes dashes and dots too, and LemonLDAP::NG 2.16 compares what it gets without decoding it.
 */
const basic =
  (secret: string): oidc.ClientAuth =>
  (_server, { client_id: id }, _body, headers) => {
    const encoded = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1);
    headers.set('authorization', `Basic ${Buffer.from(`${encoded(id)}:${encoded(secret)}`).toString('base64')}`);
  };

const isUnauthorized = (error: unknown): boolean =>
  error instanceof oidc.WWWAuthenticateChallengeError || (error as { status?: number } | undefined)?.status === 401;

function toPerson(
  claims: Readonly<Record<string, unknown>>,
  issuer: string,
  subject: string,
  groupsClaim: string,
): OutsidePerson {
  const text = (name: string): string | undefined => {
    const value = claims[name];
    return typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, 200) : undefined;
  };
  const groups = claims[groupsClaim];
  const list = typeof groups === 'string' ? groups.split(/[;,]\s*/) : Array.isArray(groups) ? groups : [];
  const [name, displayName, email] = [text('preferred_username'), text('name'), text('email')];
  return {
    issuer,
    subject,
    ...(name === undefined ? {} : { name }),
    ...(displayName === undefined ? {} : { displayName }),
    // An address that the provider itself does not vouch for is none.
    ...(email === undefined || claims['email_verified'] === false ? {} : { email }),
    ...(groups === undefined || groups === null
      ? {}
      : { groups: list.filter((one): one is string => typeof one === 'string').slice(0, 1000) }),
  };
}

function readMetadata(metadata: oidc.ServerMetadata, access: ProviderAccess): ProviderFinding[] {
  const findings: ProviderFinding[] = [];
  const says = (name: string): readonly unknown[] | undefined => {
    const value = metadata[name];
    return Array.isArray(value) ? value : undefined;
  };
  if (!metadata.authorization_endpoint || !metadata.token_endpoint || !metadata.jwks_uri) {
    findings.push({
      level: 'error',
      message: 'The provider names no authorization, token or key address.',
      remedy: 'Switch on the authorization code flow of OpenID Connect there.',
    });
  }
  if (says('response_types_supported')?.includes('code') === false) {
    findings.push({
      level: 'error',
      message: 'The provider does not offer the authorization code flow.',
      remedy: 'Switch it on there for this client.',
    });
  }
  if (says('code_challenge_methods_supported')?.includes('S256') !== true) {
    findings.push({
      level: 'warning',
      message: 'The provider does not say that it checks PKCE.',
      remedy: 'It is sent all the same; switch it on there if you can.',
    });
  }
  const scopes = says('scopes_supported');
  const missing = access.scopes.filter((scope) => scopes !== undefined && !scopes.includes(scope));
  if (missing.length > 0) {
    findings.push({
      level: 'warning',
      message: `The provider does not list the scope ${missing.join(', ')}.`,
      remedy: 'Leave it out here, or define it there; without groups nobody gets a role.',
    });
  }
  if (!metadata.end_session_endpoint)
    findings.push({
      level: 'ok',
      message: 'Signing out here does not sign out there: the provider does not offer it.',
    });
  return findings;
}
