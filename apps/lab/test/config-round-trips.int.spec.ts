/** What a client writes into a guest's configuration, and what it reads afterwards. */
import { IMAGE, makeContainer, makeMachine, openTestLab, TEMPLATE, type TestLab } from './test-lab.js';

let test: TestLab;
beforeAll(async () => {
  test = await openTestLab();
});
afterAll(() => test.close());

const QEMU = '/nodes/lab1/qemu';
const LXC = '/nodes/lab1/lxc';
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKBsjN3qvI7pX7Ict9s9Z0VfpScPG4SiDLPaATg3za/b lab@x';
type Config = Record<string, string | number>;
const config = (path: string, more: Config = {}): Promise<Config> => test.root.data('GET', `${path}/config`, more);
const put = (path: string, values: Config) => test.root.data('PUT', `${path}/config`, values);
const pending = async (
  path: string,
): Promise<Record<string, { value?: unknown; pending?: unknown; delete?: number }>> => {
  const rows = (await test.root.data('GET', `${path}/pending`)) as { key: string }[];
  return Object.fromEntries(rows.map(({ key, ...row }) => [key, row]));
};
const MAC = 'BC:24:11:[0-9A-F]{2}:[0-9A-F]{2}:[0-9A-F]{2}';

describe('a new machine', () => {
  let vmid = 200;
  const made = async (values: Config): Promise<Config> => {
    vmid += 1;
    expect(await test.root.run('POST', QEMU, { vmid, ...values })).toBe('OK');
    return await config(`${QEMU}/${vmid}`);
  };

  it.each([
    ['net0', 'virtio,bridge=vmbr0', new RegExp(`^virtio=${MAC},bridge=vmbr0$`)],
    ['net0', 'bridge=vmbr0,firewall=1,model=e1000', new RegExp(`^e1000=${MAC},bridge=vmbr0,firewall=1$`)],
    ['net0', 'virtio=bc:24:11:aa:bb:cc,tag=5,bridge=vmbr0', /^virtio=bc:24:11:aa:bb:cc,bridge=vmbr0,tag=5$/],
    [
      'net0',
      'virtio=BC:24:11:00:00:01,bridge=vmbr0,link_down=yes',
      /^virtio=BC:24:11:00:00:01,bridge=vmbr0,link_down=1$/,
    ],
    ['scsi0', 'local:1', /^local:\d+\/vm-\d+-disk-0\.raw,size=1G$/],
    ['scsi0', 'file=local:1,ssd=on,discard=on', /^local:\d+\/vm-\d+-disk-0\.raw,discard=on,size=1G,ssd=1$/],
    ['virtio0', 'local:0.5,format=qcow2,iothread=1', /^local:\d+\/vm-\d+-disk-0\.qcow2,iothread=1,size=512M$/],
    ['sata0', 'local-zfs:2', /^local-zfs:vm-\d+-disk-0,size=2G$/],
    ['scsi0', `local-zfs:0,import-from=${IMAGE}`, /^local-zfs:vm-\d+-disk-0,size=2G$/],
    [
      'efidisk0',
      'local-zfs:1,efitype=4m,pre-enrolled-keys=1',
      /^local-zfs:vm-\d+-disk-0,efitype=4m,ms-cert=2023k,pre-enrolled-keys=1,size=1M$/,
    ],
    ['efidisk0', 'local:1,efitype=4m', /^local:\d+\/vm-\d+-disk-0\.raw,efitype=4m,size=528K$/],
    ['tpmstate0', 'local-zfs:1,version=v2.0', /^local-zfs:vm-\d+-disk-0,size=4M,version=v2\.0$/],
    ['ide2', 'none,media=cdrom', /^none,media=cdrom$/],
    ['ide2', 'none', /^none,media=cdrom$/],
    ['cdrom', 'none', undefined],
    ['ide2', 'local:cloudinit', /^local:\d+\/vm-\d+-cloudinit\.qcow2,media=cdrom$/],
    ['ide2', 'local-zfs:cloudinit', /^local-zfs:vm-\d+-cloudinit,media=cdrom$/],
    ['ipconfig0', 'ip=dhcp,ip6=auto', /^ip=dhcp,ip6=auto$/],
    ['agent', '1,fstrim_cloned_disks=1', /^1,fstrim_cloned_disks=1$/],
    ['smbios1', 'uuid=c3e1096e-2639-45e8-a937-7c87918949fe', /^uuid=c3e1096e-2639-45e8-a937-7c87918949fe$/],
    ['vga', 'qxl,memory=32', /^qxl,memory=32$/],
    ['serial0', 'socket', /^socket$/],
    ['usb0', 'spice,usb3=1', /^spice,usb3=1$/],
    ['audio0', 'device=ich9-intel-hda,driver=spice', /^device=ich9-intel-hda,driver=spice$/],
    ['rng0', 'source=/dev/urandom', /^source=\/dev\/urandom$/],
    ['hotplug', 'network,disk', /^network,disk$/],
    ['cpu', 'x86-64-v2-AES,flags=+aes', /^x86-64-v2-AES,flags=\+aes$/],
    ['memory', '256', /^256$/],
    ['tags', 'Web;prod,web', /^prod;web$/],
    ['description', 'line1\nline2  \n', /^line1\nline2$/],
  ] as const)('%s=%s', async (key, value, expected) => {
    const result = await made({ [key]: value });
    if (expected) expect(String(result[key])).toMatch(expected);
    else expect([result[key], result.ide2]).toEqual([undefined, 'none,media=cdrom']);
  });

  it('gets identity, boot order and meta, and neither memory nor cores that nobody asked for', async () => {
    const first = await made({
      name: 'box',
      scsi1: 'local:1',
      virtio0: 'local:1',
      ide2: 'local:cloudinit',
      net1: 'virtio',
    });
    expect(first.boot).toBe('order=scsi1;ide2;net1');
    expect([first.memory, first.cores]).toEqual([undefined, undefined]);
    expect(first.smbios1).toMatch(/^uuid=[0-9a-f-]{36}$/);
    expect(first.vmgenid).toMatch(/^[0-9a-f-]{36}$/);
    expect(first.meta).toMatch(/^creation-qemu=[\d.]+,ctime=\d+$/);
    expect(first.digest).toMatch(/^[0-9a-f]{40}$/);
    // With nothing to boot from, the order reads back as one blank.
    expect((await made({ memory: 64 })).boot).toBe(' ');
  });

  it('keeps keys encoded and hides the password', async () => {
    const result = await made({ sshkeys: encodeURIComponent(KEY), cipassword: 'secret1', ciuser: 'me' });
    expect([result.sshkeys, result.cipassword]).toEqual([encodeURIComponent(KEY), '**********']);
  });

  it('takes one cloud-init drive only', async () => {
    expect(await test.root.run('POST', QEMU, { vmid: 299, ide0: 'local:cloudinit', ide2: 'local:cloudinit' })).toBe(
      "unable to create VM 299 - ide2 - cloud-init drive is already attached at 'ide0'",
    );
    const left = (await test.root.data('GET', '/nodes/lab1/storage/local/content', { vmid: 299 })) as {
      vmid?: number;
    }[];
    expect(left.filter((row) => row.vmid === 299)).toEqual([]);
  });
});

describe('a stopped machine', () => {
  const base = `${QEMU}/300`;
  beforeAll(() => makeMachine(test, 300, { ide2: 'none,media=cdrom' }));

  it('detaches a disk to unused0, out of the boot order; adding it again takes it back', async () => {
    expect((await config(base)).boot).toBe('order=scsi0;ide2;net0');
    await put(base, { delete: 'scsi0' });
    const without = await config(base);
    expect([without.unused0, without.boot]).toEqual(['local-zfs:vm-300-disk-0', 'order=ide2;net0']);
    await put(base, { virtio0: 'local-zfs:vm-300-disk-0' });
    const again = await config(base);
    expect([again.virtio0, again.unused0]).toEqual(['local-zfs:vm-300-disk-0,size=2G', undefined]);
    await put(base, { virtio0: 'local-zfs:1' });
    const replaced = await config(base);
    expect([replaced.virtio0, replaced.unused0]).toEqual([
      'local-zfs:vm-300-disk-1,size=1G',
      'local-zfs:vm-300-disk-0',
    ]);
    await put(base, { delete: 'virtio0', force: 1 });
    const volumes = (await test.root.data('GET', '/nodes/lab1/storage/local-zfs/content', { vmid: 300 })) as {
      volid: string;
    }[];
    expect(volumes.map((row) => row.volid)).toEqual(['local-zfs:vm-300-disk-0']);
  });

  it('puts a new cdrom at the end of the boot order', async () => {
    await put(base, { ide0: 'none,media=cdrom' });
    expect((await config(base)).boot).toBe('order=ide2;net0;ide0');
  });

  it.each([
    [{ boot: 'order=scsi5' }, "invalid bootorder: device 'scsi5' does not exist'"],
    [{ balloon: 4096 }, 'balloon value too large (must be smaller than assigned memory)'],
    [{ digest: '0'.repeat(40), onboot: 1 }, 'checksum mismatch (file change by other user?)'],
    [{}, 'no options specified'],
  ])('%j is refused with its text', async (values, text) => {
    expect((await test.root.call('PUT', `${base}/config`, values as Config)).reason).toBe(text);
  });

  it.each([
    [{ delete: 'nosuch' }, { delete: "unknown option 'nosuch'" }],
    [{ revert: 'nosuch' }, { revert: "unknown option 'nosuch'" }],
    [{ delete: 'onboot', onboot: 1 }, { delete: "you can't use '-onboot' and -delete onboot' at the same time" }],
    [
      { revert: 'onboot', delete: 'onboot' },
      { revert: "you can't use '-delete onboot' and -revert onboot' at the same time" },
    ],
    [{ hookscript: 'local:snippets/no.pl' }, { hookscript: "script 'local:snippets/no.pl' does not exist\n" }],
  ])('%j names the field', async (values, errors) => {
    expect((await test.root.call('PUT', `${base}/config`, values as Config)).body.errors).toEqual(errors);
  });

  it('an emptied text reads back as a blank, an emptied description not at all', async () => {
    await put(base, { tags: 'a', description: 'x' });
    await put(base, { tags: '', description: '' });
    const result = await config(base);
    expect([result.tags, result.description]).toEqual([' ', undefined]);
    await put(base, { delete: 'tags' });
    expect((await config(base)).tags).toBeUndefined();
  });

  it('moves its digest with every change, and protects itself when told to', async () => {
    const { digest } = await config(base);
    await put(base, { protection: 1 });
    expect((await config(base)).digest).not.toBe(digest);
    expect((await test.root.call('DELETE', base)).reason).toBe("can't remove VM 300 - protection mode enabled");
    expect((await test.root.call('PUT', `${base}/config`, { delete: 'unused0' })).reason).toBe(
      "can't remove unused disk 'local-zfs:vm-300-disk-0' - protection mode enabled",
    );
    await put(base, { delete: 'protection' });
    expect(await test.root.run('DELETE', base)).toBe('OK');
  });
});

describe('a running machine', () => {
  const base = `${QEMU}/310`;
  beforeAll(async () => {
    await makeMachine(test, 310, {
      memory: 256,
      cores: 1,
      ostype: 'l26',
      ide2: 'local:cloudinit',
      ciuser: 'me',
      balloon: 128,
    });
    await test.root.run('POST', `${base}/status/start`);
  });
  afterAll(async () => {
    await test.root.run('POST', `${base}/status/stop`);
    await test.root.run('DELETE', base);
  });

  it.each([
    [{ name: 'other', description: 'x', onboot: 1, tags: 'x', ciuser: 'you', ipconfig0: 'ip=dhcp' }, true],
    [{ cpuunits: 200, cpulimit: 1 }, true],
    [{ memory: 512 }, false],
    [{ cores: 2 }, false],
    [{ bios: 'ovmf' }, false],
    [{ balloon: 0 }, false],
    [{ balloon: 64 }, true],
    [{ scsi1: 'local-zfs:1' }, true],
    [{ sata0: 'local-zfs:1' }, false],
    [{ net1: 'virtio=BC:24:11:00:00:02,bridge=vmbr0' }, true],
    [{ net0: 'virtio=BC:24:11:00:00:03,bridge=vmbr0,firewall=1' }, true],
    [{ usb0: 'spice' }, true],
    [{ agent: '1,fstrim_cloned_disks=1' }, true],
    [{ agent: '0' }, false],
    [{ serial1: 'socket' }, false],
  ] as const)('%j takes effect at once: %s', async (values, now) => {
    await put(base, values as unknown as Config);
    const [rows, current] = [await pending(base), await config(base, { current: 1 })];
    for (const key of Object.keys(values)) {
      expect({ key, pending: rows[key]?.pending !== undefined }).toEqual({ key, pending: !now });
      if (now) expect(current[key]).toBeDefined();
    }
  });

  it('waits with what it cannot take, shows both values, and takes it back on revert', async () => {
    await put(base, { memory: 1024 });
    expect((await pending(base)).memory).toEqual({ value: '256', pending: '1024' });
    expect([(await config(base)).memory, (await config(base, { current: 1 })).memory]).toEqual(['1024', '256']);
    await put(base, { revert: 'memory' });
    expect((await pending(base)).memory).toEqual({ value: '256' });
    await put(base, { delete: 'cores' });
    expect((await pending(base)).cores).toEqual({ value: 1, delete: 1 });
    expect((await config(base)).cores).toBeUndefined();
    await put(base, { revert: 'cores' });
    expect((await config(base)).cores).toBe(1);
  });

  it('changes no medium into a disk', async () => {
    const { status, body } = await test.root.call('PUT', `${base}/config`, { ide2: 'local-zfs:1' });
    expect([status, body.errors]).toEqual([400, { ide2: 'hotplug problem - unable to change media type\n' }]);
    await put(base, { revert: 'ide2' });
  });

  it('tells which cloud-init values are not in the image yet, until it is made anew', async () => {
    const row = async (key: string) =>
      ((await test.root.data('GET', `${base}/cloudinit`)) as { key: string }[]).find((one) => one.key === key);
    await test.root.data('PUT', `${base}/cloudinit`);
    await put(base, { ciuser: 'somebody', nameserver: '192.0.2.1' });
    expect(await row('ciuser')).toEqual({ key: 'ciuser', value: 'you', pending: 'somebody' });
    expect(await row('nameserver')).toEqual({ key: 'nameserver', pending: '192.0.2.1' });
    await test.root.data('PUT', `${base}/cloudinit`);
    expect(await row('ciuser')).toEqual({ key: 'ciuser', value: 'somebody' });
    const user = await test.root.data('GET', `${base}/cloudinit/dump`, { type: 'user' });
    expect(user).toContain('#cloud-config\nhostname: other\nmanage_etc_hosts: true\nfqdn: other\nuser: somebody\n');
    const network = await test.root.data('GET', `${base}/cloudinit/dump`, { type: 'network' });
    expect(network).toContain(
      "    - type: physical\n      name: eth0\n      mac_address: 'bc:24:11:00:00:03'\n      subnets:\n      - type: dhcp4\n",
    );
  });

  it('with hotplug off everything waits', async () => {
    await put(base, { hotplug: '0' });
    await put(base, { net2: 'virtio', cpuunits: 300 });
    const rows = await pending(base);
    expect([rows.net2?.pending !== undefined, rows.cpuunits?.pending]).toEqual([true, undefined]);
  });
});

describe('a container', () => {
  let vmid = 400;
  const made = async (values: Config): Promise<Config> => {
    vmid += 1;
    const path = { vmid, ostemplate: TEMPLATE, features: 'nesting=1', rootfs: 'local-zfs:1' };
    expect(await test.root.run('POST', LXC, { ...path, ...values })).toBe('OK');
    return await config(`${LXC}/${vmid}`);
  };

  it.each([
    ['rootfs', 'local-zfs:1', /^local-zfs:subvol-\d+-disk-0,size=1G$/],
    ['rootfs', 'local:1', /^local:\d+\/vm-\d+-disk-0\.raw,size=1G$/],
    ['rootfs', 'volume=local-zfs:2,acl=1,quota=no', /^local-zfs:subvol-\d+-disk-0,acl=1,quota=0,size=2G$/],
    ['mp0', 'local-zfs:1,mp=/srv,backup=1', /^local-zfs:subvol-\d+-disk-1,mp=\/srv,backup=1,size=1G$/],
    ['net0', 'name=eth0,bridge=vmbr0,ip=dhcp', new RegExp(`^name=eth0,bridge=vmbr0,hwaddr=${MAC},ip=dhcp,type=veth$`)],
    [
      'net0',
      'bridge=vmbr0,hwaddr=bc:24:11:00:00:09,name=eth0,tag=7',
      /^name=eth0,bridge=vmbr0,hwaddr=bc:24:11:00:00:09,tag=7,type=veth$/,
    ],
    ['nameserver', '192.0.2.1,192.0.2.2', /^192\.0\.2\.1 192\.0\.2\.2$/],
    ['description', 'one\ntwo', /^one\ntwo\n$/],
    ['tags', 'B;a', /^a;b$/],
    ['startup', 'order=2,up=5', /^order=2,up=5$/],
  ] as const)('%s=%s', async (key, value, expected) => {
    expect(String((await made({ [key]: value }))[key])).toMatch(expected);
  });

  it('has defaults of its own, numbers as numbers, and is unprivileged', async () => {
    const { digest: _digest, rootfs: _rootfs, ...rest } = await made({});
    expect(rest).toEqual({
      arch: 'amd64',
      features: 'nesting=1',
      hostname: `CT${vmid}`,
      memory: 512,
      ostype: 'debian',
      swap: 512,
      unprivileged: 1,
    });
  });

  it('without a root file system gets 4 GiB on the storage named, or on local', async () => {
    await test.root.run('POST', LXC, { vmid: 450, ostemplate: TEMPLATE, storage: 'local-zfs', features: 'nesting=1' });
    expect((await config(`${LXC}/450`)).rootfs).toBe('local-zfs:subvol-450-disk-0,size=4G');
    await test.root.run('POST', LXC, { vmid: 451, ostemplate: TEMPLATE, features: 'nesting=1' });
    expect((await config(`${LXC}/451`)).rootfs).toBe('local:451/vm-451-disk-0.raw,size=4G');
    expect((await test.root.call('POST', LXC, { vmid: 452, ostemplate: TEMPLATE, mp0: 'local:1,mp=/a' })).reason).toBe(
      "mount points configured, but 'rootfs' not set - aborting",
    );
  });

  it('refuses what cannot change, each with its text', async () => {
    await makeContainer(test, 460);
    const base = `${LXC}/460`;
    const reason = async (values: Config) => (await test.root.call('PUT', `${base}/config`, values)).reason;
    expect(await reason({ unprivileged: 0 })).toBe("unable to modify read-only option: 'unprivileged'");
    expect(await reason({ delete: 'memory' })).toBe("unable to delete required option 'memory'");
    expect(await reason({ delete: 'unprivileged' })).toBe("unable to delete read-only option: 'unprivileged'");
    expect(await reason({ digest: '0'.repeat(40), onboot: 1 })).toBe(
      'detected modified configuration - file changed by other user? Try again.',
    );
    expect(await reason({})).toBe('no options specified');
    expect((await test.root.call('PUT', `${base}/config`, { 'lxc.mount': 'x' })).status).toBe(400);
  });

  it('takes limits, interfaces and new mount points while it runs, and waits with the rest', async () => {
    const base = `${LXC}/460`;
    await test.root.run('POST', `${base}/status/start`);
    await put(base, { memory: 1024, swap: 0, cores: 2, net1: 'name=eth1,bridge=vmbr0', mp0: 'local-zfs:1,mp=/srv' });
    await put(base, { nameserver: '192.0.2.1', features: 'nesting=0' });
    const rows = await pending(base);
    const waiting = Object.keys(rows).filter((key) => rows[key]?.pending !== undefined);
    expect(waiting.sort()).toEqual(['features', 'nameserver']);
    expect((await config(base)).net1).toMatch(new RegExp(`^name=eth1,bridge=vmbr0,hwaddr=${MAC},type=veth$`));
    await put(base, { delete: 'mp0' });
    expect((await pending(base)).mp0).toMatchObject({ delete: 1 });
    await test.root.run('POST', `${base}/status/stop`);
    await test.root.run('POST', `${base}/status/start`);
    const after = await config(base);
    expect([after.mp0, after.unused0, after.nameserver]).toEqual([
      undefined,
      'local-zfs:subvol-460-disk-1',
      '192.0.2.1',
    ]);
    await test.root.run('DELETE', `${base}?force=1`);
  });
});
