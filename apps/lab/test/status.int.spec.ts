/** What lists and a guest's own status show, and what a start says when a volume is not where it should be. */
import { guestTools, LXC, QEMU, type Values } from './guest-tools.js';
import { makeContainer, makeMachine, openTestLab, type TestLab } from './test-lab.js';

let test: TestLab;
beforeAll(async () => {
  test = await openTestLab();
});
afterAll(() => test.close());
const { drop } = guestTools(() => test);
const rowOf = async (base: string, vmid: number, more: Values = {}) =>
  ((await test.root.data('GET', base, more)) as Values[]).find((row) => row.vmid === vmid);
const current = (path: string) => test.root.data('GET', `${path}/status/current`);

describe('a machine', () => {
  beforeAll(() => makeMachine(test, 100, { efidisk0: 'local-zfs:1,efitype=4m', bios: 'ovmf', vga: 'std', balloon: 0 }));
  afterAll(() => drop(`${QEMU}/100`));

  it('is as large as the disk it boots from, whatever else it has', async () => {
    expect((await current(`${QEMU}/100`)).maxdisk).toBe(2 * 2 ** 30);
    await test.root.data('PUT', `${QEMU}/100/config`, { boot: 'order=net0' });
    expect((await rowOf(QEMU, 100))?.maxdisk).toBe(0);
    await test.root.data('PUT', `${QEMU}/100/config`, { boot: 'order=scsi0;net0' });
  });

  it('shows memory on the host and stalls in lists, and what QEMU tells only when asked for all', async () => {
    expect(await rowOf(QEMU, 100)).toMatchObject({ memhost: 0, status: 'stopped' });
    expect((await rowOf(QEMU, 100, { full: 1 }))?.qmpstatus).toBe('stopped');
    await test.root.run('POST', `${QEMU}/100/status/start`);
    const plain = (await rowOf(QEMU, 100)) ?? {};
    expect(plain).toMatchObject({ memhost: plain.mem, pressurecpusome: 0, pressurememoryfull: 0 });
    expect(Object.keys(plain)).not.toContain('qmpstatus');
    expect(await rowOf(QEMU, 100, { full: 1 })).toMatchObject({ qmpstatus: 'running', nics: { tap100i0: {} } });
    // Without the balloon nobody can be asked, and a display that is configured always tells of its clipboard.
    const all = await current(`${QEMU}/100`);
    expect([all.balloon, all.ballooninfo, all.clipboard]).toEqual([undefined, undefined, null]);
    await test.root.run('POST', `${QEMU}/100/status/stop`);
  });

  it.each(['1', 'enabled=yes', 'type=virtio,enabled=1'])('with agent %s is listed as having one', async (agent) => {
    await test.root.data('PUT', `${QEMU}/100/config`, { agent });
    expect((await current(`${QEMU}/100`)).agent).toBe(1);
  });
});

describe('a container', () => {
  it('shows stalls in lists while it runs', async () => {
    await makeContainer(test, 110);
    expect(await rowOf(LXC, 110)).not.toHaveProperty('pressurecpusome');
    await test.root.run('POST', `${LXC}/110/status/start`);
    expect(await rowOf(LXC, 110)).toMatchObject({ pressurecpusome: '0.00', type: 'lxc' });
    await test.root.run('POST', `${LXC}/110/status/stop`);
    await drop(`${LXC}/110`);
  });
});

describe('a guest whose volume is gone', () => {
  it.each([
    [LXC, 120, 'local-zfs', "zfs error: cannot open 'rpool/data/subvol-120-disk-0': dataset does not exist"],
    [LXC, 121, 'local', "volume 'local:121/vm-121-disk-0.raw' does not exist"],
    [QEMU, 122, 'local-zfs', "timeout: no zvol device link for 'vm-122-disk-0' found after 300 sec."],
  ])('%s/%i on %s does not start', async (base, vmid, storage, text) => {
    await (base === LXC
      ? makeContainer(test, vmid, { rootfs: `${storage}:1` })
      : test.root.run('POST', QEMU, { vmid, memory: 64, scsi0: `${storage}:1` }));
    const [row] = await test.root.data('GET', `/nodes/lab1/storage/${storage}/content`, {
      vmid,
      content: base === LXC ? 'rootdir' : 'images',
    });
    await test.root.run('DELETE', `/nodes/lab1/storage/${storage}/content/${encodeURIComponent(row.volid)}`);
    expect(await test.root.run('POST', `${base}/${vmid}/status/start`)).toBe(text);
    expect((await current(`${base}/${vmid}`)).status).toBe('stopped');
    await drop(`${base}/${vmid}`);
  });
});
