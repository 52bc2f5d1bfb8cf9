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

  it.each([
    ['pve-vlan-id-or-range-list', '2-9;4094', '5000', "invalid VLAN tag '5000'"],
    ['pve-vlan-id-or-range', '2-9', '9-2', "VLAN range must go from lower to higher tag '9-2'"],
    ['pve-cpuset', '0,2-3', '3-2', 'unable to parse cpuset option'],
    ['pve-phys-bits', '40', '7', "value must be an integer between 8 and 64 or 'host'"],
    ['pve-ct-timezone', 'Europe/Paris', 'Nowhere/Else', "invalid time zone 'Nowhere/Else'"],
    ['pve-lxc-mp-string', '/a/.b', '/a/../b', '/a/../b contains illegal character sequences'],
    ['pve-lxc-dev-string', '/dev/null', '/etc/passwd', '/etc/passwd is not a valid device path'],
    ['pve-storage-path', '/mnt/a b', 'mnt', 'value does not look like a valid absolute path'],
    ['pve-storage-zfs-blocksize', '16k', '5k', expect.stringContaining('Must be a power of 2')],
    ['pve-storage-server', 'nas.example', 'a b', 'value does not look like a valid server name or IP address'],
    ['pve-qm-bootdev-list', 'scsi0;net0', 'efidisk0', "invalid boot device 'efidisk0'"],
    ['pve-hotplug-features', 'disk,network', 'disk,nosuch', "invalid hotplug feature 'nosuch'"],
    ['pve-startup-order', 'order=1,up=5', '', 'unable to parse startup options'],
    ['pve-realm', 'ldap1', '1', 'value does not look like a valid realm'],
    ['pve-day-of-week-list', 'mon,tue', 'noday', "invalid day 'noday'"],
    ['pve-ha-resource-or-vm-id', 'vm:100', 'vm-100', 'value does not look like a valid ha resource id'],
    ['pve-ha-node-list', 'pve1:2,pve2', 'pve_1', 'value does not look like a valid ha node'],
    ['pve-replication-job-id', '100-0', '99-0', "invalid replication job id '99-0' (guest IDs < 100 are reserved)"],
    ['pve-acme-domain', 'a.example', 'localhost', "value 'localhost' does not look like a valid domain name!"],
    ['pve-fw-conntrack-helper', 'ftp,sip', 'nosuch', 'unknown helper nosuch'],
    ['IPorCIDR', '0.0.0.0/0', '10.0.0.0/33', 'value does not look like a valid IP address or CIDR network'],
    ['lxc-ip-with-ll-iface-list', 'fe80::1%eth0', '10.0.0.1%eth0', 'value does not look like a valid IP address'],
    ['ipv4mask', '255.255.240.0', '255.0.255.0', 'value does not look like a valid IP netmask'],
    ['pve-sdn-subnet-id', 'z1-10.0.0.0-24', 'z1', 'value does not look like a valid CIDR network'],
  ])('%s takes %s and says of %s what the real one says', (format, good, bad, text) => {
    expect(() => checkFormat(format, good)).not.toThrow();
    let said: unknown;
    try {
      checkFormat(format, bad);
    } catch (error) {
      said = error instanceof Error ? error.message : error;
    }
    expect(said).toEqual(text);
  });

  it('splits lists at commas, semicolons and blanks', () => {
    expect(splitList('a,b;c d\0e,,')).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});
