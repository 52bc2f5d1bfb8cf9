import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ServerCertificate } from '../../application/tls/server-certificate.port.js';
import { WorldFailure } from '../../domain/problem.js';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\s*/g;
const KEY = /-----BEGIN (?:\w+ )*PRIVATE KEY-----[^-]+-----END (?:\w+ )*PRIVATE KEY-----\s*/;

/** Reads what belongs together, and nothing else. Throws `WorldFailure` `certificate.unusable` with what is wrong. */
export function readServerCertificate(certificate: string, key: string, place: string): ServerCertificate {
  const unusable = (message: string): WorldFailure =>
    new WorldFailure({ code: 'certificate.unusable', retryable: 'later', message: `${place}: ${message}` });
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(certificate);
    if (!leaf.checkPrivateKey(createPrivateKey(key))) throw unusable('the key does not belong to the certificate');
  } catch (error) {
    throw error instanceof WorldFailure ? error : unusable((error as Error).message);
  }
  return {
    certificate,
    key,
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
    fingerprint: leaf.fingerprint256,
    serial: leaf.serialNumber,
    names: namesIn(leaf),
  };
}

/** Key and chain in one file: no kill between two writes can part them. */
export async function readPair(file: string): Promise<ServerCertificate | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  return readServerCertificate((text.match(CERTIFICATE) ?? []).join(''), KEY.exec(text)?.[0] ?? '', file);
}

/** Replaces a file in one step, readable by its owner alone. It is on the disk when this returns. */
export async function writePrivately(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const beside = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(beside, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(beside, file);
}

export const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  [...a].sort().join() === [...b].sort().join();

function namesIn(certificate: X509Certificate): readonly string[] {
  return (certificate.subjectAltName ?? '')
    .split(', ')
    .map((entry) => /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1])
    .filter((name) => name !== undefined)
    .map((name) => plainAddress(name));
}

/** Node prints IPv6 addresses in full; the settings have them short. */
export function plainAddress(name: string): string {
  return name.includes(':') ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name.toLowerCase();
}
