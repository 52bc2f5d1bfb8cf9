/** Facts about the real API of Proxmox VE that clients stumble over: each holds here too. */
import { guestTools, LXC, QEMU } from './guest-tools.js';
import { IMAGE, makeContainer, makeMachine, openTestLab, TEMPLATE, type TestLab } from './test-lab.js';

let test: TestLab;
beforeAll(async () => {
  test = await openTestLab();
});
afterAll(() => test.close());

const { refusal, config, drop } = guestTools(() => test);

describe('what is missing or taken is a 500 with a text, never a 404', () => {
  const missing = "Configuration file 'nodes/lab1/qemu-server/999.conf' does not exist";
  const missingCt = "Configuration file 'nodes/lab1/lxc/999.conf' does not exist";
  const nowhere = "unable to find configuration file for VM 999 on node 'lab1'";

  it.each([
    ['GET', `${QEMU}/999/config`, {}, missing],
    ['GET', `${QEMU}/999/status/current`, {}, missing],
    ['GET', `${QEMU}/999/pending`, {}, missing],
    ['GET', `${QEMU}/999/snapshot`, {}, missing],
    ['GET', `${QEMU}/999/agent/info`, {}, missing],
    ['DELETE', `${QEMU}/999`, {}, missing],
    ['PUT', `${QEMU}/999/config`, { onboot: 1 }, missing],
    ['POST', `${QEMU}/999/config`, { onboot: 1 }, missing],
    ['POST', `${QEMU}/999/clone`, { newid: 998 }, missing],
    ['POST', `${QEMU}/999/template`, {}, missing],
    ['POST', `${QEMU}/999/migrate`, { target: 'lab2' }, missing],
    ['POST', `${QEMU}/999/snapshot`, { snapname: 'one' }, missing],
    ['POST', `${QEMU}/999/status/reset`, {}, nowhere],
    ['POST', `${QEMU}/999/status/reboot`, {}, nowhere],
    ['POST', `${QEMU}/999/status/suspend`, {}, nowhere],
    ['GET', `${LXC}/999/config`, {}, missingCt],
    ['PUT', `${LXC}/999/config`, { onboot: 1 }, missingCt],
    ['PUT', `${LXC}/999/resize`, { disk: 'rootfs', size: '+1G' }, missingCt],
    ['POST', `${LXC}/999/status/stop`, {}, 'CT 999 not running'],
    ['POST', `${LXC}/999/status/reboot`, {}, 'VM 999 not running'],
    ['GET', '/storage/nope', {}, "storage 'nope' does not exist"],
    ['GET', '/nodes/lab1/storage/nope/content', {}, "storage 'nope' does not exist"],
    ['POST', QEMU, { vmid: 999, scsi0: 'nope:1' }, "storage 'nope' does not exist"],
    [
      'POST',
      QEMU,
      { vmid: 999, archive: 'local:backup/vzdump-qemu-1000-2026_01_01-00_00_00.vma' },
      "can't find file 'local:backup/vzdump-qemu-1000-2026_01_01-00_00_00.vma'",
    ],
  ] as const)('%s %s', async (method, path, parameters, text) => {
    expect(await refusal(method, path, parameters)).toEqual([500, text]);
  });

  it('start, stop and shutdown of an unknown machine give a task that fails', async () => {
    expect(await test.root.run('POST', `${QEMU}/999/status/start`)).toBe(missing);
    expect(await test.root.run('POST', `${QEMU}/999/status/stop`)).toBe(nowhere);
    expect(await test.root.run('POST', `${QEMU}/999/status/shutdown`)).toBe(nowhere);
    expect(await test.root.run('POST', `${LXC}/999/status/start`)).toBe(missingCt);
    expect(await test.root.run('DELETE', `${QEMU}/999/snapshot/one`)).toBe(missing);
    expect(await test.root.run('POST', `${QEMU}/999/snapshot/one/rollback`)).toBe(missing);
    expect(await test.root.run('PUT', `${QEMU}/999/resize`, { disk: 'scsi0', size: '1G' })).toBe(missing);
  });

  it('machines and containers share the ids, and say it in their own words', async () => {
    await makeContainer(test, 101);
    expect(await refusal('POST', QEMU, { vmid: 101 })).toEqual([
      500,
      "unable to create VM 101 - CT 101 already exists on node 'lab1'",
    ]);
    expect(await refusal('POST', LXC, { vmid: 101, ostemplate: TEMPLATE })).toEqual([
      500,
      "CT 101 already exists on node 'lab1'",
    ]);
    await drop(`${LXC}/101`);
  });
});

describe('parameters', () => {
  it.each(['true', 'yes', 'on', 'off', 'no', 'false', '2'])('a form boolean %s is refused', async (value) => {
    expect(await refusal('POST', QEMU, { vmid: 120, onboot: value })).toEqual([
      400,
      'Parameter verification failed.',
      { onboot: `type check ('boolean') failed - got '${value}'` },
    ]);
  });

  it.each([
    [{ vmid: 99 }, { vmid: 'invalid format - value does not look like a valid VM ID\n' }],
    [{ vmid: 120, name: 'a_b' }, { name: 'invalid format - value does not look like a valid DNS name\n' }],
    [
      { vmid: 120, scsi0: 'local:1,media=disk,nope=1' },
      {
        scsi0:
          'invalid format - format error\nscsi0.nope: property is not defined in schema and the schema does not allow additional properties\n',
      },
    ],
    [{ vmid: 120, virtio0: 'local:1,media=cdrom' }, { virtio0: 'unable to parse drive options' }],
    [{ vmid: 120, scsi0: 'local:1,mbps=5,mbps_rd=3' }, { scsi0: 'unable to parse drive options' }],
    [
      { vmid: 120, scsi0: `local:5,import-from=${IMAGE}` },
      { scsi0: "'import-from' requires special syntax - use <storage ID>:0,import-from=<source>" },
    ],
    [{ vmid: 120, ide2: 'local:iso/lab.iso' }, { ide2: "explicit 'media=cdrom' is required for iso images" }],
    [{ vmid: 120, scsi0: TEMPLATE }, { scsi0: "content type needs to be 'images' or 'iso'" }],
  ] as const)('%j', async (parameters, errors) => {
    const { status, body } = await test.root.call('POST', QEMU, parameters as never);
    expect([status, body.errors]).toEqual([400, errors]);
  });

  it('JSON bodies may hold arrays and true, and tags come back lower-cased, sorted and joined', async () => {
    const body = JSON.stringify({ vmid: 121, tags: ['X', 'a', 'x'], onboot: true });
    const answer = await test.root.send('POST', `/api2/json${QEMU}`, body, { 'Content-Type': 'application/json' });
    await test.root.exitOf(answer.body.data);
    const { tags, onboot } = await config(`${QEMU}/121`);
    expect([tags, onboot]).toEqual(['a;x', 1]);
    await drop(`${QEMU}/121`);
  });

  it('an unknown bridge is taken, and refused only by the start; an interface needs none at all', async () => {
    await makeMachine(test, 122, { net0: 'virtio,bridge=vmbr77', net1: 'e1000' });
    expect((await config(`${QEMU}/122`)).net1).toMatch(/^e1000=BC:24:11:[0-9A-F:]{8}$/);
    expect(await test.root.run('POST', `${QEMU}/122/status/start`)).toBe("bridge 'vmbr77' does not exist");
    await drop(`${QEMU}/122`);
  });

  it.each([
    ['ssh-ed25519 nonsense', 500, 'SSH public key validation error'],
    ['not a key', 500, 'SSH public key validation error'],
  ])('a public key is really read: %s', async (key, status, text) => {
    expect(await refusal('POST', QEMU, { vmid: 123, sshkeys: encodeURIComponent(key) })).toEqual([status, text]);
    const parameters = { vmid: 123, ostemplate: TEMPLATE, 'ssh-public-keys': key };
    expect(await refusal('POST', LXC, parameters)).toEqual([status, text]);
  });

  it('keys that are not encoded twice are refused by their format', async () => {
    const { status, body } = await test.root.call('POST', QEMU, { vmid: 123, sshkeys: 'ssh-ed25519 AAAA x' });
    expect([status, Object.keys(body.errors)]).toEqual([400, ['sshkeys']]);
  });
});

describe('a root token is not root', () => {
  beforeAll(() => makeMachine(test, 130));
  afterAll(() => drop(`${QEMU}/130`));

  it.each([
    ['PUT', `${QEMU}/130/config`, { args: '-foo' }, [500, "only root can set 'args' config"]],
    ['PUT', `${QEMU}/130/config`, { lock: 'backup' }, [500, "only root can set 'lock' config"]],
    ['POST', QEMU, { vmid: 131, serial0: '/dev/ttyS0' }, [500, "only root can set 'serial0' config for real devices"]],
    [
      'POST',
      QEMU,
      { vmid: 131, hostpci0: 'host=00:02.0' },
      [500, "only root can set 'hostpci0' config for non-mapped devices"],
    ],
    ['POST', QEMU, { vmid: 131, scsi0: '/dev/sdb' }, [500, 'Only root can pass arbitrary filesystem paths.']],
    [
      'POST',
      `${QEMU}/130/status/start`,
      { skiplock: 1 },
      [400, 'Parameter verification failed.', { skiplock: 'Only root may use this option.' }],
    ],
    [
      'DELETE',
      `${QEMU}/130?skiplock=1`,
      {},
      [400, 'Parameter verification failed.', { skiplock: 'Only root may use this option.' }],
    ],
    [
      'POST',
      LXC,
      { vmid: 131, ostemplate: TEMPLATE, rootfs: 'local-zfs:1', features: 'nesting=1,mount=nfs' },
      [403, 'Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)'],
    ],
    [
      'POST',
      LXC,
      { vmid: 131, ostemplate: TEMPLATE, rootfs: 'local-zfs:1', features: 'nesting=1', unprivileged: 0 },
      [403, 'Permission check failed (changing feature flags for privileged container is only allowed for root@pam)'],
    ],
    [
      'POST',
      LXC,
      { vmid: 131, ostemplate: TEMPLATE, rootfs: '/dev/sdb' },
      [403, 'Permission check failed (mount point type device is only allowed for root@pam)'],
    ],
    [
      'POST',
      LXC,
      { vmid: 131, ostemplate: TEMPLATE, hookscript: 'local:snippets/x.pl' },
      [403, 'Permission check failed (changing the hookscript is only allowed for root@pam)'],
    ],
  ] as const)('%s %s %j', async (method, path, parameters, expected) => {
    expect(await refusal(method, path, parameters as never)).toEqual(expected);
  });
});

describe('tasks', () => {
  it('a 200 says nothing: what is wrong shows in the task', async () => {
    await makeMachine(test, 140);
    const base = `${QEMU}/140`;
    expect(await test.root.run('PUT', `${base}/resize`, { disk: 'scsi7', size: '1G' })).toBe(
      "disk 'scsi7' does not exist",
    );
    expect(await test.root.run('POST', `${base}/snapshot/no/rollback`)).toBe("snapshot 'no' does not exist");
    expect(await test.root.run('DELETE', `${base}/snapshot/no`)).toBe("snapshot 'no' does not exist");
    expect(await test.root.run('POST', LXC, { vmid: 141, ostemplate: 'local:vztmpl/nope.tar.zst' })).toBe(
      "unable to create CT 141 - volume 'local:vztmpl/nope.tar.zst' does not exist",
    );
    expect(await test.root.run('POST', `${base}/status/start`)).toBe('OK');
    expect(await test.root.run('POST', `${base}/status/start`)).toBe('VM 140 already running');
    expect(await refusal('DELETE', base)).toEqual([500, 'VM 140 is running - destroy failed']);
    expect(await test.root.run('POST', `${base}/status/stop`)).toBe('OK');
    expect(await test.root.run('POST', `${base}/status/stop`)).toBe('OK');
    expect(await test.root.run('POST', `${base}/status/shutdown`)).toBe('OK');
    for (const verb of ['reset', 'reboot', 'suspend', 'resume'])
      expect(await refusal('POST', `${base}/status/${verb}`)).toEqual([500, 'VM 140 not running']);
    await drop(base);
  });

  it('containers say at once what machines say in a task', async () => {
    await makeContainer(test, 142);
    const base = `${LXC}/142`;
    expect(await refusal('POST', `${base}/status/stop`)).toEqual([500, 'CT 142 not running']);
    expect(await refusal('POST', `${base}/status/shutdown`)).toEqual([500, 'CT 142 not running']);
    expect(await refusal('POST', `${base}/status/suspend`)).toEqual([500, 'CT 142 not running']);
    await test.root.run('POST', `${base}/status/start`);
    expect(await refusal('POST', `${base}/status/start`)).toEqual([500, 'CT 142 already running']);
    expect(await refusal('POST', `${base}/status/resume`)).toEqual([500, 'CT 142 already running']);
    expect(await refusal('DELETE', base)).toEqual([500, 'unable to destroy CT 142 - container is running']);
    expect(await test.root.run('DELETE', `${base}?force=1`)).toBe('OK');
  });

  it('nobody listening lets a shutdown run into its time-out; forceStop ends it then', async () => {
    await test.root.run('POST', QEMU, { vmid: 143, memory: 64 });
    const base = `${QEMU}/143`;
    await test.root.run('POST', `${base}/status/start`);
    expect(await test.root.run('POST', `${base}/status/shutdown`, { timeout: 1 })).toBe(
      'VM quit/powerdown failed - got timeout',
    );
    expect((await test.root.data('GET', `${base}/status/current`)).status).toBe('running');
    expect(await test.root.run('POST', `${base}/status/shutdown`, { timeout: 1, forceStop: 1 })).toBe('OK');
    expect((await test.root.data('GET', `${base}/status/current`)).status).toBe('stopped');
    await drop(base);
  });

  it('a machine with start=1 starts after its create has ended', async () => {
    expect(await test.root.run('POST', QEMU, { vmid: 144, memory: 64, start: 1 })).toBe('OK');
    const deadline = Date.now() + 10_000;
    while ((await test.root.data('GET', `${QEMU}/144/status/current`)).status !== 'running') {
      if (Date.now() > deadline) throw new Error('not started within 10 s');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await test.root.run('POST', `${QEMU}/144/status/stop`);
    await drop(`${QEMU}/144`);
  });

  it('a lock refuses configuration at once, and everything else in the task', async () => {
    await makeMachine(test, 145);
    await test.fault({ effect: 'lock', vmid: 145, lock: 'backup' });
    const base = `${QEMU}/145`;
    expect(await refusal('PUT', `${base}/config`, { onboot: 1 })).toEqual([500, 'VM is locked (backup)']);
    expect(await test.root.run('POST', `${base}/status/start`)).toBe('VM is locked (backup)');
    expect(await test.root.run('DELETE', base)).toBe('VM is locked (backup)');
    await test.clearFaults();
  });

  it('a machine suspended to disk is stopped and locked, and resume goes on from there', async () => {
    await makeMachine(test, 146, { scsi0: `local:0,import-from=${IMAGE},format=qcow2` });
    const base = `${QEMU}/146`;
    await test.root.run('POST', `${base}/status/start`);
    expect(await test.root.run('POST', `${base}/status/suspend`, { todisk: 1 })).toBe('OK');
    const { lock, vmstate } = await config(base);
    expect([lock, vmstate]).toEqual([
      'suspended',
      expect.stringMatching(/^local:146\/vm-146-state-suspend-[\d-]+\.raw$/),
    ]);
    expect(await test.root.run('POST', `${base}/status/resume`)).toBe('OK');
    expect((await config(base)).vmstate).toBeUndefined();
    await test.root.run('POST', `${base}/status/stop`);
    await drop(base);
  });
});
