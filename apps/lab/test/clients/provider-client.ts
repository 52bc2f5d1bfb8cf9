/**
 * Asks as the Terraform provider bpg/proxmox does (the Pulumi provider proxmoxve is built on it): its paths, its form encoding,
 * its headers, its polling of tasks, and its reading of what fails. Go's decoder is stricter than JavaScript, so answers are
 * decoded by shape.
 */
import type { Answer, LabClient } from '../lab-client.js';
import { type Decoded, decode, type Shape } from './go-decoder.js';

/** A value that is left out when undefined; booleans go as 1 and 0, lists as repeated keys. */
export type Body = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** As `url.Values.Encode` of Go: keys sorted, blanks as `+`, everything else but letters, digits and `-_.~` escaped. */
export function encodeForm(body: Body): string {
  const quote = (text: string) =>
    encodeURIComponent(text)
      .replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll('%20', '+');
  const pairs = Object.entries(body).flatMap(([key, value]): [string, string][] => {
    if (value === undefined) return [];
    if (typeof value === 'boolean') return [[key, value ? '1' : '0']];
    return Array.isArray(value) ? value.map((one: string): [string, string] => [key, one]) : [[key, String(value)]];
  });
  return pairs
    .sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
    .map(([key, value]) => `${quote(key)}=${quote(value)}`)
    .join('&');
}

/** What the provider makes of a refusal. */
export class ProviderError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** It then forgets the resource instead of failing. */
    readonly doesNotExist: boolean,
  ) {
    super(message);
  }
}

function refusal(answer: Answer): ProviderError {
  const parts: string[] = Object.entries((answer.body?.errors ?? {}) as Record<string, string>).map(
    ([key, value]) => `${key}: ${value.trimEnd()}`,
  );
  for (const line of String(answer.body?.message ?? '').split('\n'))
    if (line !== '' && !line.startsWith(answer.reason)) parts.push(line);
  const text = parts.length > 0 ? `${answer.reason} (${parts.join(' - ')})` : answer.reason;
  const missing =
    answer.status === 404 ||
    (answer.status === 500 && /does not exist|no such resource|no such ha|No such file or directory/.test(text));
  return new ProviderError(answer.status, text, missing);
}

export class ProviderClient {
  constructor(
    private readonly http: LabClient,
    /** `Authorization` of a token, or cookie and CSRF token of a ticket. */
    private readonly headers: (method: string) => Readonly<Record<string, string>>,
  ) {}

  /** One request; the answer is decoded when a shape is given. Rejects with a ProviderError. */
  async request<S extends Shape>(method: string, path: string, body: Body | undefined, shape: S): Promise<Decoded<S>> {
    const form = body === undefined ? '' : encodeForm(body);
    const inQuery = method === 'GET' || method === 'DELETE';
    const target = inQuery && form !== '' ? `${path}${path.includes('?') ? '&' : '?'}${form}` : path;
    const payload = inQuery ? undefined : form;
    const headers = {
      'User-Agent': 'Go-http-client/1.1',
      Accept: 'application/json',
      'Accept-Encoding': 'gzip',
      ...(payload === undefined ? {} : { 'Content-Length': String(payload.length) }),
      ...(payload === undefined || payload === '' ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' }),
      ...this.headers(method),
    };
    const answer = await this.http.sendBare(method, `/api2/json/${target}`, payload, headers);
    if (answer.status < 200 || answer.status >= 300) throw refusal(answer);
    return decode(shape, answer.body?.data, `${method} ${path}`);
  }

  get<S extends Shape>(path: string, shape: S, query?: Body): Promise<Decoded<S>> {
    return this.request('GET', path, query, shape);
  }

  /** A change whose answer the provider does not look at. */
  async change(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: Body): Promise<void> {
    await this.request(method, path, body, 'any');
  }

  /** A change that is a task; waits for it as the provider does, and answers its warnings. */
  async task(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: Body): Promise<string[]> {
    return await this.waitFor(await this.request(method, path, body, 'string'));
  }

  async waitFor(upid: string): Promise<string[]> {
    const [prefix, node = '', pid = '', pstart = '', start = '', type = '', , user = ''] = upid.split(':');
    const isHex = [pid, pstart, start].every((part) => /^[0-9A-Fa-f]+$/.test(part));
    if (prefix !== 'UPID' || !isHex || node === '' || type === '' || user === '')
      throw new Error(`no task id the provider can read: ${upid}`);
    const path = `nodes/${node}/tasks/${encodeURIComponent(upid)}`;
    for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
      const { status, exitstatus } = await this.get(`${path}/status`, {
        pid: 'int',
        status: 'string',
        exitstatus: 'string?',
      });
      if (status === 'running') await new Promise((resolve) => setTimeout(resolve, 20));
      else if (exitstatus === 'OK') return [];
      else {
        const log = await this.get(`${path}/log`, [{ n: 'int', t: 'string' }]);
        const lines = log.map(({ t }) => t);
        if (exitstatus?.startsWith('WARNINGS: ')) return lines.filter((line) => line.includes('WARN:'));
        throw new ProviderError(0, `task failed: ${exitstatus}\n${lines.join('\n')}`, false);
      }
    }
    throw new Error(`${upid} did not end`);
  }
}
