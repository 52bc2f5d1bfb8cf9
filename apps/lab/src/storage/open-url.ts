/** GET or HEAD of a URL with redirects; what goes wrong has the exit code wget has for it. */
import { request as http, type IncomingMessage } from 'node:http';
import { request as https } from 'node:https';

const MOST_REDIRECTS = 20;

export class UrlError extends Error {
  override readonly name = 'UrlError';

  constructor(
    message: string,
    readonly exitCode: 1 | 4 | 5 | 8,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface UrlRequest {
  readonly method: 'GET' | 'HEAD';
  /** Whether a certificate must be one that is trusted. */
  readonly verify: boolean;
  readonly signal: AbortSignal;
}

function once(url: URL, { method, verify, signal }: UrlRequest): Promise<IncomingMessage> {
  const headers = { 'User-Agent': 'Proxmox VE', Accept: '*/*' };
  return new Promise((resolve, reject) => {
    const outgoing =
      url.protocol === 'https:'
        ? https(url, { method, headers, signal, rejectUnauthorized: verify }, resolve)
        : http(url, { method, headers, signal }, resolve);
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      const tls = /CERT|SSL|TLS|SIGNATURE|SELF_SIGNED/.test(error.code ?? '');
      const text = `500 Can't connect to ${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`;
      reject(new UrlError(`${text} (${error.message})`, tls ? 5 : 4, { cause: error }));
    });
    outgoing.end();
  });
}

/** Rejects with UrlError for every answer but 200. The caller reads the response, or destroys it. */
export async function openUrl(text: string, request: UrlRequest): Promise<IncomingMessage> {
  let url = new URL(text);
  for (let hops = 0; hops <= MOST_REDIRECTS; hops += 1) {
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      throw new UrlError(`501 Protocol scheme '${url.protocol.slice(0, -1)}' is not supported`, 1);
    const response = await once(url, request);
    const { location } = response.headers;
    const status = response.statusCode ?? 0;
    if (status >= 300 && status < 400 && location !== undefined) {
      response.destroy();
      url = new URL(location, url);
      continue;
    }
    if (status === 200) return response;
    response.destroy();
    throw new UrlError(`${status} ${response.statusMessage ?? ''}`.trim(), 8);
  }
  throw new UrlError('500 too many redirects', 8);
}
