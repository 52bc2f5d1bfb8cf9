/** Storages: definitions, what lies on them, files that come in, and what happens when they are full. */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { makeContainer, makeMachine, openTestLab, type TestLab } from './test-lab.js';

let test: TestLab;
let files: Server;
let origin = '';
const ISO = Buffer.from('an image of a disc');
beforeAll(async () => {
  test = await openTestLab();
  files = createServer((request, response) => {
    if (request.url === '/lab.iso')
      response
        .writeHead(200, { 'Content-Type': 'application/octet-stream; x=1', 'Content-Length': ISO.length })
        .end(ISO);
    else if (request.url === '/moved') response.writeHead(302, { Location: '/lab.iso' }).end();
    else if (request.url === '/lab.iso.gz') response.writeHead(200).end(gzipSync(ISO));
    else if (request.url === '/named')
      response.writeHead(200, { 'Content-Disposition': 'attachment; filename="real.iso"' }).end(ISO);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
});
afterAll(async () => {
  files.close();
  await test.close();
});

type Values = Record<string, string | number>;
const LOCAL = '/nodes/lab1/storage/local';
const refusal = async (method: string, path: string, parameters: Values = {}) => {
  const { status, reason, body } = await test.root.call(method, path, parameters);
  return [status, reason, ...(body.errors ? [body.errors] : [])];
};
const content = async (storage: string, more: Values = {}): Promise<Record<string, any>[]> =>
  await test.root.data('GET', `/nodes/lab1/storage/${storage}/content`, more);
const volume = (id: string) => `/nodes/lab1/storage/${id.split(':')[0]}/content/${encodeURIComponent(id)}`;

function multipart(fields: Readonly<Record<string, string>>, filename: string | undefined, bytes: Buffer) {
  const mark = 'lab-boundary';
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${mark}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const head = `--${mark}\r\nContent-Disposition: form-data; name="filename"; filename="${filename}"\r\nContent-Type: application/octet-stream\r\n\r\n`;
  const body = Buffer.concat([
    Buffer.from(parts.join('')),
    ...(filename === undefined ? [] : [Buffer.from(head), bytes, Buffer.from('\r\n')]),
    Buffer.from(`--${mark}--\r\n`),
  ]);
  return { body, type: `multipart/form-data; boundary=${mark}` };
}
async function upload(
  fields: Readonly<Record<string, string>>,
  filename: string | undefined,
  bytes: Buffer,
  storage = 'local',
) {
  const { body, type } = multipart(fields, filename, bytes);
  const path = `/api2/json/nodes/lab1/storage/${storage}/upload`;
  return await test.root.send('POST', path, body, { 'Content-Type': type, 'Content-Length': String(body.length) });
}

describe('definitions', () => {
  it.each([
    [{ storage: 'a1', type: 'dir' }, "missing value for required option 'path'"],
    [{ storage: 'a1', type: 'dir', path: 'x' }, undefined],
    [{ storage: 'a1', type: 'zfspool' }, "missing value for required option 'pool'"],
    [{ storage: 'a1', type: 'lvmthin', vgname: 'pve' }, "missing value for required option 'thinpool'"],
    [{ storage: 'a1', type: 'nfs', server: '192.0.2.9' }, "missing value for required option 'export'"],
    [{ storage: 'a1', type: 'zfspool', pool: 'tank', path: '/x' }, "unexpected property 'path'"],
    [{ storage: 'local', type: 'dir', path: '/x' }, "create storage failed: storage ID 'local' already defined"],
    [
      { storage: 'a1', type: 'dir', path: '/x', content: 'none,iso' },
      "unable to combine 'none' with other content types",
    ],
  ])('%j is refused', async (values, text) => {
    const answer = await test.root.call('POST', '/storage', values as Values);
    if (text === undefined) expect(answer.status).toBeGreaterThanOrEqual(400);
    else expect([answer.status, answer.reason]).toEqual([500, text]);
  });

  it('are made, read, changed and removed, each with its own answer', async () => {
    const made = await test.root.data('POST', '/storage', {
      storage: 'nas',
      type: 'nfs',
      server: '192.0.2.9',
      export: '/a',
    });
    expect(made).toEqual({ storage: 'nas', type: 'nfs' });
    const { digest, ...read } = await test.root.data('GET', '/storage/nas');
    expect(read).toEqual({
      storage: 'nas',
      type: 'nfs',
      server: '192.0.2.9',
      export: '/a',
      path: '/mnt/pve/nas',
      content: 'images',
      shared: 1,
    });
    expect(await refusal('PUT', '/storage/nas', { server: 'x' })).toEqual([
      500,
      "update storage failed: can't change value of fixed parameter 'server'",
    ]);
    expect(await refusal('PUT', '/storage/nas', { delete: 'export' })).toEqual([
      500,
      "update storage failed: unable to delete required option 'export'",
    ]);
    expect(await refusal('PUT', '/storage/nas', { digest: '0'.repeat(40), disable: 1 })).toEqual([
      500,
      'update storage failed: detected modified configuration - file changed by other user? Try again.',
    ]);
    await test.root.data('PUT', '/storage/nas', { digest, disable: 1, content: 'images,backup' });
    const row = ((await test.root.data('GET', '/nodes/lab1/storage')) as { storage: string }[]).find(
      (one) => one.storage === 'nas',
    );
    expect(row).toEqual({
      storage: 'nas',
      type: 'nfs',
      content: 'images,backup',
      enabled: 0,
      active: 0,
      shared: 1,
      total: 0,
      used: 0,
      avail: 0,
    });
    expect(await test.root.run('POST', '/nodes/lab1/qemu', { vmid: 100, scsi0: 'nas:1' })).toBe(
      "unable to create VM 100 - storage 'nas' is disabled",
    );
    expect(await test.root.data('DELETE', '/storage/nas')).toBeNull();
    expect(await refusal('DELETE', '/storage/nas')).toEqual([
      500,
      "delete storage failed: storage 'nas' does not exist",
    ]);
  });

  it('figures add up, and an unknown storage is 400 for its status', async () => {
    const { total, used, avail } = await test.root.data('GET', `${LOCAL}/status`);
    expect(used + avail).toBe(total);
    expect(await refusal('GET', '/nodes/lab1/storage/nope/status')).toEqual([
      400,
      'Parameter verification failed.',
      { storage: 'No such storage.' },
    ]);
  });
});

describe('content', () => {
  beforeAll(async () => {
    await makeMachine(test, 110, { scsi1: 'local:1,format=qcow2' });
    await makeContainer(test, 111);
  });
  afterAll(async () => {
    for (const path of ['qemu/110', 'lxc/111']) await test.root.run('DELETE', `/nodes/lab1/${path}`);
  });

  it('has the fields of its plugin and kind', async () => {
    expect((await content('local', { content: 'images' }))[0]).toEqual({
      volid: 'local:110/vm-110-disk-0.qcow2', content: 'images', format: 'qcow2', size: 2 ** 30, used: 0, vmid: 110, parent: null, ctime: expect.any(Number),
    }); // biome-ignore format: one row
    expect(await content('local-zfs', { content: 'rootdir' })).toEqual([
      {
        volid: 'local-zfs:subvol-111-disk-0',
        name: 'subvol-111-disk-0',
        content: 'rootdir',
        format: 'subvol',
        size: 2 ** 30,
        vmid: 111,
        parent: null,
      },
    ]);
    const [template] = await content('local', { content: 'vztmpl' });
    expect(template).toMatchObject({
      content: 'vztmpl',
      format: 'tzst',
      size: expect.any(Number),
      ctime: expect.any(Number),
    });
    const [importable] = await content('local', { content: 'import' });
    expect(importable).toMatchObject({ content: 'import', format: 'qcow2' });
  });

  it('of one guest also lists images to import, which are nobody’s', async () => {
    const kinds = (await content('local', { vmid: 110 })).map((row) => row.content);
    expect(new Set(kinds)).toEqual(new Set(['images', 'import']));
  });

  it.each([
    ['local', { vmid: 110, filename: 'vm-110-disk-7.qcow2', size: '1G' }, 'local:110/vm-110-disk-7.qcow2'],
    ['local', { vmid: 110, filename: 'vm-110-disk-8.raw', size: '512M' }, 'local:110/vm-110-disk-8.raw'],
    ['local-zfs', { vmid: 110, filename: 'vm-110-disk-9', size: 1024 }, 'local-zfs:vm-110-disk-9'],
    [
      'local-zfs',
      { vmid: 111, filename: 'subvol-111-disk-5', format: 'subvol', size: '1G' },
      'local-zfs:subvol-111-disk-5',
    ],
  ])('on %s %j is made at once, and destroyed in a task', async (storage, values, id) => {
    expect(await test.root.data('POST', `/nodes/lab1/storage/${storage}/content`, values as Values)).toBe(id);
    const upid = await test.root.data('DELETE', volume(id));
    expect(upid).toContain(`:imgdel:${(values as { vmid: number }).vmid}@${storage}:`);
    expect(await test.root.exitOf(upid)).toBe('OK');
  });

  it.each([
    [
      'local',
      { vmid: 110, filename: 'vm-110-disk-7', size: '1G' },
      [500, "unable to parse volume filename 'vm-110-disk-7'"],
    ],
    [
      'local',
      { vmid: 110, filename: 'vm-110-disk-0.qcow2', size: '1G' },
      [500, "disk image '/var/lib/vz/images/110/vm-110-disk-0.qcow2' already exists"],
    ],
    [
      'local',
      { vmid: 110, filename: 'x.raw', size: '1X' },
      [400, 'Parameter verification failed.', { size: 'value does not match the regex pattern' }],
    ],
    [
      'local',
      { vmid: 110, filename: 'a.raw', format: 'qcow2', size: '1G' },
      [400, 'Parameter verification failed.', { format: 'different storage formats (qcow2 != raw)' }],
    ],
    ['local-zfs', { vmid: 110, filename: 'disk-0', size: '1G' }, [500, "illegal name 'disk-0' - should be 'vm-110-*'"]],
    [
      'local-zfs',
      { vmid: 110, filename: 'vm-999-disk-0', size: '1G' },
      [500, "illegal name 'vm-999-disk-0' - should be 'vm-110-*'"],
    ],
    [
      'local-zfs',
      { vmid: 110, filename: 'vm-110-a', format: 'qcow2', size: '1G' },
      [500, "unsupported format 'qcow2'"],
    ],
  ])('on %s %j is refused', async (storage, values, expected) => {
    const answer = await refusal('POST', `/nodes/lab1/storage/${storage}/content`, values as Values);
    expect(answer.slice(0, expected.length)).toEqual(expected);
  });

  it('is looked at by id with or without its storage; strange ids are refused', async () => {
    const { path, format, size } = await test.root.data('GET', volume('local:110/vm-110-disk-0.qcow2'));
    expect([path, format, size]).toEqual(['/var/lib/vz/images/110/vm-110-disk-0.qcow2', 'qcow2', 2 ** 30]);
    expect((await test.root.data('GET', volume('local-zfs:subvol-111-disk-0'))).path).toBe(
      '/rpool/data/subvol-111-disk-0',
    );
    expect(await refusal('GET', `${LOCAL}/content/${encodeURIComponent('110/vm-110-disk-5.raw')}`)).toEqual([
      500,
      "volume_size_info on 'local:110/vm-110-disk-5.raw' failed - no format",
    ]);
    expect(await refusal('GET', `${LOCAL}/content/${encodeURIComponent('local-zfs:vm-1-disk-0')}`)).toEqual([
      400,
      'Parameter verification failed.',
      { volume: 'storage ID mismatch (local-zfs != local)\n' },
    ]);
    expect(await refusal('GET', `${LOCAL}/content/${encodeURIComponent('local:../../etc/passwd')}`)).toEqual([
      500,
      "unable to parse directory volume name '../../etc/passwd'",
    ]);
    expect(await refusal('PUT', volume('local:110/vm-110-disk-0.qcow2'), { protected: 1 })).toEqual([
      500,
      "only backups support attribute 'protected'",
    ]);
  });

  it('that is gone already is removed all the same', async () => {
    expect(await test.root.run('DELETE', volume('local:iso/never.iso'))).toBe('OK');
  });
});

describe('uploads', () => {
  it('arrive in a task, replace what is there, and are checked against their sum', async () => {
    const sum = createHash('sha256').update(ISO).digest('hex');
    const tries: Record<string, string>[] = [
      { content: 'iso' },
      { content: 'iso', 'checksum-algorithm': 'sha256', checksum: sum },
    ];
    for (const fields of tries) {
      const answer = await upload(fields, 'lab.iso', ISO);
      expect(await test.root.exitOf(answer.body.data)).toBe('OK');
    }
    expect((await content('local', { content: 'iso' })).map((row) => [row.volid, row.format, row.size])).toEqual([
      ['local:iso/lab.iso', 'iso', ISO.length],
    ]);
    const wrong = await upload({ content: 'iso', 'checksum-algorithm': 'sha256', checksum: 'ab' }, 'bad.iso', ISO);
    expect(await test.root.exitOf(wrong.body.data)).toBe(`checksum mismatch: got '${sum}' != expect 'ab'`);
    expect((await content('local', { content: 'iso' })).map((row) => row.volid)).toEqual(['local:iso/lab.iso']);
  });

  it.each([
    [{ content: 'iso' }, 'lab.txt', [400, { filename: 'wrong file extension' }]],
    [{ content: 'vztmpl' }, 'x.iso', [400, { filename: 'wrong file extension' }]],
    [{ content: 'import' }, 'x.tar', [400, { filename: 'invalid filename or wrong extension' }]],
    [
      { content: 'backup' },
      'x.vma',
      [400, { content: "value 'backup' does not have a value in the enumeration 'iso, vztmpl, import'" }],
    ],
    [
      { content: 'iso', checksum: 'x' },
      'x.iso',
      [400, { 'checksum-algorithm': "missing property required by 'checksum'" }],
    ],
  ])('%j as %s is refused', async (fields, name, [status, errors]) => {
    const answer = await upload(fields as unknown as Record<string, string>, name, ISO);
    expect([answer.status, answer.body.errors]).toEqual([status, errors]);
  });

  it('take no image that is none, and no file for a storage without folders', async () => {
    const answer = await upload({ content: 'import' }, 'x.qcow2', ISO);
    expect(await test.root.exitOf(answer.body.data)).toBe('failed to query file information with qemu-img');
    expect((await upload({ content: 'iso' }, 'x.iso', ISO, 'local-zfs')).reason).toBe(
      "can't upload to storage type 'zfspool'",
    );
    expect((await upload({ content: 'iso' }, 'empty.iso', Buffer.alloc(0))).status).toBe(200);
  });
});

describe('downloads', () => {
  const get = (values: Values) => test.root.run('POST', `${LOCAL}/download-url`, { content: 'iso', ...values });
  const sum = createHash('sha256').update(ISO).digest('hex');

  it('follow redirects, check sums, unpack, and leave what is there alone', async () => {
    expect(
      await get({ filename: 'a.iso', url: `${origin}/moved`, 'checksum-algorithm': 'sha256', checksum: sum }),
    ).toBe('OK');
    expect(await get({ filename: 'a.iso', url: `${origin}/lab.iso` })).toBe(
      "refusing to override existing file '/var/lib/vz/template/iso/a.iso'",
    );
    expect(
      await get({ filename: 'a.iso', url: `${origin}/lab.iso`, 'checksum-algorithm': 'sha256', checksum: sum }),
    ).toBe('OK');
    expect(await get({ filename: 'b.iso', url: `${origin}/lab.iso.gz`, compression: 'gz' })).toBe('OK');
    expect((await test.root.data('GET', volume('local:iso/b.iso'))).size).toBe(ISO.length);
    expect(
      await get({ filename: 'c.iso', url: `${origin}/lab.iso`, 'checksum-algorithm': 'sha256', checksum: 'ab' }),
    ).toBe(`checksum mismatch: got '${sum}' != expect 'ab'`);
    expect(await get({ filename: 'd.iso', url: `${origin}/nothing` })).toBe('download failed: exit code 8');
    expect(await get({ filename: 'd.iso', url: 'http://127.0.0.1:1/x' })).toBe('download failed: exit code 4');
    const ids = (await content('local', { content: 'iso' })).map((row) => row.volid);
    expect(ids.filter((id) => /[cd]\.iso/.test(id))).toEqual([]);
  });

  it('are asked about beforehand', async () => {
    const ask = (path: string) => test.root.data('GET', '/nodes/lab1/query-url-metadata', { url: `${origin}${path}` });
    expect(await ask('/lab.iso')).toEqual({
      filename: 'lab.iso',
      size: ISO.length,
      mimetype: 'application/octet-stream',
    });
    expect((await ask('/named')).filename).toBe('real.iso');
    expect(await refusal('GET', '/nodes/lab1/query-url-metadata', { url: `${origin}/nothing` })).toEqual([
      500,
      "invalid server response: '404 Not Found'",
    ]);
  });
});

describe('a full storage', () => {
  afterEach(() => test.clearFaults());

  it('refuses new disks with its plugin’s words, and leaves the guest as it was', async () => {
    await makeMachine(test, 120);
    await test.fault({ effect: 'storage-full', storage: 'local-zfs' });
    const base = '/nodes/lab1/qemu/120';
    const before = await test.root.data('GET', `${base}/config`);
    expect((await test.root.call('PUT', `${base}/config`, { scsi1: 'local-zfs:1' })).reason).toMatch(/out of space/);
    expect(await test.root.run('POST', `${base}/clone`, { newid: 121, full: 1 })).toMatch(
      /^clone failed: .*out of space/,
    );
    expect(await test.root.data('GET', `${base}/config`)).toEqual(before);
    expect((await test.root.call('GET', '/nodes/lab1/qemu/121/config')).status).toBe(500);
    await test.clearFaults();
    await test.root.run('DELETE', base);
  });
});
