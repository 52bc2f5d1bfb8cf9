import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { resolve } from 'node:path';

export const TLS_KINDS = ['file', 'own', 'acme'] as const;

export type TlsSettings =
  | { readonly kind: 'file'; readonly certificateFile: string; readonly keyFile: string }
  | { readonly kind: 'own'; readonly names: readonly string[] }
  | {
      readonly kind: 'acme';
      readonly names: readonly string[];
      /** Of the stand-in until the first certificate is here. */
      readonly ownNames: readonly string[];
      readonly directoryUrl: string;
      readonly email?: string;
      readonly ca?: string;
      readonly listen: { readonly host: string; readonly port: number };
    };

interface Read {
  readonly BASTIDE_LISTEN?: string;
  readonly BASTIDE_TLS?: string;
  readonly BASTIDE_TLS_CERTIFICATE?: string;
  readonly BASTIDE_TLS_KEY?: string;
  readonly BASTIDE_TLS_NAMES?: string;
  readonly BASTIDE_ACME_DIRECTORY?: string;
  readonly BASTIDE_ACME_EMAIL?: string;
  readonly BASTIDE_ACME_TERMS?: string;
  readonly BASTIDE_ACME_CA?: string;
  readonly BASTIDE_ACME_LISTEN?: string;
}

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';
const DNS_NAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
const WILDCARDS = ['0.0.0.0', '::'];

export const hostAndPort = (listen: string): { readonly host: string; readonly port: number } => {
  const at = listen.lastIndexOf(':');
  return { host: listen.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(listen.slice(at + 1)) };
};

/** What the settings say about TLS; undefined: plain HTTP. Findings are added to the list, never thrown. */
export function tlsSettings(read: Read, findings: string[]): TlsSettings | undefined {
  const kind = read.BASTIDE_TLS ?? (read.BASTIDE_TLS_CERTIFICATE || read.BASTIDE_TLS_KEY ? 'file' : undefined);
  const names = namesOf(read, findings);
  if (kind !== 'file' && (read.BASTIDE_TLS_CERTIFICATE || read.BASTIDE_TLS_KEY))
    findings.push(
      `BASTIDE_TLS=${kind} makes its own certificate: BASTIDE_TLS_CERTIFICATE and BASTIDE_TLS_KEY are for BASTIDE_TLS=file`,
    );
  if (kind !== 'acme' && (read.BASTIDE_ACME_DIRECTORY || read.BASTIDE_ACME_TERMS))
    findings.push('BASTIDE_ACME_… settings need BASTIDE_TLS=acme');
  if (kind === 'file') return fromFiles(read, findings);
  if (kind === 'own') return { kind, names: ownNames(read, names) };
  if (kind === 'acme') return fromAcme(read, names, findings);
  return undefined;
}

function namesOf(read: Read, findings: string[]): readonly string[] {
  const names = (read.BASTIDE_TLS_NAMES ?? '')
    .split(/[\s,]+/)
    .filter((name) => name !== '')
    .map((name) => name.toLowerCase());
  const wrong = names.filter((name) => isIP(name) === 0 && !DNS_NAME.test(name));
  if (wrong.length > 0) findings.push(`BASTIDE_TLS_NAMES: ${wrong.join(', ')} is neither a host name nor an address`);
  return names;
}

/** Whatever this machine is called, besides the names that are given. */
function ownNames(read: Read, names: readonly string[]): readonly string[] {
  const { host } = hostAndPort(read.BASTIDE_LISTEN ?? '127.0.0.1:7080');
  const machine = hostname().toLowerCase();
  return [
    ...new Set([
      ...names,
      ...(WILDCARDS.includes(host) ? [] : [host]),
      ...(DNS_NAME.test(machine) ? [machine] : []),
      'localhost',
      '127.0.0.1',
      '::1',
    ]),
  ];
}

/** Both files, and they must belong together: found at the start, not by the first browser. */
function fromFiles(read: Read, findings: string[]): TlsSettings | undefined {
  const { BASTIDE_TLS_CERTIFICATE: certificateFile, BASTIDE_TLS_KEY: keyFile } = read;
  if (!certificateFile || !keyFile) {
    findings.push('BASTIDE_TLS_CERTIFICATE and BASTIDE_TLS_KEY belong together');
    return undefined;
  }
  try {
    const certificate = new X509Certificate(readFileSync(certificateFile));
    if (!certificate.checkPrivateKey(createPrivateKey(readFileSync(keyFile))))
      findings.push(`BASTIDE_TLS_KEY ${keyFile} is not the key of the certificate in ${certificateFile}`);
    return { kind: 'file', certificateFile: resolve(certificateFile), keyFile: resolve(keyFile) };
  } catch (error) {
    findings.push(`BASTIDE_TLS_CERTIFICATE or BASTIDE_TLS_KEY cannot be used: ${(error as Error).message}`);
    return undefined;
  }
}

function fromAcme(read: Read, names: readonly string[], findings: string[]): TlsSettings | undefined {
  const before = findings.length;
  const directoryUrl = read.BASTIDE_ACME_DIRECTORY ?? LETS_ENCRYPT;
  if (names.length === 0 || names.some((name) => isIP(name) !== 0))
    findings.push('BASTIDE_TLS=acme needs BASTIDE_TLS_NAMES: the host names people use, without addresses');
  if (read.BASTIDE_ACME_TERMS !== 'accepted')
    findings.push(`BASTIDE_ACME_TERMS=accepted says that you agree to the terms of ${directoryUrl}; nobody else can`);
  let ca: string | undefined;
  try {
    ca = read.BASTIDE_ACME_CA ? readFileSync(read.BASTIDE_ACME_CA, 'utf8') : undefined;
    if (ca) new X509Certificate(ca);
  } catch (error) {
    findings.push(`BASTIDE_ACME_CA ${read.BASTIDE_ACME_CA} cannot be used: ${(error as Error).message}`);
  }
  if (findings.length > before) return undefined;
  return {
    kind: 'acme',
    names,
    ownNames: ownNames(read, names),
    directoryUrl,
    ...(read.BASTIDE_ACME_EMAIL ? { email: read.BASTIDE_ACME_EMAIL } : {}),
    ...(ca ? { ca } : {}),
    listen: hostAndPort(read.BASTIDE_ACME_LISTEN ?? '0.0.0.0:80'),
  };
}
