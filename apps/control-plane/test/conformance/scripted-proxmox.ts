import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ScriptedAnswer {
  readonly status?: number;
  readonly reason?: string;
  /** Sent as `{ data }` when it is an object, as it is when it is a string. */
  readonly body?: unknown;
  readonly delayMs?: number;
  /** Cut the connection instead of answering. */
  readonly cut?: boolean;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly form: URLSearchParams;
  readonly authorization: string | undefined;
}

/** An HTTPS server whose answers a test writes: for what a real server does only when it is ill. */
export class ScriptedProxmox {
  readonly seen: SeenRequest[] = [];
  /** Connections that got through the TLS handshake, and bytes of HTTP that came over them. */
  handshakes = 0;
  answer: (request: SeenRequest) => ScriptedAnswer = () => ({ body: null });
  #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly fingerprint: string,
  ) {}

  get endpoint(): string {
    return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  static async open(): Promise<ScriptedProxmox> {
    const { key, cert } = selfSigned();
    const server = createServer({ key, cert });
    const scripted = new ScriptedProxmox(server, new X509Certificate(cert).fingerprint256);
    server.on('secureConnection', (socket) => {
      scripted.handshakes += 1;
      scripted.#sockets.add(socket);
      socket.on('close', () => scripted.#sockets.delete(socket));
    });
    server.on('request', (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        const url = new URL(request.url ?? '/', 'https://scripted');
        const seen: SeenRequest = {
          method: request.method ?? '',
          path: url.pathname.replace('/api2/json', ''),
          query: url.searchParams,
          form: new URLSearchParams(text),
          authorization: request.headers.authorization,
        };
        scripted.seen.push(seen);
        const answer = scripted.answer(seen);
        const send = () => {
          if (answer.cut) {
            request.socket.destroy();
            return;
          }
          const status = answer.status ?? 200;
          const body = typeof answer.body === 'string' ? answer.body : JSON.stringify({ data: answer.body ?? null });
          response.writeHead(status, answer.reason ?? (status === 200 ? 'OK' : ''), {
            'content-type': 'application/json;charset=UTF-8',
          });
          response.end(body);
        };
        setTimeout(send, answer.delayMs ?? 0);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return scripted;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function selfSigned(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'bastide-scripted-'));
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const shape = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    execFileSync('openssl', ['req', '-x509', ...shape, '-subj', '/CN=scripted', '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
