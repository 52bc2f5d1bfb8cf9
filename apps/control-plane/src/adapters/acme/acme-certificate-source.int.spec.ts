import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../../test/engine/eventually.js';
import { WorldFailure } from '../../domain/problem.js';
import { OwnCertificateSource } from '../certificates/own-certificate-source.js';
import { AcmeCertificateSource } from './acme-certificate-source.js';

const possible = existsSync('/usr/bin/pebble') && existsSync('/usr/bin/pebble-challtestsrv');
const story = possible ? describe : describe.skip;
if (!possible) process.stderr.write('SKIPPED: ACME needs the package pebble (infra/setup/setup.sh)\n');

/** Pebble gives bad nonces and odd addresses on purpose, so that only what follows RFC 8555 gets a certificate. */
story('a certificate by ACME, from a real authority', () => {
  const children: ChildProcess[] = [];
  let said = '';
  let folder: string;
  let directoryUrl: string;
  let ca: string;
  let challengePort: number;

  const freePort = (): Promise<number> =>
    new Promise((resolve) => {
      const server = createTcp().listen(0, '127.0.0.1', () => {
        const { port } = server.address() as AddressInfo;
        server.close(() => resolve(port));
      });
    });
  const listens = (port: number): Promise<void> =>
    eventually(
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = connect({ host: '127.0.0.1', port }, () => {
            socket.destroy();
            resolve();
          });
          socket.once('error', reject);
        }),
    );
  const start = (program: string, args: readonly string[]): void => {
    const child = spawn(program, args, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A name proven once is not asked again for the same account, always (Pebble alone would throw dice).
      env: { PATH: process.env.PATH, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '30', PEBBLE_AUTHZREUSE: '100' },
    });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    children.push(child);
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bastide-acme-'));
    const [acme, manage, dns, control] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    challengePort = await freePort();
    const own = await new OwnCertificateSource(join(folder, 'its-own'), ['localhost'], { now: Date.now }).renew();
    ca = own.authority!.certificate;
    await writeFile(join(folder, 'cert.pem'), own.certificate);
    await writeFile(join(folder, 'key.pem'), own.key);
    await writeFile(
      join(folder, 'pebble.json'),
      JSON.stringify({
        pebble: {
          listenAddress: `127.0.0.1:${acme}`,
          managementListenAddress: `127.0.0.1:${manage}`,
          certificate: 'cert.pem',
          privateKey: 'key.pem',
          httpPort: challengePort,
          tlsPort: 1,
        },
      }),
    );
    const none = ['-http01', '', '-https01', '', '-tlsalpn01', ''];
    start('pebble-challtestsrv', [
      ...none,
      ...['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${control}`],
      ...['-defaultIPv4', '127.0.0.1', '-defaultIPv6', ''],
    ]);
    start('pebble', ['-config', 'pebble.json', '-dnsserver', `127.0.0.1:${dns}`]);
    directoryUrl = `https://localhost:${acme}/dir`;
    await Promise.all([listens(acme), listens(control)]);
  }, 60_000);
  afterAll(async () => {
    const ended = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(ended);
    await rm(folder, { recursive: true });
  });

  const source = (more: object = {}, at = 'acme') =>
    new AcmeCertificateSource(join(folder, at), {
      directoryUrl,
      names: ['bastide.town.example', 'office.town.example'],
      email: 'it@town.example',
      ca,
      listen: { host: '127.0.0.1', port: challengePort },
      ...more,
    });
  const soon = () => AbortSignal.timeout(60_000);

  it('is ordered, proven, fetched and kept with its key, which nobody else can read', async () => {
    const made = await source().renew(soon());
    expect([...made.names].sort()).toEqual(['bastide.town.example', 'office.town.example']);
    // With what lies between it and the root.
    expect(made.certificate.match(/BEGIN CERTIFICATE/g)!.length).toBeGreaterThan(1);
    const files = await readdir(join(folder, 'acme'));
    expect(files).toHaveLength(2);
    for (const file of files) expect((await stat(join(folder, 'acme', file))).mode & 0o777).toBe(0o600);
    expect(await source().kept()).toEqual(made);
    expect(await source({ names: ['other.town.example'] }).kept()).toBeUndefined();
    // The port is free again: nothing is open outside of an order.
    await expect(listens(challengePort).catch(() => 'closed')).resolves.toBe('closed');
  }, 90_000);

  it('a renewal takes the same account', async () => {
    const account = async () => {
      const file = (await readdir(join(folder, 'acme'))).find((name) => name.startsWith('account-'));
      return readFile(join(folder, 'acme', file!), 'utf8');
    };
    const before = await account();
    const first = await source().kept();
    const second = await source().renew(soon());
    expect(second.fingerprint).not.toBe(first!.fingerprint);
    expect(await account()).toBe(before);
    expect(await source().kept()).toEqual(second);
  }, 90_000);

  it('a name that is not ours is refused in the authority’s words, and what was there stays', async () => {
    const kept = await source().kept();
    // The authority asks at one port, we answer at another: as if the name led to somebody else.
    const port = await freePort();
    const elsewhere = createServer((_, response) => response.end('who?'));
    await new Promise<void>((resolve) => elsewhere.listen(challengePort, '127.0.0.1', resolve));
    try {
      const names = ['bastide.town.example', 'moved.town.example'];
      const refused = await source({ names, listen: { host: '127.0.0.1', port } })
        .renew(soon())
        .catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(WorldFailure);
      const { code, hint } = (refused as WorldFailure).failure;
      expect(code).toBe('acme.failed');
      expect(hint).toMatch(/question for moved\.town\.example did not arrive here/);
      expect(await source().kept()).toEqual(kept);
    } finally {
      elsewhere.closeAllConnections();
      await new Promise((resolve) => elsewhere.close(resolve));
    }
  }, 90_000);

  it('an authority that is not trusted, is away, or a port that is taken: each is told as what it is', async () => {
    const failure = async (more: object): Promise<string> => {
      const error = await source(more, 'other')
        .renew(soon())
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(WorldFailure);
      return (error as WorldFailure).failure.message;
    };
    expect(await failure({ ca: undefined })).toMatch(/certificate|verify/);
    expect(await failure({ directoryUrl: 'https://localhost:1/dir' })).toMatch(/ECONNREFUSED/);
    const taken = createTcp();
    const port = await freePort();
    await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
    const told = await failure({ listen: { host: '127.0.0.1', port } }).finally(() => taken.close());
    expect(told).toMatch(/EADDRINUSE/);
    const gone = await source({}, 'other')
      .renew(AbortSignal.abort())
      .catch((thrown: unknown) => thrown);
    expect(gone).toBeInstanceOf(WorldFailure);
    expect(said).not.toContain('panic');
  }, 90_000);
});
