import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { WorldFailure } from '../../domain/problem.js';
import { FileCertificateSource } from './file-certificate-source.js';
import { OwnCertificateSource } from './own-certificate-source.js';

const NAMES = ['bastide.town.example', 'localhost', '127.0.0.1', '::1'];

describe('certificates of the API', () => {
  let folder: string;
  let now = Date.now();
  const own = (names: readonly string[] = NAMES) =>
    new OwnCertificateSource(join(folder, 'own'), names, { now: () => now });
  beforeEach(async () => {
    now = Date.now();
    folder = await mkdtemp(join(tmpdir(), 'bastide-served-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('the own authority’s is what OpenSSL takes, for every name and address', async () => {
    const made = await own().renew();
    await writeFile(join(folder, 'leaf.pem'), made.certificate);
    const check = (...more: string[]): string => {
      const args = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', join(folder, 'own/authority.crt')];
      return execFileSync('openssl', [...args, ...more, join(folder, 'leaf.pem')]).toString();
    };
    for (const [option, name] of [
      ['-verify_hostname', 'bastide.town.example'],
      ['-verify_hostname', 'localhost'],
      ['-verify_ip', '127.0.0.1'],
      ['-verify_ip', '::1'],
    ] as const)
      expect(check(option, name)).toMatch(/: OK/);
    expect(() => check('-verify_hostname', 'other.example')).toThrow();
    expect([...made.names].sort()).toEqual([...NAMES].sort());
  });

  it('keys can be read by their owner alone, and nothing half-written is left', async () => {
    await own().renew();
    expect((await readdir(join(folder, 'own'))).sort()).toEqual(['authority.crt', 'authority.pem', 'server.pem']);
    for (const file of ['authority.pem', 'server.pem'])
      expect((await stat(join(folder, 'own', file))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'own'))).mode & 0o777).toBe(0o700);
    expect(await readFile(join(folder, 'own/authority.crt'), 'utf8')).not.toContain('PRIVATE');
  });

  it('is kept over a restart; other names get another one from the same authority', async () => {
    const made = await own().renew();
    expect(await own([...NAMES].reverse()).kept()).toEqual(made);
    expect(await own(['new.town.example']).kept()).toBeUndefined();
    const other = await own(['new.town.example']).renew();
    expect(other.authority).toEqual(made.authority);
    expect(other.fingerprint).not.toBe(made.fingerprint);
  });

  it('an authority near its end is made anew with the certificate', async () => {
    const made = await own().renew();
    now += 9.9 * 365 * 86_400_000;
    expect((await own().renew()).authority!.fingerprint).not.toBe(made.authority!.fingerprint);
  });

  it('files are read again when they change, and never as a pair that does not fit', async () => {
    const [certificateFile, keyFile] = [join(folder, 'c.pem'), join(folder, 'k.pem')];
    const source = new FileCertificateSource(certificateFile, keyFile);
    await expect(source.kept()).rejects.toThrow(/ENOENT/);
    const first = await own().renew();
    await writeFile(certificateFile, first.certificate);
    await writeFile(keyFile, first.key);
    expect(await source.kept()).toMatchObject({ fingerprint: first.fingerprint });
    const second = await own().renew();
    await writeFile(certificateFile, second.certificate);
    await expect(source.kept()).rejects.toThrow(WorldFailure);
    await writeFile(keyFile, second.key);
    expect(await source.kept()).toMatchObject({ fingerprint: second.fingerprint });
    await writeFile(certificateFile, 'nonsense');
    await expect(source.kept()).rejects.toMatchObject({ failure: { code: 'certificate.unusable' } });
  });

  it('a running server shows the new one to those who come, and keeps those who are there', async () => {
    const first = await own().renew();
    const server: Server = createServer({ cert: first.certificate, key: first.key }, (_, response) =>
      response.end('hello'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const open = () =>
      new Promise<ReturnType<typeof connect>>((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port, ca: first.authority!.certificate }, () => resolve(socket));
        socket.once('error', reject);
      });
    const before = await open();
    const second = await own().renew();
    server.setSecureContext({ cert: second.certificate, key: second.key });
    const after = await open();
    expect(before.getPeerX509Certificate()?.fingerprint256).toBe(first.fingerprint);
    expect(after.getPeerX509Certificate()?.fingerprint256).toBe(second.fingerprint);
    before.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(String(await new Promise((resolve) => before.once('data', resolve)))).toContain('hello');
    before.destroy();
    after.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});
