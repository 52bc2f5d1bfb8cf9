/** /nodes/{node}/certificates: the lab's own, and one that was uploaded: kept and listed, while the lab goes on serving its own. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { fingerprintOf } from '../http/certificates.js';

interface Custom {
  readonly certificates: string;
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

const COLLECTION = 'custom-certificate';
const CUSTOM_FILE = 'pveproxy-ssl.pem';
const CURVE_BITS: Readonly<Record<string, number>> = { prime256v1: 256, secp384r1: 384, secp521r1: 521 };

export const customCertificate = (call: Call) => call.lab.journal.get<Custom>(COLLECTION, call.node);

const onOneLine = (name: string) => `/${name.split('\n').join('/')}`;
const seconds = (date: string) => Math.floor(new Date(date).getTime() / 1000);

function publicKey(key: KeyObject): Record<string, string | number> {
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'rsa')
    return { 'public-key-type': 'rsaEncryption', 'public-key-bits': details?.modulusLength ?? 0 };
  if (key.asymmetricKeyType === 'ec')
    return { 'public-key-type': 'id-ecPublicKey', 'public-key-bits': CURVE_BITS[details?.namedCurve ?? ''] ?? 256 };
  return { 'public-key-type': String(key.asymmetricKeyType).toUpperCase(), 'public-key-bits': 256 };
}

function describeCertificate(pem: string, filename: string): Record<string, unknown> {
  const parsed = new X509Certificate(pem);
  const own = `${parsed.toString().trimEnd()}\n`;
  return {
    filename,
    pem: own,
    fingerprint: fingerprintOf(own),
    subject: onOneLine(parsed.subject),
    issuer: onOneLine(parsed.issuer),
    notbefore: seconds(parsed.validFrom),
    notafter: seconds(parsed.validTo),
    san: (parsed.subjectAltName ?? '').split(', ').flatMap((one) => /^(?:DNS|IP Address):(.+)$/.exec(one)?.[1] ?? []),
    ...publicKey(parsed.publicKey),
  };
}

function list(call: Call): unknown {
  const { caCertificate, certificate } = call.lab.certificate;
  const custom = customCertificate(call);
  return [
    describeCertificate(caCertificate, 'pve-root-ca.pem'),
    describeCertificate(certificate, 'pve-ssl.pem'),
    ...(custom ? [describeCertificate(custom.certificates, CUSTOM_FILE)] : []),
  ];
}

/** Throws unless the first certificate can be read and belongs to the key. */
function checkPair(call: Call, certificates: string, key: string): void {
  const broken = (text: string) => fail(`Setting certificate files failed - ${text}\n\n\n`);
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificates);
  } catch {
    throw broken(`unable to read certificate from '/etc/pve/nodes/${call.node}/${CUSTOM_FILE}'`);
  }
  try {
    if (parsed.checkPrivateKey(createPrivateKey(key))) return;
  } catch {
    // Told below: the real server does not tell these two apart either.
  }
  throw broken(`${process.pid}: key does not match the certificate (chain) (No such file or directory)`);
}

function upload(call: Call): unknown {
  const before = customCertificate(call);
  const certificates = call.need('certificates');
  const key = call.text('key') || before?.key;
  if (!key) throw parameterError({ key: 'Attempted to upload custom certificate without (existing) key.' });
  if (before && !call.flag('force')) throw fail('Custom certificate file exists but force flag is not set.\n\n');
  checkPair(call, certificates, key);
  const notAfter = seconds(new X509Certificate(certificates).validTo) * 1000;
  call.lab.journal.put(COLLECTION, call.node, { certificates, key, notAfter } satisfies Custom);
  return describeCertificate(certificates, CUSTOM_FILE);
}

export const certificateHandlers: Handlers = {
  'GET /nodes/{node}/certificates/info': list,
  'POST /nodes/{node}/certificates/custom': upload,
  'DELETE /nodes/{node}/certificates/custom': (call) => call.lab.journal.delete(COLLECTION, call.node),
};
