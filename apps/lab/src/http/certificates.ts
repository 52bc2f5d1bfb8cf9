/** The lab's own certificate authority and server certificate, made once and kept in the state folder. */
import { createHash, webcrypto } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

export interface ServerCertificate {
  readonly caCertificate: string;
  readonly certificate: string;
  readonly key: string;
  /** SHA-256 of the served certificate, `AB:CD:…`, as in `ssl_fingerprint` of /nodes. */
  readonly fingerprint: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const YEAR = 365 * 24 * 3600 * 1000;

const pem = (label: string, data: ArrayBuffer) =>
  `-----BEGIN ${label}-----\n${(
    Buffer.from(data)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  ).join('\n')}\n-----END ${label}-----\n`;

async function newKeys(): Promise<{ pair: webcrypto.CryptoKeyPair; text: string }> {
  const pair = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  return { pair, text: pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', pair.privateKey)) };
}

async function importKey(text: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(text.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, true, ['sign']);
}

export function fingerprintOf(certificate: string): string {
  const der = Buffer.from(certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return (createHash('sha256').update(der).digest('hex').toUpperCase().match(/../g) ?? []).join(':');
}

function write(file: string, content: string, mode: number): void {
  writeFileSync(`${file}.tmp`, content, { mode });
  renameSync(`${file}.tmp`, file);
}

const serial = () => Buffer.from(webcrypto.getRandomValues(new Uint8Array(15))).toString('hex');

/** Loads the certificates of a folder or makes them. `renew` makes a new server certificate under the same authority. */
export async function serverCertificate(
  folder: string,
  names: readonly string[],
  addresses: readonly string[],
  now: Date,
  renew = false,
): Promise<ServerCertificate> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  x509.cryptoProvider.set(webcrypto);
  const file = (name: string) => join(folder, name);
  const notBefore = new Date(now.getTime() - 24 * 3600 * 1000);
  if (!existsSync(file('ca.pem'))) {
    const { pair, text } = await newKeys();
    const ca = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: 'CN=Bastide Lab,O=PVE Cluster Manager CA',
      notBefore,
      notAfter: new Date(now.getTime() + 10 * YEAR),
      signingAlgorithm: ALGORITHM,
      keys: pair,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(pair.publicKey),
      ],
    });
    write(file('ca.key'), text, 0o600);
    write(file('ca.pem'), `${ca.toString('pem')}\n`, 0o644);
  }
  const caCertificate = readFileSync(file('ca.pem'), 'utf8');
  if (renew || !existsSync(file('server.pem'))) {
    const ca = new x509.X509Certificate(caCertificate);
    const { pair, text } = await newKeys();
    const issued = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: `CN=${names[0] ?? 'lab'},O=Proxmox Virtual Environment,OU=PVE Cluster Node`,
      issuer: ca.subject,
      notBefore,
      notAfter: new Date(now.getTime() + 2 * YEAR),
      signingAlgorithm: ALGORITHM,
      publicKey: pair.publicKey,
      signingKey: await importKey(readFileSync(file('ca.key'), 'utf8')),
      extensions: [
        new x509.BasicConstraintsExtension(false),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([
          ...addresses.map((value) => ({ type: 'ip' as const, value })),
          ...names.map((value) => ({ type: 'dns' as const, value })),
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(ca),
      ],
    });
    write(file('server.key'), text, 0o600);
    write(file('server.pem'), `${issued.toString('pem')}\n`, 0o644);
  }
  const certificate = readFileSync(file('server.pem'), 'utf8');
  return {
    caCertificate,
    certificate,
    key: readFileSync(file('server.key'), 'utf8'),
    fingerprint: fingerprintOf(certificate),
  };
}
