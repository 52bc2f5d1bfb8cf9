import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { messengerConformance, someMessage } from '../../../test/conformance/messenger.js';
import type { MailRoute } from '../../domain/notification/target.js';
import { SiteCertificateAuthority } from '../certificates/site-certificate-authority.js';
import { MemorySecretStore } from '../fake/memory-secret-store.js';
import { SmtpMessenger } from './smtp-messenger.js';

const messenger = new SmtpMessenger();
const soon = () => AbortSignal.timeout(10_000);

/** A real SMTP server on loopback that keeps the mails it took. */
class MailServer {
  readonly mails: { readonly id: string; readonly text: string; readonly to: readonly string[] }[] = [];
  readonly #server: SMTPServer;
  refusing = false;
  hanging = false;

  constructor(options: SMTPServerOptions = {}) {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: [],
      closeTimeout: 100,
      logger: false,
      onData: (stream, session, done) => {
        const parts: Buffer[] = [];
        stream.on('data', (part: Buffer) => parts.push(part));
        stream.on('end', () => {
          if (this.hanging) return;
          if (this.refusing) return done(Object.assign(new Error('Mailbox is full'), { responseCode: 552 }));
          const text = Buffer.concat(parts).toString('utf8');
          this.mails.push({
            id: /^Message-ID: <([^@>]+)@/im.exec(text)?.[1] ?? '',
            text,
            to: session.envelope.rcptTo.map(({ address }) => address),
          });
          done(null);
        });
      },
      onRcptTo: ({ address }, _session, done) =>
        done(address.startsWith('nobody@') ? Object.assign(new Error('No such user'), { responseCode: 550 }) : null),
      ...options,
    });
    this.#server.on('error', () => {});
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', () => resolve()));
    return this;
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

const route = (port: number, more: Partial<MailRoute> = {}): MailRoute => ({
  kind: 'mail',
  host: 'localhost',
  port,
  security: 'none',
  sender: 'bastide@town.example',
  recipients: ['it@town.example'],
  ...more,
});

messengerConformance('mail', async () => {
  const server = await new MailServer({ hideSTARTTLS: true }).listen();
  const { port } = server;
  let closed = false;
  return {
    send: (message, signal) => messenger.send(route(port), undefined, message, signal),
    behave: async (behaviour) => {
      server.refusing = behaviour === 'refuses';
      server.hanging = behaviour === 'hangs';
      closed = behaviour === 'away';
      if (closed) await server.close();
    },
    received: () => server.mails,
    close: async () => {
      if (!closed) await server.close();
    },
  };
});

describe('mail', () => {
  const ca = new SiteCertificateAuthority(new MemorySecretStore(), { now: Date.now });
  const issue = (name: string) =>
    ca.issue({ name: 'town', domain: 'town.test' }, name, {
      kind: 'leaf',
      commonName: name,
      dnsNames: [name],
      addresses: [],
    });
  let cert: { cert: string; key: string };
  let root: string;
  beforeAll(async () => {
    const { certificate, privateKey, caCertificate } = await issue('localhost');
    cert = { cert: certificate, key: privateKey };
    root = caCertificate;
  });
  const opened: MailServer[] = [];
  afterEach(async () => {
    for (const server of opened.splice(0)) await server.close();
  });
  const open = async (options: SMTPServerOptions = {}): Promise<MailServer> => {
    const server = await new MailServer(options).listen();
    opened.push(server);
    return server;
  };
  const send = (to: MailRoute, secret?: string) => messenger.send(to, secret, someMessage(), soon());

  it.each(['starttls', 'tls'] as const)('over %s trusts the given authority, and nobody else', async (security) => {
    const server = await open({ ...cert, secure: security === 'tls' });
    expect(await send(route(server.port, { security, ca: root }))).toMatchObject({ ok: true });
    expect(server.mails).toHaveLength(1);
    expect(await send(route(server.port, { security }))).toMatchObject({
      ok: false,
      remedy: expect.stringContaining('authority'),
    });
    const other = await issue('other.town.test');
    const wrong = await open({ cert: other.certificate, key: other.privateKey, secure: security === 'tls' });
    expect(await send(route(wrong.port, { security, ca: root }))).toMatchObject({
      ok: false,
      remedy: expect.stringContaining('another name'),
    });
    expect(wrong.mails).toEqual([]);
  });

  it('sends nothing readable when STARTTLS was wanted and is not offered', async () => {
    const server = await open({ hideSTARTTLS: true, disabledCommands: ['STARTTLS'] });
    expect(await send(route(server.port, { security: 'starttls' }))).toMatchObject({ ok: false });
    expect(server.mails).toEqual([]);
  });

  it('signs in, and a wrong password is told in the server’s own words without the password', async () => {
    const server = await open({
      ...cert,
      authOptional: false,
      onAuth: ({ username, password }, _session, done) =>
        username === 'bastide' && password === 'the right one'
          ? done(null, { user: username })
          : done(Object.assign(new Error(`Go away with ${password}`), { responseCode: 535 })),
    });
    const to = route(server.port, { security: 'starttls', ca: root, user: 'bastide' });
    expect(await send(to, 'the right one')).toMatchObject({ ok: true });
    const refused = await send(to, 'a wrong one');
    expect(refused).toMatchObject({ ok: false, remedy: expect.stringContaining('password') });
    expect(refused.answer).toContain('535');
    expect(JSON.stringify(refused)).not.toContain('a wrong one');
  });

  it('tells which recipients the server did not take; the others have it', async () => {
    const server = await open({ hideSTARTTLS: true });
    const some = await send(route(server.port, { recipients: ['it@town.example', 'nobody@town.example'] }));
    expect(some).toMatchObject({ ok: true, answer: expect.stringContaining('not for nobody@town.example') });
    expect(server.mails[0]!.to).toEqual(['it@town.example']);
    expect(await send(route(server.port, { recipients: ['nobody@town.example'] }))).toMatchObject({
      ok: false,
      answer: expect.stringContaining('No such user'),
      remedy: expect.stringContaining('recipients'),
    });
  });

  it.each(['0.0.0.0', '::', '::ffff:0.0.0.0', '169.254.169.254'])('never asks %s', async (host) => {
    const server = await open({ hideSTARTTLS: true });
    const outcome = await messenger.send(route(server.port, { host }), undefined, someMessage(), soon());
    expect(outcome).toMatchObject({ ok: false, answer: expect.stringContaining('was not asked') });
    expect(server.mails).toEqual([]);
  });

  it('leaves a server that talks for ever without ever being done', async () => {
    const sockets = new Set<Socket>();
    const drip: Server = createServer((socket) => {
      sockets.add(socket);
      const more = setInterval(() => socket.write('220-please hold the line\r\n'), 50);
      socket.on('close', () => clearInterval(more)).on('error', () => {});
    });
    await new Promise<void>((resolve) => drip.listen(0, '127.0.0.1', resolve));
    const { port } = drip.address() as AddressInfo;
    const outcome = await messenger.send(route(port), undefined, someMessage(), AbortSignal.timeout(400));
    expect(outcome).toMatchObject({ ok: false, answer: expect.stringContaining('no answer in time') });
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => drip.close(resolve));
  });
});
