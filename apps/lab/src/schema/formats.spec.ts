import fc from 'fast-check';
import { checkFormat, formatSize, parseSize, splitList } from './formats.js';

const PEM = '-----BEGIN CERTIFICATE-----\nQUJD\nQQ==\n-----END CERTIFICATE-----\n';

describe('sizes', () => {
  it('survive printing and reading back', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 50 }), (bytes) => parseSize(formatSize(bytes)) === bytes));
  });

  it.each([
    ['32M', 33_554_432],
    ['1G', 2 ** 30],
    ['1.5K', 1536],
    ['7', 7],
    ['1GiB', 2 ** 30],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it('are nothing else', () => {
    expect(parseSize('1X')).toBeUndefined();
    expect(parseSize('-1G')).toBeUndefined();
  });
});

describe('formats', () => {
  it.each([
    ['mac-addr', 'BC:24:11:00:00:01', 'BD:24:11:00:00:01'],
    ['CIDRv4', '10.0.0.0/8', '10.0.0.0/7'],
    ['CIDRv6', 'fd00::/64', 'fd00::/7'],
    ['pve-storage-id', 'local-zfs', 'x'],
    ['pve-iface', 'vmbr0', '0eth'],
    ['pve-userid', 'root@pam', 'root'],
    ['pve-poolid', 'a/b/c', 'a/b/c/d'],
    ['pve-volume-id', 'local:iso/x.iso', 'local'],
    ['pve-tag-list', 'a;b-c', 'a;-b'],
    ['pve-node', 'pve-1', 'pve_1'],
    ['pem-certificate-chain', `${PEM}${PEM}`, 'QUJD'],
    ['pem-certificate', PEM, `${PEM}${PEM}`],
    ['pem-string', PEM.replaceAll('CERTIFICATE', 'PRIVATE KEY'), '-----BEGIN PRIVATE KEY-----'],
  ])('%s takes %s and refuses %s', (format, good, bad) => {
    expect(() => checkFormat(format, good)).not.toThrow();
    expect(() => checkFormat(format, bad)).toThrow();
  });

  it('splits lists at commas, semicolons and blanks', () => {
    expect(splitList('a,b;c d\0e,,')).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});
