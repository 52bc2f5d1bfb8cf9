import { Agent, request } from 'node:https';

/** A person with an HTTP client: follows redirects, keeps cookies, verifies TLS with the site's CA, reaches every name at the gateway. */
export class Person {
  readonly #cookies = new Map<string, Map<string, string>>();
  readonly #agent: Agent;

  constructor(gateway: string, ca: string) {
    const lookup = (
      _host: string,
      options: { all?: boolean },
      done: (error: null, address: any, family?: number) => void,
    ): void => (options.all ? done(null, [{ address: gateway, family: 4 }]) : done(null, gateway, 4));
    this.#agent = new Agent({ ca, lookup: lookup as never, keepAlive: false });
  }

  async get(url: string): Promise<{ status: number; url: string; body: string }> {
    return this.#go('GET', url, undefined);
  }

  async post(url: string, form: Record<string, string>): Promise<{ status: number; url: string; body: string }> {
    return this.#go('POST', url, new URLSearchParams(form).toString());
  }

  /** Opens an app, fills in the portal's form, answers with the page behind it. */
  async signIn(url: string, user: string, password: string): Promise<{ status: number; url: string; body: string }> {
    const page = await this.get(url);
    const fields = Object.fromEntries(
      [...page.body.matchAll(/<input[^>]*type="hidden"[^>]*>/g)].map(([tag]) => [
        /name="([^"]*)"/.exec(tag)?.[1] ?? '',
        /value="([^"]*)"/.exec(tag)?.[1] ?? '',
      ]),
    );
    return this.post(page.url, { ...fields, user, password });
  }

  async #go(
    method: string,
    url: string,
    body: string | undefined,
    hops = 0,
  ): Promise<{ status: number; url: string; body: string }> {
    if (hops > 10) throw new Error(`too many redirects at ${url}`);
    const { hostname } = new URL(url);
    const answer = await new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }>(
      (done, fail) => {
        const asked = request(
          url,
          {
            method,
            agent: this.#agent,
            headers: {
              cookie: this.#cookieHeader(hostname),
              ...(body === undefined
                ? {}
                : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) }),
            },
          },
          (response) => {
            let text = '';
            response.on('data', (data: Buffer) => (text += data.toString()));
            response.on('end', () => done({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
          },
        );
        asked.on('error', fail);
        asked.end(body);
      },
    );
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) this.#keep(line, hostname);
    const location = answer.headers.location;
    if (answer.status >= 300 && answer.status < 400 && typeof location === 'string')
      return this.#go('GET', new URL(location, url).href, undefined, hops + 1);
    return { status: answer.status, url, body: answer.body };
  }

  #keep(line: string, host: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const domain = attributes.map((attribute) => /^domain=\.?(.+)$/i.exec(attribute)?.[1]).find(Boolean) ?? host;
    const at = pair.indexOf('=');
    const jar = this.#cookies.get(domain) ?? new Map<string, string>();
    jar.set(pair.slice(0, at), pair.slice(at + 1));
    this.#cookies.set(domain, jar);
  }

  #cookieHeader(host: string): string {
    return [...this.#cookies]
      .filter(([domain]) => host === domain || host.endsWith(`.${domain}`))
      .flatMap(([, jar]) => [...jar].map(([name, value]) => `${name}=${value}`))
      .join('; ');
  }
}
