import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemorySecretStore } from '../fake/memory-secret-store.js';
import { SiteCertificateAuthority } from './site-certificate-authority.js';

const DAY = 86_400_000;
const site = { name: 'demo', domain: 'demo.test' };
const leaf = {
  kind: 'leaf',
  commonName: 'wiki.demo.test',
  dnsNames: ['wiki.demo.test', 'team-wiki'],
  addresses: ['10.90.2.12', 'fd00::1'],
} as const;
const authority = { kind: 'authority', commonName: 'Gateway of demo', dnsNames: [], addresses: [] } as const;

// OpenSSL judges the certificates here, with its own clock: so they are made for today.
const openssl = spawnSync('openssl', ['version']).status === 0;
if (!openssl) console.warn('SKIPPED: certificates judged by OpenSSL (needs openssl)');
const suite = openssl ? describe : describe.skip;

let now: number;
let secrets: MemorySecretStore;
let ca: SiteCertificateAuthority;
let directory: string;
beforeEach(async () => {
  now = Date.now();
  secrets = new MemorySecretStore();
  ca = new SiteCertificateAuthority(secrets, { now: () => now });
  directory = await mkdtemp(join(tmpdir(), 'bastide-ca-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const file = async (name: string, text: string) => {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
};

describe('SiteCertificateAuthority', () => {
  it('keeps one root per site, whoever asks first', async () => {
    const other = new SiteCertificateAuthority(secrets, { now: () => now });
    const roots = await Promise.all([ca.root(site), other.root(site), ca.root(site)]);
    expect(new Set(roots).size).toBe(1);
    expect(await ca.root({ name: 'other', domain: 'other.test' })).not.toBe(roots[0]);
    const years = (Date.parse(new X509Certificate(roots[0]!).validTo) - now) / DAY / 365.25;
    expect(years).toBeCloseTo(10, 0);
  });

  it('gives the same certificate again until the names change, whatever their order', async () => {
    const first = await ca.issue(site, 'instance/ins_1/server', leaf);
    const again = { ...leaf, dnsNames: [...leaf.dnsNames].reverse() };
    expect(await ca.issue(site, 'instance/ins_1/server', again)).toEqual(first);
    const changed = await ca.issue(site, 'instance/ins_1/server', { ...leaf, addresses: ['10.90.2.13'] });
    expect(changed.serial).not.toBe(first.serial);
    expect(changed.caCertificate).toBe(first.caCertificate);
  });

  it('renews after two thirds of the life, not before, and never lives longer than the root', async () => {
    const first = await ca.issue(site, 'a/server', leaf);
    expect(first.notAfter).toBeGreaterThan(now + 364 * DAY);
    now += 240 * DAY;
    expect((await ca.issue(site, 'a/server', leaf)).serial).toBe(first.serial);
    now += 10 * DAY;
    expect((await ca.issue(site, 'a/server', leaf)).serial).not.toBe(first.serial);
    now += 9.1 * 365 * DAY;
    const late = await ca.issue(site, 'a/server', leaf);
    expect(late.notAfter).toBeLessThanOrEqual(Date.parse(new X509Certificate(late.caCertificate).validTo));
  });

  it('concurrent callers get the same certificate, also from several processes', async () => {
    const other = new SiteCertificateAuthority(secrets, { now: () => now });
    const all = await Promise.all([1, 2, 3, 4, 5, 6].map((i) => (i % 2 ? ca : other).issue(site, 'a/server', leaf)));
    expect(new Set(all.map((one) => one.serial)).size).toBe(1);
  });

  it('forgets what was issued under a prefix, and neither the neighbours nor the root', async () => {
    const root = await ca.root(site);
    const gone = await ca.issue(site, 'instance/ins_1/app/server', leaf);
    const kept = await ca.issue(site, 'instance/ins_12/app/server', leaf);
    await ca.forgetUnder('instance/ins_1/');
    expect((await ca.issue(site, 'instance/ins_12/app/server', leaf)).serial).toBe(kept.serial);
    expect((await ca.issue(site, 'instance/ins_1/app/server', leaf)).serial).not.toBe(gone.serial);
    expect(await ca.root(site)).toBe(root);
    await expect(ca.forgetUnder('')).rejects.toThrow();
  });

  it('has a key that fits, a random serial, and the names that were asked for', async () => {
    const issued = await ca.issue(site, 'a/server', leaf);
    const certificate = new X509Certificate(issued.certificate);
    expect(certificate.checkPrivateKey(createPrivateKey(issued.privateKey))).toBe(true);
    expect(certificate.serialNumber.toLowerCase()).toBe(issued.serial);
    expect(Date.parse(certificate.validTo)).toBe(issued.notAfter);
    expect(certificate.subjectAltName?.split(', ')).toEqual([
      'DNS:wiki.demo.test',
      'DNS:team-wiki',
      'IP Address:10.90.2.12',
      'IP Address:FD00:0:0:0:0:0:0:1',
    ]);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  });
});

suite('certificates of a site, judged by OpenSSL', () => {
  const verify = async (root: string, chain: string[], certificate: string, ...more: string[]) => {
    const ca = await file('root.pem', root);
    const untrusted = chain.length > 0 ? ['-untrusted', await file('chain.pem', chain.join(''))] : [];
    const result = spawnSync('openssl', [
      'verify',
      '-x509_strict',
      '-CAfile',
      ca,
      ...untrusted,
      ...more,
      await file('leaf.pem', certificate),
    ]);
    return { ok: result.status === 0, text: Buffer.concat([result.stdout, result.stderr]).toString() };
  };
  interface Pair {
    readonly certificate: string;
    readonly privateKey: string;
  }
  let made = 0;
  /** Somebody with the authority's key signs what he likes. */
  const signBelow = async (issuer: Pair, names: string, kind: 'leaf' | 'authority' = 'leaf'): Promise<Pair> => {
    const [crt, key] = [await file('sub.pem', issuer.certificate), await file('sub.key', issuer.privateKey)];
    const extensions = await file(
      'ext',
      [
        `subjectAltName=${names}`,
        kind === 'leaf' ? 'basicConstraints=critical,CA:FALSE' : 'basicConstraints=critical,CA:TRUE',
        `keyUsage=critical,${kind === 'leaf' ? 'digitalSignature' : 'keyCertSign'}`,
        'subjectKeyIdentifier=hash',
        'authorityKeyIdentifier=keyid',
      ].join('\n'),
    );
    const run = (...words: string[]) => execFileSync('openssl', words, { stdio: 'pipe' }).toString();
    const [ownKey, csr] = [join(directory, 'own.key'), join(directory, 'own.csr')];
    run('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', ownKey);
    run('req', '-new', '-key', ownKey, '-out', csr, '-subj', `/O=below ${++made}`);
    const certificate = run(
      'x509',
      '-req',
      '-in',
      csr,
      '-CA',
      crt,
      '-CAkey',
      key,
      '-days',
      '30',
      '-extfile',
      extensions,
    );
    return { certificate, privateKey: await readFile(ownKey, 'utf8') };
  };

  it('accepts a leaf for its names and addresses, strictly by the book', async () => {
    const issued = await ca.issue(site, 'a/server', leaf);
    const root = await ca.root(site);
    expect(
      await verify(root, [], issued.certificate, '-verify_hostname', 'wiki.demo.test', '-purpose', 'sslserver'),
    ).toMatchObject({ ok: true });
    expect(
      await verify(root, [], issued.certificate, '-verify_ip', '10.90.2.12', '-purpose', 'sslclient'),
    ).toMatchObject({ ok: true });
    expect(await verify(root, [], issued.certificate, '-verify_hostname', 'other.demo.test')).toMatchObject({
      ok: false,
    });
    const foreign = await ca.root({ name: 'other', domain: 'demo.test' });
    expect(await verify(foreign, [], issued.certificate)).toMatchObject({ ok: false });
  });

  it('an authority makes certificates for the domain of the site, and for nothing else', async () => {
    const issued = await ca.issue(site, 'gateway/authority', authority);
    const root = await ca.root(site);
    expect(await verify(root, [], issued.certificate)).toMatchObject({ ok: true });
    const judge = async (names: string) =>
      verify(root, [issued.certificate], (await signBelow(issued, names)).certificate);
    for (const good of ['DNS:demo.test', 'DNS:wiki.demo.test', 'DNS:*.apps.demo.test'])
      expect(await judge(good)).toMatchObject({ ok: true });
    for (const bad of [
      'DNS:example.org',
      'DNS:evildemo.test',
      'DNS:wiki.demo.test,DNS:bank.example',
      'IP:10.90.1.5',
      'IP:fd00::5',
    ])
      expect(await judge(bad)).toMatchObject({ ok: false, text: expect.stringMatching(/subtree violation/) });
  });

  it('an authority with addresses may certify exactly these', async () => {
    const issued = await ca.issue(site, 'gateway/authority', { ...authority, addresses: ['10.90.1.5'] });
    const root = await ca.root(site);
    const judge = async (names: string) =>
      verify(root, [issued.certificate], (await signBelow(issued, names)).certificate);
    expect(await judge('DNS:a.demo.test,IP:10.90.1.5')).toMatchObject({ ok: true });
    for (const bad of ['IP:10.90.1.6', 'IP:fd00::5']) expect(await judge(bad)).toMatchObject({ ok: false });
  });

  it('an authority cannot make another authority', async () => {
    const issued = await ca.issue(site, 'gateway/authority', authority);
    const root = await ca.root(site);
    const below = await signBelow(issued, 'DNS:a.demo.test', 'authority');
    const leafBelow = await signBelow(below, 'DNS:a.demo.test');
    expect(await verify(root, [issued.certificate, below.certificate], leafBelow.certificate)).toMatchObject({
      ok: false,
      text: expect.stringMatching(/path length constraint exceeded/),
    });
    const text = execFileSync('openssl', [
      'x509',
      '-noout',
      '-text',
      '-in',
      await file('sub.pem', issued.certificate),
    ]).toString();
    expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
    expect(text).toMatch(
      /Name Constraints: critical\s+Permitted:\s+DNS:demo\.test\s+Excluded:\s+IP:0\.0\.0\.0\/0\.0\.0\.0\s+IP:0:0:0:0:0:0:0:0\/0:0:0:0:0:0:0:0/,
    );
  });
});
