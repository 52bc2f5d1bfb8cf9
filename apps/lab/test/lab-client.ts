/** A bare HTTPS client for tests: shows reason phrase and body as they came. Pins the lab's own authority. */
import { Agent, request } from 'node:https';

export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly body: any;
}

export class LabClient {
  private readonly agent: Agent;

  constructor(
    private readonly lab: { readonly url: string; readonly caCertificate: string },
    private readonly token?: string,
  ) {
    this.agent = new Agent({ ca: lab.caCertificate, keepAlive: true, maxSockets: 32 });
  }

  close(): void {
    this.agent.destroy();
  }

  /** `path` is the whole path; `form` goes out as it is. */
  async send(
    method: string,
    path: string,
    body?: string | Buffer,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return await this.sendBare(method, path, body, {
      ...(this.token === undefined ? {} : { Authorization: `PVEAPIToken=${this.token}` }),
      ...(body === undefined
        ? {}
        : {
            'Content-Type': 'application/x-www-form-urlencoded',
            'Content-Length': String(Buffer.byteLength(body)),
          }),
      ...headers,
    });
  }

  /** With these headers and none of our own. */
  async sendBare(
    method: string,
    path: string,
    body: string | Buffer | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    return await new Promise((resolve, reject) => {
      const outgoing = request(`${this.lab.url}${path}`, { method, agent: this.agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          let parsed: unknown;
          try {
            parsed = JSON.parse(text);
          } catch {
            parsed = text;
          }
          resolve({
            status: response.statusCode ?? 0,
            reason: response.statusMessage ?? '',
            headers: response.headers,
            text,
            body: parsed,
          });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  /** A call below /api2/json with parameters as a form (or in the query, for GET and DELETE). */
  async call(
    method: string,
    path: string,
    parameters: Readonly<Record<string, string | number>> = {},
  ): Promise<Answer> {
    const form = new URLSearchParams(
      Object.entries(parameters).map(([key, value]): [string, string] => [key, String(value)]),
    ).toString();
    const inQuery = method === 'GET' || method === 'DELETE';
    return await this.send(
      method,
      `/api2/json${path}${inQuery && form !== '' ? `?${form}` : ''}`,
      inQuery ? undefined : form,
    );
  }

  /** The data of a call that must succeed. */
  async data(method: string, path: string, parameters: Readonly<Record<string, string | number>> = {}): Promise<any> {
    const answer = await this.call(method, path, parameters);
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.reason} ${answer.text}`);
    return answer.body.data;
  }

  /** Starts a task and waits for its end; answers its exit status. */
  async run(method: string, path: string, parameters: Readonly<Record<string, string | number>> = {}): Promise<string> {
    const upid = (await this.data(method, path, parameters)) as string;
    return await this.exitOf(upid);
  }

  async exitOf(upid: string): Promise<string> {
    const node = upid.split(':')[1];
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline) {
      const status = await this.data('GET', `/nodes/${node}/tasks/${encodeURIComponent(upid)}/status`);
      if (status.status === 'stopped') return status.exitstatus as string;
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    throw new Error(`task ${upid} did not end within 60 s`);
  }
}
