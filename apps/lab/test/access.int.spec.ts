import { openTestLab, type TestLab } from './test-lab.js';

describe('access to a lab', () => {
  let test: TestLab;
  beforeAll(async () => {
    test = await openTestLab({ users: [{ userid: 'op@pve', password: 'operator1' }] });
    await test.root.run('POST', '/nodes/lab1/qemu', { vmid: 100, memory: 64 });
    await test.root.run('POST', '/nodes/lab1/qemu', { vmid: 101, memory: 64 });
  });
  afterAll(() => test.close());

  it('lets a ticket write only with its CSRF token, and a token without', async () => {
    const anyone = test.client();
    const { ticket, CSRFPreventionToken } = await anyone.data('POST', '/access/ticket', {
      username: 'op@pve',
      password: 'operator1',
    });
    const cookie = `PVEAuthCookie=${encodeURIComponent(ticket)}`;
    const send = (headers: Record<string, string>) =>
      anyone.send(
        'PUT',
        '/api2/json/access/password',
        'userid=op%40pve&password=operator1&confirmation-password=operator1',
        {
          Cookie: cookie,
          ...headers,
        },
      );
    expect((await send({})).reason).toBe('Permission denied - invalid csrf token');
    expect((await send({ CSRFPreventionToken })).status).toBe(200);
    expect(
      (await anyone.send('GET', '/api2/json/version', undefined, { Cookie: 'PVEAuthCookie=PVE%3Aop' })).reason,
    ).toBe('Authentication failed!');
  });

  it('gives a privilege-separated token only what it and its user both have', async () => {
    const { value } = await test.root.data('POST', '/access/users/op@pve/token/both', { privsep: 1 });
    const op = test.client(`op@pve!both=${value}`);
    await test.root.data('PUT', '/access/acl', { path: '/vms/100', roles: 'PVEVMUser', tokens: 'op@pve!both' });
    expect((await op.call('GET', '/nodes/lab1/qemu/100/config')).reason).toBe(
      'Permission check failed (/vms/100, VM.Audit)',
    );
    await test.root.data('PUT', '/access/acl', { path: '/vms', roles: 'PVEAuditor', users: 'op@pve' });
    expect((await op.call('GET', '/nodes/lab1/qemu/100/config')).status).toBe(200);
    expect((await op.call('POST', '/nodes/lab1/qemu/100/status/start')).reason).toBe(
      'Permission check failed (/vms/100, VM.PowerMgmt)',
    );
    expect((await op.data('GET', '/nodes/lab1/qemu')).map((guest: { vmid: number }) => guest.vmid)).toEqual([100]);
    expect(
      (await op.data('GET', '/cluster/resources', { type: 'vm' })).map((guest: { vmid: number }) => guest.vmid),
    ).toEqual([100]);
  });

  it('tells nobody without rights whether a guest exists', async () => {
    const { value } = await test.root.data('POST', '/access/users/op@pve/token/none', { privsep: 1 });
    const op = test.client(`op@pve!none=${value}`);
    expect((await op.call('GET', '/nodes/lab1/qemu/999/config')).reason).toBe(
      'Permission check failed (/vms/999, VM.Audit)',
    );
    expect(await op.data('GET', '/nodes/lab1/qemu')).toEqual([]);
  });

  it('does not take a root token for root', async () => {
    expect((await test.root.call('PUT', '/nodes/lab1/qemu/100/config', { args: '-foo' })).reason).toBe(
      "only root can set 'args' config",
    );
    const skip = await test.root.call('POST', '/nodes/lab1/qemu/100/status/start', { skiplock: 1 });
    expect(skip.body.errors).toEqual({ skiplock: 'Only root may use this option.' });
    expect(
      (await test.root.call('PUT', '/access/password', { userid: 'op@pve', password: 'x'.repeat(9) })).status,
    ).toBe(403);
  });

  it('passes rights on from groups and pools, and NoAccess takes them away', async () => {
    await test.root.data('POST', '/access/groups', { groupid: 'staff' });
    await test.root.data('POST', '/access/users', { userid: 'eve@pve', groups: 'staff' });
    const { value } = await test.root.data('POST', '/access/users/eve@pve/token/tt', { privsep: 0 });
    const eve = test.client(`eve@pve!tt=${value}`);
    await test.root.data('POST', '/pools', { poolid: 'office' });
    await test.root.data('PUT', '/pools/office', { vms: '101' });
    await test.root.data('PUT', '/access/acl', { path: '/pool/office', roles: 'PVEVMAdmin', groups: 'staff' });
    expect((await eve.call('GET', '/nodes/lab1/qemu/101/config')).status).toBe(200);
    expect((await eve.call('GET', '/nodes/lab1/qemu/100/config')).status).toBe(403);
    await test.root.data('PUT', '/access/acl', { path: '/vms/101', roles: 'NoAccess', users: 'eve@pve' });
    await test.root.data('DELETE', '/access/groups/staff');
    expect((await eve.call('GET', '/nodes/lab1/qemu/101/config')).status).toBe(403);
  });

  it('refuses a disabled user and a deleted token at once', async () => {
    const { value } = await test.root.data('POST', '/access/users/op@pve/token/gone', { privsep: 0 });
    const op = test.client(`op@pve!gone=${value}`);
    expect((await op.call('GET', '/version')).status).toBe(200);
    await test.root.data('PUT', '/access/users/op@pve', { enable: 0 });
    expect((await op.call('GET', '/version')).reason).toBe('Authentication failed!');
    await test.root.data('PUT', '/access/users/op@pve', { enable: 1 });
    await test.root.data('DELETE', '/access/users/op@pve/token/gone');
    expect((await op.call('GET', '/version')).status).toBe(401);
  });
});
