// @peculiar/x509 finds its parts through decorators and needs this before it.
import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';

import { isIP } from 'node:net';
import { join } from 'node:path';
import { X509Certificate as Certificate, Name, X509CertificateGenerator } from '@peculiar/x509';
import type { CertificateSource, ServerCertificate } from '../../application/tls/server-certificate.port.js';
import { leafExtensions, rootExtensions } from './extensions.js';
import { ALGORITHM, importPrivate, importPublic, newKeys, pem, privatePem, randomSerial } from './keys.js';
import { plainAddress, readPair, sameNames, writePrivately } from './server-certificate-file.js';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3653;
const SERVER_DAYS = 90;
/** Clocks of those who connect run behind. */
const SKEW_MS = 10 * 60_000;

/**
 * The control plane's own authority, and its server certificate from it. In the state folder: `authority.pem` (certificate
 * and key), `authority.crt` (the certificate alone, for people), `server.pem`. Whoever has the authority's key can pretend
 * to be the control plane to those who trust it; it is good for nothing else.
 */
export class OwnCertificateSource implements CertificateSource {
  readonly kind = 'own';
  readonly #names: readonly string[];

  constructor(
    private readonly directory: string,
    names: readonly string[],
    private readonly clock: { now(): number },
  ) {
    this.#names = [...new Set(names.map(plainAddress))];
  }

  async kept(): Promise<ServerCertificate | undefined> {
    const [authority, server] = await Promise.all([this.#authority(), readPair(join(this.directory, 'server.pem'))]);
    if (!authority || !server || !sameNames(server.names, this.#names)) return undefined;
    if (!new X509Certificate(server.certificate).verify(new X509Certificate(authority.certificate).publicKey))
      return undefined;
    return withAuthority(server, authority.certificate);
  }

  async renew(): Promise<ServerCertificate> {
    const known = await this.#authority();
    // An authority near its own end would sign what nobody trusts soon.
    const fresh = known && known.notAfter > this.clock.now() + SERVER_DAYS * DAY_MS;
    const authority = fresh ? known : await this.#makeAuthority();
    const root = new Certificate(authority.certificate);
    const keys = await newKeys();
    const now = this.clock.now();
    const addresses = this.#names.filter((name) => isIP(name) !== 0);
    const dnsNames = this.#names.filter((name) => isIP(name) === 0);
    const certificate = await X509CertificateGenerator.create(
      {
        serialNumber: randomSerial(),
        issuer: root.subjectName,
        subject: new Name([{ CN: [(dnsNames[0] ?? addresses[0] ?? 'bastide').slice(0, 64)] }]),
        notBefore: new Date(now - SKEW_MS),
        notAfter: new Date(now + SERVER_DAYS * DAY_MS),
        signingAlgorithm: ALGORITHM,
        signingKey: await importPrivate(authority.key),
        publicKey: keys.publicKey,
        extensions: await leafExtensions(
          { own: keys.publicKey, issuer: await importPublic(new X509Certificate(authority.certificate)) },
          { dnsNames, addresses },
          webcrypto,
        ),
      },
      webcrypto,
    );
    // The authority's own certificate goes along: who connects for the first time can show whom they would trust.
    const chain = pem(certificate.toString('pem')) + authority.certificate;
    await writePrivately(join(this.directory, 'server.pem'), (await privatePem(keys.privateKey)) + chain);
    const made = await readPair(join(this.directory, 'server.pem'));
    if (!made) throw new Error('the server certificate was not kept');
    return withAuthority(made, authority.certificate);
  }

  #authority(): Promise<ServerCertificate | undefined> {
    return readPair(join(this.directory, 'authority.pem'));
  }

  async #makeAuthority(): Promise<ServerCertificate> {
    const keys = await newKeys();
    const now = this.clock.now();
    const certificate = await X509CertificateGenerator.createSelfSigned(
      {
        serialNumber: randomSerial(),
        name: new Name([{ CN: [`Bastide control plane ${this.#names[0] ?? ''}`.trim().slice(0, 64)] }]),
        notBefore: new Date(now - SKEW_MS),
        notAfter: new Date(now + AUTHORITY_DAYS * DAY_MS),
        signingAlgorithm: ALGORITHM,
        keys,
        extensions: await rootExtensions(keys.publicKey, webcrypto),
      },
      webcrypto,
    );
    const text = pem(certificate.toString('pem'));
    await writePrivately(join(this.directory, 'authority.pem'), (await privatePem(keys.privateKey)) + text);
    const made = await this.#authority();
    if (!made) throw new Error('the authority was not kept');
    await writePrivately(join(this.directory, 'authority.crt'), made.certificate);
    return made;
  }
}

const withAuthority = (server: ServerCertificate, certificate: string): ServerCertificate => ({
  ...server,
  authority: { certificate, fingerprint: new X509Certificate(certificate).fingerprint256 },
});
