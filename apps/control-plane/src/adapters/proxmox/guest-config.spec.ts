import type { GuestId } from '../../domain/ids.js';
import { mountSizes, parseDisk, parseGiB, propertyString, rootKey, volumesOf } from './guest-config.js';
import { parseHostKeys } from './host-keys.js';
import { parseVolume } from './images.js';
import { carries, guestInTags, isOwned, readStamp, stampDescription, stampSerial, stampTags } from './ownership.js';
import { normalFingerprint } from './pinned-connection.js';
import { grantCommand, missingRights, neededRights } from './privileges.js';
import { part } from './proxmox-client.js';
import { parseUpid } from './tasks.js';

const GUEST = 'gst_01JD0000000000000000000042' as GuestId;
const STAMP = { guest: GUEST, site: 'townhall', stack: 'office' };

describe('ownership stamp', () => {
  it('comes back from tags and notes as Proxmox stores them', () => {
    const tags = stampTags(GUEST).toLowerCase().split(';').sort().join(';');
    expect(guestInTags(`prod;${tags};web`)).toBe(GUEST);
    const description = `${stampDescription(STAMP, 104, 'office/wiki/app')}\n`;
    expect(readStamp({ description })).toEqual({ ...STAMP, vmid: 104 });
    expect(isOwned({ description, tags }, STAMP, 104)).toBe(true);
  });

  it('does not hold for a copy at another id, for other tags, another serial, site or stack, or none', () => {
    const config = { description: stampDescription(STAMP, 104, 'x'), tags: stampTags(GUEST) };
    expect(carries(config, GUEST, 105)).toBe(false);
    expect(carries({ ...config, tags: stampTags(`${GUEST}9` as GuestId) }, GUEST, 104)).toBe(false);
    expect(carries({ ...config, smbios1: 'base64=1,serial=Zm9v,uuid=1' }, GUEST, 104)).toBe(false);
    expect(carries({ ...config, smbios1: `base64=1,serial=${stampSerial(GUEST)},uuid=1` }, GUEST, 104)).toBe(true);
    expect(isOwned(config, { ...STAMP, site: 'other' }, 104)).toBe(false);
    expect(isOwned(config, { ...STAMP, stack: 'other' }, 104)).toBe(false);
    expect(isOwned({ tags: config.tags }, STAMP, 104)).toBe(false);
    expect(isOwned({}, STAMP, 104)).toBe(false);
  });
});

describe('guest config', () => {
  it('reads disks, mount points and volumes', () => {
    const config = {
      rootfs: 'local-zfs:subvol-104-disk-0,size=8G',
      mp0: 'local-zfs:subvol-104-disk-1,mp=/srv/data,backup=1,size=512M',
      mp1: '/mnt/bind,mp=/bind',
      unused0: 'local-zfs:subvol-104-disk-2',
      ide2: 'local:iso/debian.iso,media=cdrom',
    };
    expect(parseDisk(config.mp0)).toEqual({
      volume: 'local-zfs:subvol-104-disk-1',
      mp: '/srv/data',
      backup: '1',
      size: '512M',
    });
    expect(mountSizes(config)).toEqual({ '/srv/data': 0.5 });
    expect([...volumesOf(config).values()]).toEqual([
      'local-zfs:subvol-104-disk-0',
      'local-zfs:subvol-104-disk-1',
      'local-zfs:subvol-104-disk-2',
    ]);
  });

  it.each([
    ['8G', 8],
    ['512M', 0.5],
    ['1T', 1024],
    ['1.5G', 1.5],
    [undefined, undefined],
    ['big', undefined],
  ])('reads the size %s as %s GiB', (text, gib) => expect(parseGiB(text)).toBe(gib));

  it('knows which disk a machine boots from', () => {
    expect(rootKey({}, 'container')).toBe('rootfs');
    expect(rootKey({ boot: 'order=ide2;virtio0;net0', ide2: 'local:iso/x,media=cdrom', virtio0: 'a:b' }, 'vm')).toBe(
      'virtio0',
    );
    expect(rootKey({ sata0: 'a:b' }, 'vm')).toBe('sata0');
  });

  it('leaves absent properties out', () => {
    expect(propertyString({ bridge: 'vmbr0', tag: undefined, firewall: 1 }, 'virtio=AA')).toBe(
      'virtio=AA,bridge=vmbr0,firewall=1',
    );
  });
});

describe('names of the API', () => {
  it('encodes task and volume ids for a path', () => {
    expect(part('UPID:pve1:0:root@pam!lab:')).toBe('UPID%3Apve1%3A0%3Aroot%40pam%21lab%3A');
    expect(part('local:vztmpl/x.tar')).toBe('local%3Avztmpl%2Fx.tar');
  });

  it('reads task ids and refuses what is none', () => {
    expect(parseUpid('UPID:pve1:000001EB:0006D041:6B03B3B3:qmcreate:100:root@pam!lab:')).toEqual({
      node: 'pve1',
      type: 'qmcreate',
      id: '100',
      user: 'root@pam!lab',
    });
    expect(parseUpid('local:100/vm-100-disk-0.raw')).toBeUndefined();
  });

  it('reads image volumes', () => {
    expect(parseVolume('local:vztmpl/debian-12.tar.zst')).toEqual({
      storage: 'local',
      content: 'vztmpl',
      file: 'debian-12.tar.zst',
    });
    expect(parseVolume('template:9000')).toBeUndefined();
    expect(parseVolume('local:vztmpl/../../etc/passwd')).toBeUndefined();
  });

  it('takes a fingerprint in every usual spelling', () => {
    for (const text of ['aa:bb:cc', 'AABBCC', 'sha256:AA:BB:CC', 'SHA-256 aabbcc'])
      expect(normalFingerprint(text)).toBe('AA:BB:CC');
  });
});

describe('host keys from a console', () => {
  const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKBsjN3qvI7pX7Ict9s9Z0VfpScPG4SiDLPaATg3za/b';
  it('are the lines that are whole keys, without comments and doubles', () => {
    expect(parseHostKeys(`noise\n${KEY} root@ct1\n${KEY}\n`)).toEqual([KEY]);
  });
  it('are not lines that only look like keys', () => {
    expect(parseHostKeys('ssh-ed25519 AAAA\nssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIKBs root\ncat: no such file')).toEqual([]);
  });
});

describe('rights', () => {
  const settings = {
    kind: 'proxmox' as const,
    endpoint: 'https://pve:8006',
    fingerprint: '',
    credential: 'secret:x',
    guestIds: { from: 100, to: 200 },
    storageClasses: { guests: 'tank' },
    images: { 'debian-12': { container: { volume: 'local:vztmpl/d.tar', url: 'https://x/d.tar' } } },
    nodes: [],
  };
  const needs = neededRights(settings, ['vmbr0'], 9);

  it('are all missing for a token without any, and none for one with all on the root', () => {
    expect(missingRights(needs, {})).toEqual(needs);
    const all = Object.fromEntries(needs.flatMap((n) => n.privileges).map((p) => [p, 1]));
    expect(missingRights(needs, { '/': all })).toEqual([]);
  });

  it('do not pass below the root when they were given without propagation', () => {
    const all = Object.fromEntries(needs.flatMap((n) => n.privileges).map((p) => [p, 0]));
    expect(missingRights(needs, { '/': all }).map((n) => n.path)).not.toContain('/');
    expect(missingRights(needs, { '/': all }).map((n) => n.path)).toContain('/vms');
  });

  it('name path and privilege', () => {
    const all = Object.fromEntries(needs.flatMap((n) => n.privileges).map((p) => [p, 1]));
    const storage = { ...all };
    delete storage['Datastore.AllocateTemplate'];
    expect(missingRights(needs, { '/': all, '/storage/local': storage })).toEqual([
      { path: '/storage/local', privileges: ['Datastore.AllocateTemplate'] },
    ]);
  });

  it('come with one command that names role, paths, user and token', () => {
    const command = grantCommand(needs, 'bastide@pve!cp');
    for (const word of [
      'BastideOrchestrator',
      '/vms',
      '/storage/tank',
      'bastide@pve!cp',
      "'bastide@pve'",
      '--propagate 0',
    ]) {
      expect(command).toContain(word);
    }
    expect(command).not.toContain('\n');
  });
});
