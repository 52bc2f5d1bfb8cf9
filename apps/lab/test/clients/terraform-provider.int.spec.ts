/**
 * The requests of the Terraform and OpenTofu provider bpg/proxmox, and so of Pulumi's proxmoxve, in its order and encodings, with
 * what it needs of the answers. From reading its source: it cannot be run where no Go modules are. Its uploads of snippets by SSH
 * are no matter of the API.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { IMAGE, openTestLab, TEMPLATE, type TestLab } from '../test-lab.js';
import { ProviderClient, ProviderError } from './provider-client.js';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtQUgF4G2yS5M0nF0V0S3QmX1bPqz0Qz7ZfYwZq8R9d ada@lab';
const VM_STATUS = {
  status: 'string', agent: 'bool?', cpus: 'int?', lock: 'string?', maxmem: 'int?', maxdisk: 'int?', name: 'string?', pid: 'int?',
  qmpstatus: 'string?', spice: 'bool?', tags: 'string?', uptime: 'int?', vmid: 'int?',
} as const; // biome-ignore format: one table
const VM_CONFIG = {
  agent: 'string?', bios: 'string?', boot: 'string?', cores: 'int?', sockets: 'int?', cpu: 'string?', cpulimit: 'number?', cpuunits: 'int?',
  memory: 'number?', balloon: 'number?', shares: 'int?', description: 'string?', name: 'string?', net0: 'string?', numa: 'bool?',
  onboot: 'bool?', ostype: 'string?', protection: 'bool?', scsi0: 'string?', ide2: 'string?', scsihw: 'string?', serial0: 'string?', tablet: 'bool?',
  tags: 'string?', template: 'bool?', vga: 'string?', startup: 'string?', ciuser: 'string?', cipassword: 'string?', sshkeys: 'string?',
  ipconfig0: 'string?', nameserver: 'string?', searchdomain: 'string?', smbios1: 'string?', vmgenid: 'string?', lock: 'string?',
} as const; // biome-ignore format: one table
const FIREWALL_RULE = {
  pos: 'string', action: 'string', type: 'string', enable: 'bool?', comment: 'string?', dest: 'string?', dport: 'string?', iface: 'string?', log: 'string?',
  macro: 'string?', proto: 'string?', source: 'string?', sport: 'string?', digest: 'string?',
} as const; // biome-ignore format: one table

describe('the requests of the Terraform provider', () => {
  let test: TestLab;
  let provider: ProviderClient;
  beforeEach(async () => {
    test = await openTestLab();
    provider = new ProviderClient(test.client(), () => ({ Authorization: `PVEAPIToken=${test.lab.rootToken}` }));
  });
  afterEach(() => test.close());

  const refused = async (work: Promise<unknown>): Promise<ProviderError> => {
    const error = await work.then(
      () => new Error('nothing was refused'),
      (reason: unknown) => reason,
    );
    if (error instanceof ProviderError) return error;
    throw error;
  };
  const waitForStatus = async (path: string, wanted: string): Promise<void> => {
    for (let round = 0; round < 400; round += 1) {
      if ((await provider.get(`${path}/status/current`, { status: 'string' })).status === wanted) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`${path} is not ${wanted}`);
  };

  it('a ticket or a token opens it, and its data sources find what they read', async () => {
    const { username, password } = test.lab.credentials;
    const open = new ProviderClient(test.client(), () => ({}));
    const login = await open.request('POST', 'access/ticket', { username, password }, {
      ticket: 'string', CSRFPreventionToken: 'string', username: 'string', NeedTFA: 'int?', clustername: 'string?',
      cap: { access: 'any', dc: 'any', mapping: 'any', nodes: 'any', sdn: 'any', storage: 'any', vms: 'any' },
    }); // biome-ignore format: one table
    // Whose ticket it is, the provider reads out of its second part.
    expect(login.ticket.split(':').length).toBeGreaterThan(3);
    expect(login.ticket.split(':')[1]).toBe('root@pam');
    for (const privileges of Object.values(login.cap))
      for (const value of Object.values(privileges as object)) expect(typeof value).toBe('number');
    const ticketed = new ProviderClient(test.client(), (method) => ({
      Cookie: `PVEAuthCookie=${login.ticket}`,
      ...(method === 'GET' ? {} : { CSRFPreventionToken: login.CSRFPreventionToken }),
    }));
    await ticketed.change('POST', 'pools', { poolid: 'made', comment: 'by ticket' });
    await ticketed.change('DELETE', 'pools?poolid=made');
    const unsigned = new ProviderClient(test.client(), () => ({ Cookie: `PVEAuthCookie=${login.ticket}` }));
    expect((await refused(unsigned.change('POST', 'pools', { poolid: 'made' }))).status).toBe(401);

    const version = await provider.get('version', {
      version: 'string',
      release: 'string',
      repoid: 'string',
      console: 'string?',
    });
    expect(version.version).toMatch(/^\d+(\.\d+)*([-+~].*)?$/);
    const nodes = await provider.get('nodes', [
      { node: 'string', maxcpu: 'int?', cpu: 'float?', maxmem: 'int?', mem: 'int?', ssl_fingerprint: 'string?', status: 'string', level: 'string?', uptime: 'int?' },
    ]); // biome-ignore format: one table
    expect(nodes.map(({ node }) => node).sort()).toEqual(['lab1', 'lab2']);
    await provider.get('nodes/lab1/status', {
      cpu: 'float?', uptime: 'int',
      cpuinfo: { cores: 'int', cpus: 'int', sockets: 'int', model: 'string' }, memory: { free: 'int', used: 'int', total: 'int' },
    }); // biome-ignore format: one table
    await provider.get('nodes/lab1/time', { localtime: 'int', time: 'int', timezone: 'string' });
    await provider.get('nodes/lab1/dns', { dns1: 'string?', dns2: 'string?', search: 'string?' });
    await provider.get('nodes/lab1/hosts', { data: 'string', digest: 'string' });
    await provider.get('nodes/lab1/config', {
      description: 'string?',
      digest: 'string?',
      'startall-onboot-delay': 'number?',
    });
    const certificates = await provider.get('nodes/lab1/certificates/info', [
      { pem: 'string', filename: 'string', fingerprint: 'string', issuer: 'string', notafter: 'int', notbefore: 'int', 'public-key-bits': 'int', 'public-key-type': 'string', subject: 'string', san: ['string'] },
    ]); // biome-ignore format: one table
    expect(certificates.map(({ fingerprint }) => fingerprint)).toContain(test.lab.fingerprint);
    await provider.get('cluster/options', {
      keyboard: 'string?',
      mac_prefix: 'string?',
      console: 'string?',
      max_workers: 'number?',
    });
    await provider.get('storage', [{ storage: 'string', type: 'string', content: 'list', digest: 'string' }]);
    const datastores = await provider.get(
      'nodes/lab1/storage',
      [{ storage: 'string', type: 'string', active: 'bool', enabled: 'bool', shared: 'bool', content: 'list', avail: 'number', total: 'number', used: 'number', used_fraction: 'number' }],
      { content: 'images,rootdir', enabled: true },
    ); // biome-ignore format: one table
    expect(datastores.map(({ storage }) => storage).sort()).toEqual(['local', 'local-zfs']);
    await provider.get('access/domains', [{ realm: 'string', type: 'string', comment: 'string?', tfa: 'string?' }]);
    await provider.get('nodes/lab1/hardware/pci', [{ id: 'string', class: 'string' }]);
    expect(await provider.get('nodes/lab1/qemu', [{ vmid: 'int', status: 'string' }])).toEqual([]);
    // A data source that asks for what is not there.
    expect((await refused(provider.get('nodes/lab1/qemu/100/config', VM_CONFIG))).doesNotExist).toBe(true);
    expect((await refused(provider.get('nodes/lab1/lxc/100/config', 'any'))).doesNotExist).toBe(true);
  });

  it('proxmox_virtual_environment_vm: made from an image with cloud-init, found by its agent, changed, rebooted, destroyed', async () => {
    await provider.change('POST', 'pools', { poolid: 'office' });
    expect(await provider.get('cluster/nextid', 'number', { vmid: 120 })).toBe(120);
    const vm = 'nodes/lab1/qemu/120';
    await provider.task('POST', 'nodes/lab1/qemu', {
      acpi: true, agent: 'enabled=1,fstrim_cloned_disks=0,type=virtio', bios: 'seabios', boot: 'order=scsi0', cores: 2, cpu: 'cputype=x86-64-v2-AES',
      sockets: 1, memory: 1024, balloon: 0, description: 'made by OpenTofu', hotplug: 'network,disk,usb', keyboard: 'en-us', kvm: true, name: 'tofu',
      net0: 'model=virtio,bridge=vmbr0,firewall=0,macaddr=BC:24:11:00:00:20,rate=12.500000', numa: false, onboot: true, ostype: 'l26', pool: 'office', protection: false,
      scsihw: 'virtio-scsi-pci', serial0: 'socket', startup: 'order=3,up=60,down=60', tablet: true, tags: 'tofu;apps', template: false, vga: 'memory=16,type=serial0', vmid: 120,
      scsi0: `file=local-zfs:0,import-from=${IMAGE},size=8589934592,backup=1,iothread=0,ssd=0,discard=on,cache=none,replicate=1`,
      // Without an option of its own a drive ends in a comma.
      scsi1: 'file=local-zfs:1,',
      ide2: 'file=local-zfs:cloudinit,media=cdrom,',
      ciuser: 'ada', cipassword: 'not-so-secret', sshkeys: encodeURIComponent(KEY), ipconfig0: 'gw=10.210.0.1,ip=10.210.0.20/16', nameserver: '10.210.0.1 9.9.9.9',
      searchdomain: 'lab.example', citype: 'nocloud',
    }); // biome-ignore format: one table
    await provider.task('PUT', `${vm}/resize`, { disk: 'scsi0', size: '8G' });
    await provider.task('POST', `${vm}/status/start`, { timeout: 1800 });
    await waitForStatus(vm, 'running');
    await provider.change('POST', `${vm}/agent/ping`);
    const interfaces = await provider.get(`${vm}/agent/network-get-interfaces`, {
      result: [{ name: 'string', 'hardware-address': 'string', 'ip-addresses': [{ 'ip-address': 'string', prefix: 'int', 'ip-address-type': 'string' }] }],
    }); // biome-ignore format: one table
    const outer = interfaces.result.find((one) => one['hardware-address'].toLowerCase() === 'bc:24:11:00:00:20');
    expect(outer?.['ip-addresses'].map((one) => one['ip-address'])).toContain('10.210.0.20');
    expect(await provider.get(`${vm}/status/current`, VM_STATUS)).toMatchObject({
      status: 'running',
      name: 'tofu',
      cpus: 2,
      maxmem: 2 ** 30,
    });

    const config = await provider.get(`${vm}/config`, VM_CONFIG);
    expect(config).toMatchObject({
      agent: 'enabled=1,fstrim_cloned_disks=0,type=virtio', cores: 2, memory: 1024, onboot: true, template: false, ostype: 'l26', tags: 'apps;tofu',
      description: 'made by OpenTofu', cipassword: '**********', ipconfig0: 'gw=10.210.0.1,ip=10.210.0.20/16', startup: 'order=3,up=60,down=60', cpu: 'cputype=x86-64-v2-AES',
    }); // biome-ignore format: one table
    // What it reads back: the volume first, without a key; `size` in Proxmox's own units; the key as it was sent.
    expect(config.scsi0).toMatch(/^local-zfs:vm-120-disk-\d+,.*size=8G/);
    expect(config.scsi0).not.toMatch(/import-from|file=/);
    expect(config.ide2).toMatch(/^local-zfs:vm-120-cloudinit,.*media=cdrom/);
    expect(config.net0?.split(',')[0]).toBe('virtio=BC:24:11:00:00:20');
    expect(decodeURIComponent(config.sshkeys ?? '').trim()).toBe(KEY);
    const pool = await provider.get('pools?poolid=office', [
      {
        comment: 'string?',
        members: [{ id: 'string', node: 'string', type: 'string', vmid: 'int?', storage: 'string?' }],
      },
    ]);
    expect(pool[0]?.members.map(({ vmid }) => vmid)).toEqual([120]);
    const volume = await provider.get(`nodes/lab1/storage/local-zfs/content/${encodeURIComponent(config.scsi0?.split(',')[0] ?? '')}`, {
      path: 'string', format: 'string', size: 'int', used: 'int?',
    }); // biome-ignore format: one table
    expect(volume.size).toBe(8 * 2 ** 30);

    // Change: what goes away is a list with commas, and a drive comes back as it was read.
    await provider.change('PUT', `${vm}/config`, {
      cores: 4,
      memory: 2048,
      tags: 'tofu',
      delete: 'description,startup',
      scsi0: `file=${config.scsi0}`,
    });
    await provider.task('POST', `${vm}/status/reboot`, { timeout: 1800 });
    await waitForStatus(vm, 'running');
    expect(await provider.get(`${vm}/config`, VM_CONFIG)).toMatchObject({
      cores: 4,
      memory: 2048,
      description: undefined,
      startup: undefined,
    });
    await provider.change('PUT', `${vm}/cloudinit`);
    await provider.task('POST', `${vm}/move_disk`, { disk: 'scsi1', storage: 'local', format: 'qcow2', delete: true });
    expect((await provider.get(`${vm}/config`, { scsi1: 'string' })).scsi1).toMatch(
      /^local:120\/vm-120-disk-\d+\.qcow2,.*size=1G/,
    );
    const twice = await provider
      .request('POST', `${vm}/status/start`, { timeout: 1800 }, 'string')
      .then((upid) => refused(provider.waitFor(upid)));
    expect(twice.message).toContain('already running');

    // Destroy.
    await provider.task('POST', `${vm}/status/shutdown`, { forceStop: true, timeout: 1800 });
    await waitForStatus(vm, 'stopped');
    await provider.task('DELETE', `${vm}/?destroy-unreferenced-disks=1&purge=1`);
    expect((await refused(provider.get(`${vm}/status/current`, VM_STATUS))).doesNotExist).toBe(true);
    expect((await provider.get('pools?poolid=office', [{ members: ['any'] }]))[0]?.members).toEqual([]);
  }, 60_000);

  it('clones fully and linked, waits out locks, and takes a clone to another node with its disks', async () => {
    await provider.task('POST', 'nodes/lab1/qemu', {
      vmid: 130,
      name: 'golden',
      memory: 512,
      scsihw: 'virtio-scsi-pci',
      scsi0: `file=local-zfs:0,import-from=${IMAGE}`,
      ide2: 'file=local-zfs:cloudinit,media=cdrom,',
    });
    await provider.task('POST', 'nodes/lab1/qemu/130/template');
    expect((await provider.get('nodes/lab1/qemu/130/config', VM_CONFIG)).template).toBe(true);
    await provider.task('POST', 'nodes/lab1/qemu/130/clone', { full: false, name: 'linked', newid: 131 });
    await provider.task('POST', 'nodes/lab1/qemu/130/clone', {
      full: true,
      name: 'whole',
      newid: 132,
      storage: 'local-zfs',
      description: 'a clone',
    });
    expect(
      (await refused(provider.task('POST', 'nodes/lab1/qemu/130/clone', { full: true, newid: 132 }))).message,
    ).toContain('already exists');
    // The clone is asked for until its configuration is no longer locked.
    expect((await provider.get('nodes/lab1/qemu/132/status/current', VM_STATUS)).lock ?? '').toBe('');
    // Storages that are not shared: cloned where the template lies, then moved.
    expect(
      (
        await provider.get('nodes/lab1/storage/local-zfs/status', {
          active: 'bool',
          avail: 'int',
          content: 'list',
          enabled: 'bool',
          shared: 'bool',
          total: 'int',
          type: 'string',
          used: 'int',
        })
      ).shared,
    ).toBe(false);
    await provider.task('POST', 'nodes/lab1/qemu/132/migrate', { target: 'lab2', 'with-local-disks': true });
    const moved = 'nodes/lab2/qemu/132';
    const config = await provider.get(`${moved}/config`, VM_CONFIG);
    await provider.change('PUT', `${moved}/config`, {
      cores: 2,
      agent: 'enabled=1',
      ciuser: 'ada',
      ipconfig0: 'ip=dhcp',
      net0: 'model=virtio,bridge=vmbr0,firewall=0',
      ide2: `file=${config.ide2}`,
      delete: 'description',
    });
    await provider.task('PUT', `${moved}/resize`, { disk: 'scsi0', size: '6G' });
    expect((await provider.get(`${moved}/config`, VM_CONFIG)).scsi0).toContain('size=6G');
    const resources = await provider.get(
      'cluster/resources',
      [
        {
          type: 'string',
          id: 'string',
          node: 'string',
          vmid: 'int',
          status: 'string',
          name: 'string',
          maxcpu: 'float',
          maxdisk: 'int',
          maxmem: 'int',
          cpu: 'float',
          disk: 'int',
          mem: 'int',
          uptime: 'int',
        },
      ],
      { type: 'vm' },
    );
    expect(resources.find(({ vmid }) => vmid === 132)?.node).toBe('lab2');
    for (const [node, vmid] of [
      ['lab2', 132],
      ['lab1', 131],
      ['lab1', 130],
    ] as const)
      await provider.task('DELETE', `nodes/${node}/qemu/${vmid}/?destroy-unreferenced-disks=1&purge=1`);
  }, 60_000);

  it('proxmox_virtual_environment_container: made, started, found, changed, grown, cloned and destroyed', async () => {
    const ct = 'nodes/lab1/lxc/140';
    const warnings = await provider.task('POST', 'nodes/lab1/lxc', {
      vmid: 140, ostemplate: TEMPLATE, ostype: 'debian', hostname: 'tofu', cores: 1, cpuunits: 1024, memory: 512, swap: 0, cmode: 'tty', console: true, tty: 2, description: 'a container',
      features: 'nesting=1', rootfs: 'size=4,volume=local-zfs:4', mp0: 'backup=1,size=2,mp=/srv/data,volume=local-zfs:2', net0: 'bridge=vmbr0,firewall=0,ip=10.210.0.40/16,gw=10.210.0.1,hwaddr=BC:24:11:00:00:40,name=eth0',
      nameserver: '10.210.0.1', searchdomain: 'lab.example', onboot: true, protection: false, start: true, startup: 'order=3', 'ssh-public-keys': `${KEY}\n${KEY}`, password: 'not-so-secret',
      tags: 'tofu', template: false, unprivileged: true, storage: 'local-zfs',
    }); // biome-ignore format: one table
    expect(warnings).toEqual([]);
    await waitForStatus(ct, 'running');
    const found = await provider.get(`${ct}/interfaces`, [
      { name: 'string', 'hardware-address': 'string', 'ip-addresses': 'any' },
    ]);
    const eth0 = found.find(({ name }) => name === 'eth0')?.['ip-addresses'] as {
      'ip-address': string;
      prefix: unknown;
    }[];
    expect(eth0.map((one) => one['ip-address'])).toContain('10.210.0.40');
    const config = await provider.get(ct.concat('/config'), {
      arch: 'string', cores: 'int', cpuunits: 'int', memory: 'int', swap: 'int', digest: 'string', description: 'string', features: 'string', hostname: 'string', mp0: 'string', net0: 'string',
      onboot: 'bool', ostype: 'string', rootfs: 'string', startup: 'string', tags: 'string', tty: 'int', cmode: 'string', unprivileged: 'bool', lxc: 'any',
    }); // biome-ignore format: one table
    expect(config).toMatchObject({
      hostname: 'tofu',
      memory: 512,
      swap: 0,
      unprivileged: true,
      description: 'a container\n',
    });
    expect(config.rootfs).toMatch(/^local-zfs:subvol-140-disk-\d+,size=4G$/);
    expect(config.mp0).toMatch(/^local-zfs:subvol-140-disk-\d+,mp=\/srv\/data,backup=1,size=2G$/);
    await provider.get(`${ct}/status/current`, {
      status: 'string',
      cpus: 'float',
      maxmem: 'int',
      maxswap: 'int',
      name: 'string',
      uptime: 'int',
      vmid: 'number',
      lock: 'string?',
      tags: 'string?',
    });
    await provider.change('PUT', `${ct}/config`, { memory: 1024, hostname: 'tofu2', delete: ['startup', 'tags'] });
    await provider.task('PUT', `${ct}/resize`, { disk: 'mp0', size: '3G' });
    await provider.task('POST', `${ct}/status/reboot`, { timeout: 300 });
    await waitForStatus(ct, 'running');
    await provider.task('POST', `${ct}/status/shutdown`, { forceStop: true, timeout: 60 });
    await waitForStatus(ct, 'stopped');
    await provider.task('POST', `${ct}/clone`, { full: true, hostname: 'copy', newid: 141 });
    expect(
      (
        await provider.get('nodes/lab1/lxc', [
          { vmid: 'int', name: 'string', status: 'string', tags: 'string?', template: 'bool' },
        ])
      )
        .map(({ vmid }) => vmid)
        .sort((left, right) => left - right),
    ).toEqual([140, 141]);
    for (const vmid of [141, 140]) await provider.task('DELETE', `nodes/lab1/lxc/${vmid}`);
    expect((await refused(provider.get(`${ct}/status/current`, 'any'))).doesNotExist).toBe(true);
  }, 60_000);

  it('files: uploaded, fetched by URL, listed and removed', async () => {
    const image = Buffer.from('no real image'.repeat(5000));
    const web = createServer((_request, response) => {
      response.writeHead(200, {
        'Content-Type': 'application/x-iso9660-image',
        'Content-Length': String(image.length),
      });
      response.end(image);
    });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    try {
      const boundary = '8b1f9b4d6a';
      const part = (disposition: string, type: string, content: string | Buffer) =>
        Buffer.concat([
          Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n${type}\r\n`),
          Buffer.from(content),
          Buffer.from('\r\n'),
        ]);
      const form = Buffer.concat([
        part('name="content"', '', 'iso'),
        part('name="filename"; filename="tofu.iso"', 'Content-Type: application/octet-stream\r\n', image),
        Buffer.from(`--${boundary}--\r\n`),
      ]);
      const sent = await test.client().sendBare('POST', '/api2/json/nodes/lab1/storage/local/upload', form, {
        Authorization: `PVEAPIToken=${test.lab.rootToken}`, Accept: 'application/json', 'Content-Type': `multipart/form-data; boundary=${boundary}`, 'Content-Length': String(form.length),
      }); // biome-ignore format: one table
      expect(sent.status).toBe(200);
      await provider.waitFor(sent.body.data as string);
      const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/fetched.iso`;
      const metadata = await provider.get(
        'nodes/lab1/query-url-metadata',
        { filename: 'string', mimetype: 'string', size: 'int' },
        { url, 'verify-certificates': true },
      );
      expect(metadata.size).toBe(image.length);
      await provider.task('POST', 'nodes/lab1/storage/local/download-url', {
        content: 'iso',
        filename: 'fetched.iso',
        url,
        node: 'lab1',
        storage: 'local',
        'verify-certificates': true,
      });
      const files = await provider.get(
        'nodes/lab1/storage/local/content',
        [{ volid: 'string', content: 'string', format: 'string', size: 'int', vmid: 'int?', used: 'int?' }],
        { content: 'iso' },
      );
      expect(
        files
          .map(({ volid, size }) => [volid, size])
          .sort(([left], [right]) => (String(left) < String(right) ? -1 : 1)),
      ).toEqual([
        ['local:iso/fetched.iso', image.length],
        ['local:iso/tofu.iso', image.length],
      ]);
      for (const { volid } of files)
        await provider.change('DELETE', `nodes/lab1/storage/local/content/${encodeURIComponent(volid)}`);
      expect(await provider.get('nodes/lab1/storage/local/content', ['any'], { content: 'iso' })).toEqual([]);
    } finally {
      await new Promise((resolve) => web.close(resolve));
    }
  }, 60_000);

  it('access: groups, roles, users, tokens and what they may', async () => {
    await provider.change('POST', 'access/groups', { groupid: 'ops', comment: 'Operators' });
    await provider.change('POST', 'access/roles', { roleid: 'Operator', privs: 'VM.Audit,VM.PowerMgmt' });
    await provider.change('POST', 'access/users', {
      userid: 'tofu@pve',
      password: 'not-so-secret',
      enable: true,
      comment: 'robot',
      email: 'tofu@lab.example',
      groups: 'ops',
      expire: 0,
    });
    expect(await provider.get('access/roles/Operator', 'any')).toEqual({ 'VM.Audit': 1, 'VM.PowerMgmt': 1 });
    const roles = await provider.get('access/roles', [{ roleid: 'string', privs: 'list', special: 'bool' }]);
    expect(roles.find(({ roleid }) => roleid === 'Operator')?.special).toBe(false);
    const user = await provider.get('access/users/tofu%40pve', {
      comment: 'string',
      email: 'string',
      enable: 'bool',
      expire: 'int',
      groups: ['string'],
      firstname: 'string?',
      keys: 'string?',
    });
    expect(user.groups).toEqual(['ops']);
    await provider.get('access/users', [{ userid: 'string', enable: 'bool', expire: 'int', comment: 'string?' }]);
    expect((await provider.get('access/groups/ops', { comment: 'string', members: ['string'] })).members).toEqual([
      'tofu@pve',
    ]);
    await provider.change('PUT', 'access/acl', {
      path: '/pool/office',
      groups: 'ops',
      roles: 'Operator',
      propagate: true,
    });
    await provider.change('PUT', 'access/acl', {
      path: '/vms',
      users: 'tofu@pve',
      roles: 'PVEVMUser',
      propagate: false,
    });
    const made = await provider.request('POST', 'access/users/tofu%40pve/token/robot', { comment: 'for CI', expire: 0, privsep: false }, {
      'full-tokenid': 'string', value: 'string', info: { comment: 'string?', privsep: 'bool', expire: 'number?' },
    }); // biome-ignore format: one table
    expect(made['full-tokenid']).toBe('tofu@pve!robot');
    await provider.change('PUT', 'access/users/tofu%40pve/token/robot', { comment: 'for us', privsep: true });
    expect(
      await provider.get('access/users/tofu%40pve/token/robot', {
        comment: 'string',
        privsep: 'bool',
        expire: 'number',
      }),
    ).toEqual({ comment: 'for us', privsep: true, expire: 0 });
    await provider.get('access/users/tofu%40pve/token', [{ tokenid: 'string', privsep: 'bool', expire: 'number' }]);
    const rights = await provider.get('access/acl', [
      { path: 'string', propagate: 'bool', roleid: 'string', type: 'string', ugid: 'string' },
    ]);
    expect(rights).toContainEqual({
      path: '/pool/office',
      propagate: true,
      roleid: 'Operator',
      type: 'group',
      ugid: 'ops',
    });
    // Passwords are not for tokens; the provider then needs a ticket.
    const password = provider.change('PUT', 'access/password', { userid: 'tofu@pve', password: 'another-secret' });
    expect((await refused(password)).status).toBe(403);
    await provider.change('PUT', 'access/users/tofu%40pve', { comment: 'a robot', enable: false, groups: 'ops' });
    await provider.change('PUT', 'access/roles/Operator', { privs: 'VM.Audit' });
    await provider.change('PUT', 'access/acl', {
      path: '/pool/office',
      groups: 'ops',
      roles: 'Operator',
      propagate: true,
      delete: true,
    });
    await provider.change('DELETE', 'access/users/tofu%40pve/token/robot');
    await provider.change('DELETE', 'access/users/tofu%40pve');
    await provider.change('DELETE', 'access/roles/Operator');
    await provider.change('DELETE', 'access/groups/ops');
    expect((await refused(provider.get('access/roles/Operator', 'any'))).doesNotExist).toBe(true);
    expect((await refused(provider.get('access/groups/ops', 'any'))).doesNotExist).toBe(true);
  });

  it('firewall: options, aliases, sets of addresses, security groups and rules, of the cluster and of a guest', async () => {
    await provider.task('POST', 'nodes/lab1/qemu', { vmid: 150, memory: 64 });
    await provider.change('PUT', 'cluster/firewall/options', {
      enable: true,
      ebtables: true,
      log_ratelimit: 'enable=1,burst=10,rate=5/second',
      policy_in: 'DROP',
      policy_out: 'ACCEPT',
    });
    expect(
      await provider.get('cluster/firewall/options', { enable: 'bool', policy_in: 'string', log_ratelimit: 'string' }),
    ).toMatchObject({ enable: true, policy_in: 'DROP' });
    for (const at of ['cluster', 'nodes/lab1/qemu/150']) {
      await provider.change('POST', `${at}/firewall/aliases`, {
        name: 'office',
        cidr: '10.1.0.0/16',
        comment: 'our house',
      });
      const alias = await provider.get(`${at}/firewall/aliases/office`, {
        name: 'string',
        cidr: 'string',
        comment: 'string',
        digest: 'string?',
        ipversion: 'int',
      });
      expect(alias).toMatchObject({ cidr: '10.1.0.0/16', ipversion: 4 });
      await provider.change('PUT', `${at}/firewall/aliases/office`, {
        rename: 'house',
        cidr: '10.2.0.0/16',
        comment: 'our house',
      });
      await provider.change('POST', `${at}/firewall/ipset`, { name: 'friends', comment: 'let in' });
      await provider.change('POST', `${at}/firewall/ipset/friends`, { cidr: '192.0.2.0/24', comment: 'north' });
      await provider.change('POST', `${at}/firewall/ipset/friends`, { cidr: '192.0.2.7', nomatch: true });
      const entries = await provider.get(`${at}/firewall/ipset/friends`, [
        { cidr: 'string', nomatch: 'bool', comment: 'string?' },
      ]);
      expect(entries.find(({ cidr }) => cidr === '192.0.2.7')?.nomatch).toBe(true);
      await provider.get(`${at}/firewall/ipset`, [{ name: 'string', comment: 'string?' }]);
      await provider.change('POST', `${at}/firewall/rules`, {
        action: 'ACCEPT',
        type: 'in',
        enable: true,
        proto: 'tcp',
        dport: '443',
        source: '+friends',
        comment: 'https',
        log: 'info',
      });
      await provider.change('POST', `${at}/firewall/rules`, {
        action: 'DROP',
        type: 'out',
        enable: false,
        macro: 'Ping',
      });
      // A place is a number in the list and a text in the rule itself.
      const list = await provider.get(`${at}/firewall/rules`, [{ pos: 'int' }]);
      expect(list.map(({ pos }) => pos)).toEqual([0, 1]);
      const rules = await Promise.all(
        list.map(({ pos }) => provider.get(`${at}/firewall/rules/${pos}`, FIREWALL_RULE)),
      );
      expect(rules.map(({ action }) => action)).toEqual(['DROP', 'ACCEPT']);
      await provider.change('PUT', `${at}/firewall/rules/1`, { comment: 'HTTPS', enable: true, delete: 'log' });
      await provider.change('DELETE', `${at}/firewall/rules/0`);
      await provider.change('DELETE', `${at}/firewall/rules/0`);
      await provider.change('DELETE', `${at}/firewall/ipset/friends/${encodeURIComponent('192.0.2.0/24')}`);
      await provider.change('DELETE', `${at}/firewall/ipset/friends/192.0.2.7`);
      await provider.change('DELETE', `${at}/firewall/ipset/friends`);
      await provider.change('DELETE', `${at}/firewall/aliases/house`);
      expect((await refused(provider.get(`${at}/firewall/aliases/house`, 'any'))).message).toContain('no such alias');
    }
    await provider.change('PUT', 'nodes/lab1/qemu/150/firewall/options', {
      enable: true,
      dhcp: true,
      ipfilter: false,
      macfilter: true,
      ndp: true,
      radv: false,
      policy_in: 'DROP',
      policy_out: 'ACCEPT',
      log_level_in: 'info',
      log_level_out: 'nolog',
    });
    expect(
      await provider.get('nodes/lab1/qemu/150/firewall/options', {
        enable: 'bool',
        policy_in: 'string',
        log_level_in: 'string',
        radv: 'bool',
      }),
    ).toEqual({ enable: true, policy_in: 'DROP', log_level_in: 'info', radv: false });
    await provider.change('POST', 'cluster/firewall/groups', { group: 'web', comment: 'what the web needs' });
    await provider.change('POST', 'cluster/firewall/groups/web', {
      action: 'ACCEPT',
      type: 'in',
      enable: true,
      macro: 'HTTPS',
    });
    expect(
      (await provider.get('cluster/firewall/groups', [{ group: 'string', digest: 'string', comment: 'string?' }])).map(
        ({ group }) => group,
      ),
    ).toEqual(['web']);
    await provider.get('cluster/firewall/groups/web', [{ pos: 'int' }]);
    await provider.get('cluster/firewall/groups/web/0', FIREWALL_RULE);
    await provider.change('POST', 'nodes/lab1/qemu/150/firewall/rules', {
      action: 'web',
      type: 'group',
      enable: true,
      iface: 'net0',
    });
    await provider.change('DELETE', 'nodes/lab1/qemu/150/firewall/rules/0');
    await provider.change('DELETE', 'cluster/firewall/groups/web/0');
    await provider.change('DELETE', 'cluster/firewall/groups/web');
  });

  it('cluster: software-defined networks, hardware mappings, high availability, options and networks of nodes', async () => {
    await provider.change('POST', 'cluster/sdn/zones', {
      zone: 'town',
      type: 'simple',
      ipam: 'pve',
      nodes: 'lab1',
      mtu: 1450,
      dhcp: 'dnsmasq',
    });
    await provider.change('POST', 'cluster/sdn/vnets', { vnet: 'office', zone: 'town', alias: 'Office', type: 'vnet' });
    await provider.change('POST', 'cluster/sdn/vnets/office/subnets', {
      subnet: '10.9.0.0/24',
      type: 'subnet',
      vnet: 'office',
      gateway: '10.9.0.1',
      snat: true,
      'dhcp-range': 'start-address=10.9.0.10,end-address=10.9.0.99',
    });
    await provider.get(
      'cluster/sdn/zones/town',
      { zone: 'string', type: 'string', mtu: 'int?', pending: 'any', ipam: 'string?', nodes: 'string?' },
      { pending: true },
    );
    await provider.task('PUT', 'cluster/sdn');
    expect(await provider.get('cluster/sdn/zones', [{ zone: 'string', type: 'string', mtu: 'int' }])).toEqual([
      { zone: 'town', type: 'simple', mtu: 1450 },
    ]);
    expect(
      await provider.get('cluster/sdn/vnets/office', { vnet: 'string', zone: 'string', alias: 'string', tag: 'int?' }),
    ).toMatchObject({ zone: 'town', alias: 'Office' });
    const subnet = await provider.get('cluster/sdn/vnets/office/subnets/town-10.9.0.0-24', {
      subnet: 'string', vnet: 'string', type: 'string', gateway: 'string', snat: 'bool', 'dhcp-range': [{ 'start-address': 'string', 'end-address': 'string' }],
    }); // biome-ignore format: one table
    expect(subnet).toMatchObject({
      snat: true,
      'dhcp-range': [{ 'start-address': '10.9.0.10', 'end-address': '10.9.0.99' }],
    });
    await provider.get('cluster/sdn/vnets/office/subnets', [{ subnet: 'string', vnet: 'string' }]);
    await provider.change('PUT', 'cluster/sdn/vnets/office', {
      alias: 'Offices',
      zone: 'town',
      delete: ['tag', 'vlanaware'],
    });
    await provider.change('DELETE', 'cluster/sdn/vnets/office/subnets/town-10.9.0.0-24');
    await provider.change('DELETE', 'cluster/sdn/vnets/office');
    await provider.change('DELETE', 'cluster/sdn/zones/town');
    await provider.task('PUT', 'cluster/sdn');
    expect((await refused(provider.get('cluster/sdn/zones/town', 'any'))).message).toMatch(/does not exist/);

    const map = [
      'id=8086:5916,node=lab1,path=0000:00:02.0,iommugroup=0,subsystem-id=8086:2068',
      'id=8086:5916,node=lab2,path=0000:00:02.0',
    ];
    await provider.change('POST', 'cluster/mapping/pci', { id: 'gpu', description: 'graphics', map, mdev: false });
    expect(
      (
        await provider.get('cluster/mapping/pci/gpu', {
          description: 'string',
          map: ['string'],
          mdev: 'bool',
          type: 'string?',
        })
      ).map,
    ).toHaveLength(2);
    await provider.get(
      'cluster/mapping/pci',
      [{ id: 'string', map: ['string'], description: 'string?', checks: 'any' }],
      { 'check-node': 'lab1' },
    );
    await provider.change('PUT', 'cluster/mapping/pci/gpu', { map: map[0]!, delete: 'description' });
    await provider.change('DELETE', 'cluster/mapping/pci/gpu');
    await provider.change('POST', 'cluster/mapping/usb', { id: 'stick', map: 'id=8087:0a2b,node=lab1' });
    await provider.change('DELETE', 'cluster/mapping/usb/stick');
    await provider.change('POST', 'cluster/mapping/dir', { id: 'share', map: 'node=lab1,path=/srv/share' });
    await provider.change('DELETE', 'cluster/mapping/dir/share');

    await provider.task('POST', 'nodes/lab1/qemu', { vmid: 160, memory: 64 });
    await provider.change('POST', 'cluster/ha/resources', {
      sid: 'vm:160',
      type: 'vm',
      state: 'stopped',
      max_relocate: 2,
      max_restart: 2,
      comment: 'kept',
    });
    const resource = await provider.get(`cluster/ha/resources/${encodeURIComponent('vm:160')}`, {
      sid: 'string', type: 'string', state: 'string', max_restart: 'int', max_relocate: 'int', comment: 'string', digest: 'string', failback: 'bool?', group: 'string?',
    }); // biome-ignore format: one table
    expect(resource).toMatchObject({ sid: 'vm:160', type: 'vm', state: 'stopped', max_restart: 2 });
    await provider.get('cluster/ha/resources', [{ sid: 'string' }], { type: 'vm' });
    await provider.change('PUT', 'cluster/ha/resources/vm:160', { state: 'ignored', delete: 'comment' });
    await provider.change('POST', 'cluster/ha/rules', {
      rule: 'prefer-lab1',
      type: 'node-affinity',
      resources: 'vm:160',
      nodes: 'lab1:2,lab2:1',
      strict: false,
      disable: false,
    });
    const rule = await provider.get('cluster/ha/rules/prefer-lab1', {
      rule: 'string',
      type: 'string',
      resources: 'string',
      nodes: 'string',
      strict: 'bool',
      disable: 'bool',
      order: 'int?',
      digest: 'string?',
    });
    expect(rule).toMatchObject({ type: 'node-affinity', resources: 'vm:160', nodes: 'lab1:2,lab2:1' });
    await provider.change('DELETE', 'cluster/ha/rules/prefer-lab1');
    await provider.change('DELETE', `cluster/ha/resources/${encodeURIComponent('vm:160')}`);
    expect((await refused(provider.get('cluster/ha/resources/vm:160', 'any'))).doesNotExist).toBe(true);

    await provider.change('PUT', 'cluster/options', {
      keyboard: 'de',
      mac_prefix: 'bc:24:11',
      'next-id': 'lower=200,upper=300',
      migration: 'type=secure',
      'tag-style': 'shape=circle',
      delete: 'description',
    });
    const options = await provider.get('cluster/options', {
      keyboard: 'string', mac_prefix: 'string', 'next-id': { lower: 'number', upper: 'number' }, migration: { type: 'string' }, 'tag-style': { shape: 'string' },
    }); // biome-ignore format: one table
    expect(options['next-id']).toEqual({ lower: 200, upper: 300 });

    await provider.change('POST', 'nodes/lab1/network', {
      iface: 'vmbr9',
      type: 'bridge',
      cidr: '10.99.0.1/24',
      autostart: true,
      bridge_vlan_aware: true,
      comments: 'made by OpenTofu',
      mtu: 1400,
    });
    await provider.task('PUT', 'nodes/lab1/network');
    const bridge = (await provider.get('nodes/lab1/network', [
      { iface: 'string', type: 'string', priority: 'int', active: 'bool', autostart: 'bool', cidr: 'string?', address: 'string?', netmask: 'string?', bridge_ports: 'string?', bridge_vlan_aware: 'bool', comments: 'string?', mtu: 'string?', families: ['string'], method: 'string?', 'vlan-id': 'string?' },
    ])).find(({ iface }) => iface === 'vmbr9'); // biome-ignore format: one table
    expect(bridge).toMatchObject({ type: 'bridge', cidr: '10.99.0.1/24', mtu: '1400', bridge_vlan_aware: true });
    await provider.change('POST', 'nodes/lab1/network', { iface: 'vmbr9.20', type: 'vlan', autostart: true });
    await provider.change('PUT', 'nodes/lab1/network/vmbr9', {
      iface: 'vmbr9',
      type: 'bridge',
      autostart: true,
      delete: 'cidr,mtu,comments',
    });
    await provider.change('DELETE', 'nodes/lab1/network/vmbr9.20');
    await provider.change('DELETE', 'nodes/lab1/network/vmbr9');
    await provider.task('PUT', 'nodes/lab1/network');

    await provider.change('PUT', 'nodes/lab1/dns', { dns1: '9.9.9.9', search: 'lab.example' });
    expect(await provider.get('nodes/lab1/dns', { dns1: 'string', search: 'string' })).toEqual({
      dns1: '9.9.9.9',
      search: 'lab.example',
    });
    const hosts = await provider.get('nodes/lab1/hosts', { data: 'string', digest: 'string' });
    await provider.change('POST', 'nodes/lab1/hosts', {
      data: `${hosts.data}10.0.0.9 printer\n`,
      digest: hosts.digest,
    });
    expect((await provider.get('nodes/lab1/hosts', { data: 'string' })).data).toContain('printer');
    await provider.change('PUT', 'nodes/lab1/time', { timezone: 'Europe/Berlin' });
    expect((await provider.get('nodes/lab1/time', { timezone: 'string' })).timezone).toBe('Europe/Berlin');
    await provider.change('PUT', 'nodes/lab1/config', { description: 'ours', 'startall-onboot-delay': 5 });
    expect(
      await provider.get('nodes/lab1/config', { description: 'string', 'startall-onboot-delay': 'number' }),
    ).toMatchObject({ 'startall-onboot-delay': 5 });
  }, 60_000);
});
