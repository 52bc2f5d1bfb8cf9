import type { webcrypto } from 'node:crypto';
import { isIPv6 } from 'node:net';

type CryptoKey = webcrypto.CryptoKey;
type Crypto = webcrypto.Crypto;

import { AsnConvert } from '@peculiar/asn1-schema';
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from '@peculiar/asn1-x509';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
} from '@peculiar/x509';

/** Extensions by RFC 5280, and by the CA/Browser Forum's Baseline Requirements where those say more. */
export async function rootExtensions(publicKey: CryptoKey, crypto: Crypto): Promise<Extension[]> {
  return [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    await SubjectKeyIdentifierExtension.create(publicKey, false, crypto),
  ];
}

export async function leafExtensions(
  keys: { own: CryptoKey; issuer: CryptoKey },
  names: { dnsNames: readonly string[]; addresses: readonly string[] },
  crypto: Crypto,
): Promise<Extension[]> {
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
    new SubjectAlternativeNameExtension([
      ...names.dnsNames.map((value) => ({ type: 'dns' as const, value })),
      ...names.addresses.map((value) => ({ type: 'ip' as const, value })),
    ]),
    await SubjectKeyIdentifierExtension.create(keys.own, false, crypto),
    await AuthorityKeyIdentifierExtension.create(keys.issuer, false, crypto),
  ];
}

export async function authorityExtensions(
  keys: { own: CryptoKey; issuer: CryptoKey },
  permitted: { domain: string; dnsNames: readonly string[]; addresses: readonly string[] },
  crypto: Crypto,
): Promise<Extension[]> {
  return [
    new BasicConstraintsExtension(true, 0, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
    nameConstraints(permitted),
    await SubjectKeyIdentifierExtension.create(keys.own, false, crypto),
    await AuthorityKeyIdentifierExtension.create(keys.issuer, false, crypto),
  ];
}

/**
 * A constraint binds only names of its own type: with DNS names alone, every IP address would be free. So addresses are
 * permitted one by one, and a family without any is excluded as a whole (Baseline Requirements 7.1.2.5.2).
 */
function nameConstraints(permitted: {
  domain: string;
  dnsNames: readonly string[];
  addresses: readonly string[];
}): Extension {
  const dns = [...new Set([permitted.domain, ...permitted.dnsNames.filter((name) => !within(name, permitted.domain))])];
  const six = permitted.addresses.filter((address) => isIPv6(address));
  const four = permitted.addresses.filter((address) => !isIPv6(address));
  const excluded = [...(four.length === 0 ? ['0.0.0.0/0'] : []), ...(six.length === 0 ? ['::/0'] : [])];
  const value = new NameConstraints({
    permittedSubtrees: new GeneralSubtrees([
      ...dns.map((dNSName) => new GeneralSubtree({ base: new GeneralName({ dNSName }) })),
      ...four.map((one) => new GeneralSubtree({ base: new GeneralName({ iPAddress: `${one}/32` }) })),
      ...six.map((one) => new GeneralSubtree({ base: new GeneralName({ iPAddress: `${one}/128` }) })),
    ]),
    ...(excluded.length === 0
      ? {}
      : {
          excludedSubtrees: new GeneralSubtrees(
            excluded.map((iPAddress) => new GeneralSubtree({ base: new GeneralName({ iPAddress }) })),
          ),
        }),
  });
  return new Extension(id_ce_nameConstraints, true, AsnConvert.serialize(value));
}

function within(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}
