// @peculiar/x509 finds its parts through decorators and needs this before it.
import 'reflect-metadata';
import { webcrypto, X509Certificate } from 'node:crypto';
import { X509Certificate as Certificate, type Extension, Name, X509CertificateGenerator } from '@peculiar/x509';
import type {
  CertificateAuthority,
  IssuedCertificate,
} from '../../application/certificates/certificate-authority.port.js';
import type { SecretStore } from '../../application/secrets/secret-store.port.js';
import type { KeptCertificate } from '../../domain/notification/certificate-news.js';
import { authorityExtensions, leafExtensions, rootExtensions } from './extensions.js';
import { ALGORITHM, importPrivate, importPublic, newKeys, pem, privatePem, randomSerial } from './keys.js';

const DAY_MS = 86_400_000;
const ROOT_DAYS = 3653;
const ISSUED_DAYS = 365;
/** Clocks of guests run behind. */
const SKEW_MS = 10 * 60_000;
/** X.520's upper bound; what is longer stands in the alternative names only. */
const LONGEST_COMMON_NAME = 64;
const crypto = webcrypto;

type Site = { name: string; domain: string };
type CertificateRequest = Parameters<CertificateAuthority['issue']>[2];

interface Root {
  readonly certificate: string;
  readonly privateKey: string;
}

/** What lies in the store under `certificate/<site>/<name>`: the certificate and what it was asked for. */
interface Kept extends IssuedCertificate {
  readonly wanted: string;
  readonly notBefore: number;
}

/**
 * Secrets: `certificate-root/<site>` (key and certificate), `certificate/<site>/<name>`, `certificate-site/<site>` (which
 * sites there are). Concurrent first calls for one name, also of several processes, all get the same certificate.
 */
export class SiteCertificateAuthority implements CertificateAuthority {
  /** Per secret, so that two callers of this process do not both renew. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(
    private readonly secrets: SecretStore,
    private readonly clock: { now(): number },
  ) {}

  async root(site: Site): Promise<string> {
    return (await this.#root(site)).certificate;
  }

  issue(site: Site, name: string, request: CertificateRequest): Promise<IssuedCertificate> {
    if (request.kind === 'leaf' && request.dnsNames.length + request.addresses.length === 0)
      throw new TypeError(`the certificate ${name} is for no name at all`);
    const secret = `certificate/${plain(site.name)}/${name}`;
    return this.#inTurn(secret, async () => {
      const root = await this.#root(site);
      const wanted = canonical(site, request, root.certificate);
      const kept = parse(await this.secrets.get(secret));
      if (kept && this.#fresh(kept, wanted)) return issued(kept);
      const made = await this.#make(site, request, root, wanted);
      await this.secrets.ensure(`certificate-site/${plain(site.name)}`, () => site.name);
      if (kept) {
        await this.secrets.put(secret, JSON.stringify(made));
        return issued(made);
      }
      // Another process may have been first; then its certificate is the one, unless it was made for something else.
      const stored = parse(await this.secrets.ensure(secret, () => JSON.stringify(made)));
      if (stored && this.#fresh(stored, wanted)) return issued(stored);
      await this.secrets.put(secret, JSON.stringify(made));
      return issued(made);
    });
  }

  async find(site: { name: string }, name: string): Promise<IssuedCertificate | undefined> {
    const kept = parse(await this.secrets.get(`certificate/${plain(site.name)}/${name}`));
    return kept && issued(kept);
  }

  async kept(site: { name: string }): Promise<readonly KeptCertificate[]> {
    const root = await this.secrets.get(`certificate-root/${plain(site.name)}`);
    const issuedOnes = (await this.secrets.valuesUnder(`certificate/${plain(site.name)}/`)).map(
      (text) => (JSON.parse(text) as Kept).certificate,
    );
    return [...(root === undefined ? [] : [(JSON.parse(root) as Root).certificate]), ...issuedOnes].map((text) => {
      const certificate = new X509Certificate(text);
      const name = /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? certificate.subjectAltName ?? certificate.subject;
      return { name, serial: certificate.serialNumber, notAfter: Date.parse(certificate.validTo) };
    });
  }

  async forgetUnder(prefix: string): Promise<void> {
    if (prefix === '') throw new TypeError('refusing to forget every certificate');
    // Names are the same on every site, and the store lists values, not names.
    for (const site of await this.secrets.valuesUnder('certificate-site/'))
      await this.secrets.removeUnder(`certificate/${plain(site)}/${prefix}`);
  }

  async #root(site: Site): Promise<Root> {
    const secret = `certificate-root/${plain(site.name)}`;
    const known = await this.secrets.get(secret);
    if (known !== undefined) return JSON.parse(known) as Root;
    return this.#inTurn(secret, async () => {
      const made = await this.#makeRoot(site);
      return JSON.parse(await this.secrets.ensure(secret, () => JSON.stringify(made))) as Root;
    });
  }

  async #makeRoot(site: Site): Promise<Root> {
    const keys = await newKeys();
    const now = this.clock.now();
    const name = new Name([
      { CN: [`Bastide CA of ${site.name}`.slice(0, LONGEST_COMMON_NAME)] },
      { O: [site.domain.slice(0, 64)] },
    ]);
    const certificate = await X509CertificateGenerator.createSelfSigned(
      {
        serialNumber: randomSerial(),
        name,
        notBefore: new Date(now - SKEW_MS),
        notAfter: new Date(now + ROOT_DAYS * DAY_MS),
        signingAlgorithm: ALGORITHM,
        keys,
        extensions: await rootExtensions(keys.publicKey, crypto),
      },
      crypto,
    );
    return { certificate: pem(certificate.toString('pem')), privateKey: await privatePem(keys.privateKey) };
  }

  async #make(site: Site, request: CertificateRequest, root: Root, wanted: string): Promise<Kept> {
    const keys = await newKeys();
    const rootCertificate = new X509Certificate(root.certificate);
    const rootPublic = await importPublic(rootCertificate);
    const pair = { own: keys.publicKey, issuer: rootPublic };
    const extensions: Extension[] =
      request.kind === 'authority'
        ? await authorityExtensions(pair, { ...request, domain: site.domain }, crypto)
        : await leafExtensions(pair, request, crypto);
    const now = this.clock.now();
    const notBefore = now - SKEW_MS;
    // Whole seconds, as the certificate has them.
    const notAfter =
      Math.floor(Math.min(now + ISSUED_DAYS * DAY_MS, Date.parse(rootCertificate.validTo)) / 1000) * 1000;
    const serial = randomSerial();
    const certificate = await X509CertificateGenerator.create(
      {
        serialNumber: serial,
        issuer: new Certificate(root.certificate).subjectName,
        subject: subjectOf(site, request),
        notBefore: new Date(notBefore),
        notAfter: new Date(notAfter),
        signingAlgorithm: ALGORITHM,
        signingKey: await importPrivate(root.privateKey),
        publicKey: keys.publicKey,
        extensions,
      },
      crypto,
    );
    return {
      wanted,
      notBefore,
      notAfter,
      serial,
      certificate: pem(certificate.toString('pem')),
      privateKey: await privatePem(keys.privateKey),
      caCertificate: root.certificate,
    };
  }

  #fresh(kept: Kept, wanted: string): boolean {
    const renewAt = kept.notBefore + ((kept.notAfter - kept.notBefore) * 2) / 3;
    return kept.wanted === wanted && this.clock.now() < renewAt;
  }

  #inTurn<T>(secret: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(secret) ?? Promise.resolve()).then(work);
    const settled = turn.then(
      () => {},
      () => {},
    );
    this.#turns.set(secret, settled);
    void settled.then(() => {
      if (this.#turns.get(secret) === settled) this.#turns.delete(secret);
    });
    return turn;
  }
}

/** The same text for the same wish, whatever the order of names; another domain or root is another wish. */
function canonical(site: Site, request: CertificateRequest, rootCertificate: string): string {
  return JSON.stringify([
    request.kind,
    request.commonName,
    [...new Set(request.dnsNames)].sort(),
    [...new Set(request.addresses)].sort(),
    request.kind === 'authority' ? site.domain : '',
    new X509Certificate(rootCertificate).fingerprint256,
  ]);
}

function issued({ certificate, privateKey, caCertificate, serial, notAfter }: Kept): IssuedCertificate {
  return { certificate, privateKey, caCertificate, serial, notAfter };
}

function parse(text: string | undefined): Kept | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as Kept);
}

function subjectOf(site: Site, request: CertificateRequest): Name {
  const { commonName } = request;
  return new Name([
    ...(commonName && commonName.length <= LONGEST_COMMON_NAME ? [{ CN: [commonName] }] : []),
    { O: [site.domain.slice(0, 64)] },
  ]);
}

/** Site names are part of a secret's name; a slash in one would reach into another site's. */
function plain(site: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(site))
    throw new TypeError(`not the name of a site: ${JSON.stringify(site)}`);
  return site;
}
