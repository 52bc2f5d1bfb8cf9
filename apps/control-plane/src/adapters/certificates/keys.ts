import { createPrivateKey, webcrypto, type X509Certificate } from 'node:crypto';

const crypto = webcrypto;
type CryptoKey = webcrypto.CryptoKey;

/** Keys and signatures of every certificate that is made here. */
export const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** 128 random bits, positive and without a leading zero, so that it reads the same everywhere. */
export function randomSerial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

export function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

export async function privatePem(key: CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    type: 'pkcs8',
    format: 'pem',
  }) as string;
}

export function importPrivate(text: string): Promise<CryptoKey> {
  const der = createPrivateKey(text).export({ type: 'pkcs8', format: 'der' });
  return crypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}

export function importPublic(certificate: X509Certificate): Promise<CryptoKey> {
  const der = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return crypto.subtle.importKey('spki', der, ALGORITHM, true, ['verify']);
}

export function pem(text: string): string {
  return `${text.trim()}\n`;
}
