import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { messengerConformance, someMessage } from '../../../test/conformance/messenger.js';
import { reachOf } from '../addresses/reachable-addresses.js';
import { SiteCertificateAuthority } from '../certificates/site-certificate-authority.js';
import { MemorySecretStore } from '../fake/memory-secret-store.js';
import { WebhookMessenger } from './webhook-messenger.js';

interface Heard {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
type Answer = (response: ServerResponse) => void;

/** A real receiver on loopback, with or without TLS. */
class Receiver {
  readonly heard: Heard[] = [];
  answer: Answer = (response) => response.end('thank you');
  readonly #sockets = new Set<Socket>();

  constructor(
    private readonly server: Server,
    readonly scheme: 'http' | 'https',
  ) {
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      let body = '';
      request.setEncoding('utf8').on('data', (part: string) => (body += part));
      request.on('end', () => {
        this.heard.push({ headers: request.headers, body });
        this.answer(response);
      });
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  url(host = '127.0.0.1'): string {
    return `${this.scheme}://${host}:${(this.server.address() as AddressInfo).port}/hook`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.server.listening) await new Promise((resolve) => this.server.close(resolve));
  }
}

const messenger = new WebhookMessenger(() => Date.now());
const soon = () => AbortSignal.timeout(10_000);
const route = (url: string, more: { ca?: string; privateAddresses?: boolean } = {}) => ({
  kind: 'webhook' as const,
  url,
  privateAddresses: true,
  ...more,
});

messengerConformance('webhook over plain HTTP', async () => {
  const receiver = await new Receiver(createServer(), 'http').listen();
  const url = receiver.url();
  const taken: { id: string; text: string }[] = [];
  receiver.answer = (response) => {
    taken.push(JSON.parse(receiver.heard.at(-1)!.body));
    response.end('thank you');
  };
  return {
    send: (message, signal) => messenger.send(route(url), 'key', message, signal),
    behave: async (behaviour) => {
      if (behaviour === 'away') await receiver.close();
      receiver.answer = (response) => {
        if (behaviour === 'refuses') response.writeHead(500).end('broken');
      };
    },
    received: () => taken,
    close: () => receiver.close(),
  };
});

describe('webhook', () => {
  const opened: Receiver[] = [];
  afterEach(async () => {
    for (const receiver of opened.splice(0)) await receiver.close();
  });
  const open = async (server: Server = createServer(), scheme: 'http' | 'https' = 'http'): Promise<Receiver> => {
    const receiver = await new Receiver(server, scheme).listen();
    opened.push(receiver);
    return receiver;
  };

  it('a receiver can check by the signature that it comes from us and was not changed', async () => {
    const receiver = await open();
    await messenger.send(route(receiver.url()), 'the key of the signatures', someMessage(), soon());
    const { headers, body } = receiver.heard[0]!;
    const [, at, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['bastide-signature'])) ?? [];
    expect(Math.abs(Number(at) - Date.now() / 1000)).toBeLessThan(60);
    const made = createHmac('sha256', 'the key of the signatures').update(`${at}.${body}`).digest('hex');
    expect(signature).toBe(made);
    expect(headers['idempotency-key']).toBe(JSON.parse(body).id);
    expect(body).not.toContain('the key of the signatures');
  });

  it.each([
    [301, 'redirects are not followed'],
    [404, 'Nothing takes messages'],
    [401, 'key of the signature'],
    [429, 'asked too often'],
    [503, 'has a fault'],
  ])('HTTP %i is told with what helps', async (status, remedy) => {
    const elsewhere = await open();
    const receiver = await open();
    receiver.answer = (response) => response.writeHead(status, { location: elsewhere.url() }).end('no');
    const outcome = await messenger.send(route(receiver.url()), 'key', someMessage(), soon());
    expect(outcome).toMatchObject({
      ok: false,
      answer: `HTTP ${status}: no`,
      remedy: expect.stringContaining(remedy),
    });
    expect(elsewhere.heard).toEqual([]);
  });

  it('reads only the beginning of an endless answer, and shows no key that comes back', async () => {
    const receiver = await open();
    receiver.answer = (response) => {
      response.write('a secret-signing-key ');
      const more = setInterval(() => response.write('x'.repeat(64 * 1024)), 1);
      response.on('close', () => clearInterval(more));
    };
    const outcome = await messenger.send(route(receiver.url()), 'secret-signing-key', someMessage(), soon());
    expect(outcome).toMatchObject({ ok: true });
    expect(outcome.answer.length).toBeLessThan(400);
    expect(outcome.answer).toContain('a ••• x');
  });

  it('goes to private addresses only where the admin says so, whatever the name server answers', async () => {
    const receiver = await open();
    for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433']) {
      const given = receiver.url(host);
      for (const url of [given, given.replace('http:', 'https:')])
        expect(
          await messenger.send(route(url, { privateAddresses: false }), 'key', someMessage(), soon()),
        ).toMatchObject({ ok: false, answer: expect.stringContaining('was not asked') });
    }
    expect(receiver.heard).toEqual([]);
    expect(await messenger.send(route(receiver.url('localhost')), 'key', someMessage(), soon())).toMatchObject({
      ok: true,
    });
  });

  it.each<[string, string]>([
    ['1.1.1.1', 'public'],
    ['2606:4700::1111', 'public'],
    ['10.1.2.3', 'private'],
    ['172.31.0.1', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd00::1', 'private'],
    ['::1', 'private'],
    ['::ffff:10.0.0.1', 'private'],
    ['169.254.169.254', 'never'],
    ['::ffff:169.254.169.254', 'never'],
    ['fe80::1%eth0', 'never'],
    ['0.0.0.0', 'never'],
    ['::', 'never'],
    ['64:ff9b::7f00:1', 'never'],
    ['2002:7f00:1::', 'never'],
    ['224.0.0.1', 'never'],
    ['255.255.255.255', 'never'],
    ['town.example', 'never'],
  ])('%s is %s', (address, reach) => {
    expect(reachOf(address)).toBe(reach);
  });

  it('over TLS trusts the given authority, and nobody else', async () => {
    const ca = new SiteCertificateAuthority(new MemorySecretStore(), { now: Date.now });
    const issue = (name: string) =>
      ca.issue({ name: 'town', domain: 'town.test' }, name, {
        kind: 'leaf',
        commonName: name,
        dnsNames: [name],
        addresses: [],
      });
    const right = await issue('localhost');
    const wrong = await issue('other.town.test');
    const good = await open(
      createTlsServer({ cert: right.certificate, key: right.privateKey }) as unknown as Server,
      'https',
    );
    const bad = await open(
      createTlsServer({ cert: wrong.certificate, key: wrong.privateKey }) as unknown as Server,
      'https',
    );
    const trusted = { ca: right.caCertificate };
    expect(await messenger.send(route(good.url('localhost'), trusted), 'key', someMessage(), soon())).toMatchObject({
      ok: true,
    });
    expect(await messenger.send(route(good.url('localhost')), 'key', someMessage(), soon())).toMatchObject({
      ok: false,
      remedy: expect.stringContaining('authority'),
    });
    expect(await messenger.send(route(bad.url('localhost'), trusted), 'key', someMessage(), soon())).toMatchObject({
      ok: false,
      remedy: expect.stringContaining('another name'),
    });
    const noCertificate = { ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' };
    expect(await messenger.send(route(good.url('localhost'), noCertificate), 'k', someMessage(), soon())).toMatchObject(
      { ok: false },
    );
  });
});
