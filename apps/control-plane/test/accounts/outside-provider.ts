import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
// @ts-expect-error: the package brings no types, and only what is used here is needed
import OidcProvider from 'oidc-provider';

/** Somebody whom the provider knows. `groups` may change while tests run. */
export interface Citizen {
  readonly sub: string;
  readonly preferred_username: string;
  readonly name: string;
  readonly email?: string;
  readonly email_verified?: boolean;
  groups: string[];
}

export const CLIENT = { id: 'bastide', secret: 'a secret that only the provider and we know' };

/**
 * A real OpenID Connect provider (oidc-provider) on loopback. Its log-in page has a button per person; with `signsIn` it
 * asks nobody.
 */
export class OutsideProvider {
  issuer = '';
  signsIn: string | undefined;
  /** Where it says that somebody signed out. */
  logoutUri: string | undefined;
  readonly citizens = new Map<string, Citizen>();
  #provider: any;
  #server: Server | undefined;
  #handle: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;

  async start(redirectUri: (issuer: string) => string, postLogoutUri?: string): Promise<void> {
    const server = createServer((request, response) => this.#handle?.(request, response));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    this.#server = server;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#serve(redirectUri(this.issuer), postLogoutUri);
  }

  /** Says that somebody signed out: everywhere, or of one session. */
  async logOut(sub: string, sid?: string): Promise<void> {
    const client = await this.#provider.Client.find(CLIENT.id);
    await client.backchannelLogout(sub, sid);
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((done) => (this.#server ? this.#server.close(done) : done(undefined)));
    this.#server = undefined;
  }

  #serve(redirectUri: string, postLogoutUri: string | undefined): void {
    // It has advice for production, which this is not.
    for (const level of ['warn', 'info'] as const) jest.spyOn(console, level).mockImplementation(() => {});
    const provider = new OidcProvider(this.issuer, {
      clients: [
        {
          client_id: CLIENT.id,
          client_secret: CLIENT.secret,
          redirect_uris: [redirectUri],
          backchannel_logout_uri: `${this.issuer}/said`,
          backchannel_logout_session_required: true,
          ...(postLogoutUri ? { post_logout_redirect_uris: [postLogoutUri] } : {}),
        },
      ],
      claims: {
        openid: ['sub'],
        profile: ['name', 'preferred_username'],
        email: ['email', 'email_verified'],
        groups: ['groups'],
      },
      // Its own one asks no addresses of this machine.
      fetch: (url: URL, asked: object) => fetch(url, { ...asked, dispatcher: undefined } as RequestInit),
      cookies: { keys: ['only for tests'] },
      features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true } },
      interactions: { url: (_: unknown, { uid }: { uid: string }) => `/log-in/${uid}` },
      findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ ...this.citizens.get(id) }) }),
      loadExistingGrant: async ({ oidc }: any) => {
        const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
        grant.addOIDCScope('openid profile email groups');
        await grant.save();
        return grant;
      },
    });
    this.#provider = provider;
    const callback = provider.callback();
    this.#handle = (request, response) => {
      if (request.url === '/said') return void this.#passOn(request, response);
      const path = /^\/log-in\/[\w-]+(\/as\/(\w+))?$/.exec(request.url ?? '');
      if (!path) return callback(request, response);
      const accountId = path[2] ?? this.signsIn;
      if (accountId !== undefined) {
        void provider.interactionFinished(request, response, { login: { accountId } });
        return;
      }
      const buttons = [...this.citizens.values()]
        .map(({ sub, name }) => `<p><a href="${request.url}/as/${sub}">I am ${name}</a></p>`)
        .join('');
      response.setHeader('content-type', 'text/html').end(`<h1>Town sign-in</h1>${buttons}`);
    };
  }

  /** Clients are told their addresses at the start, and ours is known only later. */
  async #passOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const headers = { 'content-type': request.headers['content-type'] ?? '' };
    const answer = await fetch(this.logoutUri ?? '', { method: 'POST', headers, body: Buffer.concat(parts) });
    response.writeHead(answer.status).end();
  }
}
