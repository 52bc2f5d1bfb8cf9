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

  it('logs nobody in with more or less than a name, its realm and the right password', async () => {
    const anyone = test.client();
    const login = async (form: Record<string, string>) => {
      const answer = await anyone.call('POST', '/access/ticket', form);
      return answer.status === 200 ? (answer.body.data.username as string) : answer.body;
    };
    const failure = { data: null, message: 'authentication failure\n' };
    const good = test.lab.credentials;
    expect(await login({ username: 'root', realm: 'pam', password: good.password })).toBe('root@pam');
    expect(await login({ username: 'root', password: good.password })).toEqual(failure);
    expect(await login({ username: 'root@pam', realm: 'pam', password: good.password })).toEqual(failure);
    expect(await login({ username: 'op@pve', password: 'wrong' })).toEqual(failure);
    expect(await login({ username: 'op@nosuch', password: 'operator1' })).toEqual(failure);
    expect(await login({ username: 'op@pve', password: 'operator1', otp: '123456' })).toEqual(failure);
    const { ticket } = await anyone.data('POST', '/access/ticket', { username: 'op@pve', password: 'operator1' });
    expect(await login({ username: 'op@pve', password: ticket })).toBe('op@pve');
    // The ticket of root opens every door.
    const root = await anyone.data('POST', '/access/ticket', good);
    expect(root.clustername).toBe('test');
    expect(await login({ username: 'op@pve', password: root.ticket })).toBe('op@pve');
    expect(await login({ username: 'root@pam', password: ticket })).toEqual(failure);
  });

  it('names in a 403 the first privilege that is missing, or all of which one would do', async () => {
    const { value } = await test.root.data('POST', '/access/users/op@pve/token/texts', { privsep: 1 });
    const op = test.client(`op@pve!texts=${value}`);
    const reason = async (method: string, path: string, form = {}) => (await op.call(method, path, form)).reason;
    expect(await reason('GET', '/nodes/lab1/network')).toBe('OK');
    expect(await reason('GET', '/nodes/lab1/status')).toBe('Permission check failed (/nodes/lab1, Sys.Audit)');
    expect(await reason('POST', '/pools', { poolid: 'x' })).toBe('Permission check failed (/pool/x, Pool.Allocate)');
    expect(await reason('GET', '/access/groups/none')).toBe(
      'Permission check failed (/access/groups, Sys.Audit|Group.Allocate)',
    );
    expect(await reason('PUT', '/access/acl', { path: '/vms/100', roles: 'PVEVMUser', users: 'op@pve' })).toBe(
      'Permission check failed (/vms/100, Permissions.Modify|VM.Allocate)',
    );
    expect(await reason('POST', '/access/users', { userid: 'new@pve' })).toBe(
      'Permission check failed (/access/realm/pve, Realm.AllocateUser)',
    );
    const ticketOnly = await op.call('POST', '/cluster/config/join', {
      hostname: 'x',
      password: 'x',
      fingerprint: 'x',
    });
    expect([ticketOnly.status, ticketOnly.reason]).toEqual([403, 'Permission check failed (user != root@pam)']);
    const password = await test.root.call('PUT', '/access/password', { userid: 'op@pve', password: 'operator1' });
    expect(password.body.message).toBe(
      "Permission check failed (URI '/access/password' not available with API token, need proper ticket.\n)\n",
    );
  });

  it('does not let a token live longer than it may, nor a user', async () => {
    let seconds = Math.floor(Date.now() / 1000);
    const other = await openTestLab({ now: () => seconds * 1000 });
    try {
      const { ticket } = await other.client().data('POST', '/access/ticket', other.lab.credentials);
      const asRoot = () =>
        other.client().send('GET', '/api2/json/version', undefined, {
          Cookie: `PVEAuthCookie=${encodeURIComponent(ticket)}`,
        });
      await other.root.data('POST', '/access/users', { userid: 'temp@pve', expire: seconds + 7200 });
      const made = await other.root.data('POST', '/access/users/temp@pve/token/short', { expire: seconds + 3600 });
      expect(made.info).toEqual({ privsep: 1, expire: String(seconds + 3600) });
      const free = await other.root.data('POST', '/access/users/temp@pve/token/free', { privsep: 0 });
      const short = other.client(`temp@pve!short=${made.value}`);
      const long = other.client(`temp@pve!free=${free.value}`);
      const statuses = async () => [
        (await short.call('GET', '/version')).status,
        (await long.call('GET', '/version')).status,
        (await asRoot()).status,
      ];
      expect(await statuses()).toEqual([200, 200, 200]);
      seconds += 3601;
      expect(await statuses()).toEqual([401, 200, 200]);
      seconds += 3600;
      expect(await statuses()).toEqual([401, 401, 401]);
    } finally {
      await other.close();
    }
  });

  it('refuses in the words of the real server', async () => {
    const reason = async (method: string, path: string, form: Record<string, string | number> = {}) =>
      (await test.root.call(method, path, form)).reason;
    const errors = async (method: string, path: string, form: Record<string, string | number> = {}) =>
      (await test.root.call(method, path, form)).body.errors;
    expect(await reason('POST', '/access/users', { userid: 'op@pve' })).toBe(
      "create user failed: user 'op@pve' already exists",
    );
    expect(await reason('POST', '/access/users', { userid: 'g@pve', groups: 'nosuch' })).toBe(
      "create user failed: no such group 'nosuch'",
    );
    expect(await reason('POST', '/access/users', { userid: 'u@nosuch' })).toBe('OK');
    expect(await reason('POST', '/access/users', { userid: 'v@nosuch', password: 'secret123' })).toBe(
      "create user failed: auth domain 'nosuch' does not exist",
    );
    expect(await reason('GET', '/access/users/x@pve')).toBe("no such user ('x@pve')");
    expect(await reason('PUT', '/access/users/x@pve', { comment: 'x' })).toBe("no such user ('x@pve')");
    expect(await reason('DELETE', '/access/users/x@pve')).toBe("no such user ('x@pve')");
    expect(await reason('GET', '/access/users/op@pve/token/nosuch')).toBe("no such token 'nosuch' for user 'op@pve'");
    await test.root.data('POST', '/access/users/op@pve/token/twice');
    expect(await errors('POST', '/access/users/op@pve/token/twice')).toEqual({ tokenid: 'Token already exists.' });
    expect(await reason('PUT', '/access/groups/nosuch', { comment: 'x' })).toBe(
      "update group failed: group 'nosuch' does not exist",
    );
    expect(await reason('DELETE', '/access/groups/nosuch')).toBe("delete group failed: group 'nosuch' does not exist");
    expect(await errors('POST', '/access/roles', { roleid: 'pveMine' })).toEqual({
      roleid: "cannot use role ID starting with the (case-insensitive) 'PVE' namespace",
    });
    expect(await errors('POST', '/access/roles', { roleid: 'Mine', privs: 'VM.Audit,VM.Nosuch' })).toEqual({
      privs: "invalid format - invalid privilege 'VM.Nosuch'\n",
    });
    expect(await reason('DELETE', '/access/roles/PVEAdmin')).toBe("auto-generated role 'PVEAdmin' cannot be deleted");
    expect(await reason('PUT', '/access/roles/Nosuch', { privs: '' })).toBe(
      "update role failed: role 'Nosuch' does not exist",
    );
    expect(await reason('PUT', '/access/acl', { path: '/vms/100', roles: 'Nosuch', users: 'op@pve' })).toBe(
      "ACL update failed: role 'Nosuch' does not exist",
    );
    expect(await reason('PUT', '/access/acl', { path: '/vms/100', roles: 'PVEAdmin', users: 'x@pve' })).toBe(
      "ACL update failed: user 'x@pve' does not exist",
    );
    expect(await errors('PUT', '/access/acl', { path: '/vms/100', roles: 'PVEAdmin' })).toEqual(
      Object.fromEntries(
        ['users', 'groups', 'tokens'].map((key) => [key, "either 'users', 'groups' or 'tokens' is required."]),
      ),
    );
    expect(await errors('PUT', '/access/acl', { path: '/nosuch', roles: 'PVEAdmin', users: 'op@pve' })).toEqual({
      path: "invalid ACL path '/nosuch'",
    });
    expect(await reason('POST', '/access/domains', { realm: 'pam', type: 'ldap' })).toBe(
      "add auth server failed: domain 'pam' already exists",
    );
  });

  it('takes the rights on a guest or a storage away with it, and it out of its pool', async () => {
    await test.root.run('POST', '/nodes/lab1/qemu', { vmid: 190 });
    await test.root.data('POST', '/storage', { storage: 'gone', type: 'dir', path: '/srv/gone' });
    await test.root.data('POST', '/pools', { poolid: 'leavers' });
    await test.root.data('PUT', '/pools/leavers', { vms: 190, storage: 'gone' });
    for (const path of ['/vms/190', '/storage/gone'])
      await test.root.data('PUT', '/access/acl', { path, roles: 'PVEAuditor', users: 'op@pve' });
    const paths = async () =>
      ((await test.root.data('GET', '/access/acl')) as { path: string }[]).map((one) => one.path);
    expect(await paths()).toEqual(expect.arrayContaining(['/vms/190', '/storage/gone']));
    // With or without `purge`: a new guest of this number starts without them.
    await test.root.run('DELETE', '/nodes/lab1/qemu/190');
    await test.root.data('DELETE', '/storage/gone');
    expect((await paths()).filter((path) => path === '/vms/190' || path === '/storage/gone')).toEqual([]);
    expect((await test.root.data('GET', '/pools/leavers')).members).toEqual([]);
    await test.root.data('DELETE', '/pools/leavers');
  });

  it('asks of a realm what its kind needs', async () => {
    const reason = async (method: string, path: string, form: Record<string, string | number>) =>
      (await test.root.call(method, `/access/domains${path}`, form)).reason;
    expect(await reason('POST', '', { realm: 'town', type: 'ldap', server1: 'x.test' })).toBe(
      "add auth server failed: missing value for required option 'base_dn'",
    );
    expect(await reason('POST', '', { realm: 'town', type: 'openid', 'issuer-url': 'https://x.test' })).toBe(
      "add auth server failed: missing value for required option 'client-id'",
    );
    const openid = { realm: 'town', type: 'openid', 'issuer-url': 'https://x.test', 'client-id': 'y' };
    expect(await reason('POST', '', { ...openid, 'check-connection': 1 })).toBe(
      "add auth server failed: 'check-connection' parameter can only be set for realms of type 'ldap' or 'ad'",
    );
    await test.root.data('POST', '/access/domains', { ...openid, 'username-claim': 'email' });
    await test.root.data('PUT', '/access/domains/pve', { tfa: 'type=oath,digits=8' });
    expect(await test.root.data('GET', '/access/domains')).toContainEqual(
      expect.objectContaining({ realm: 'pve', tfa: 'oath' }),
    );
    const sync = async (method: string, form: Record<string, string | number> = {}) => {
      const { status, body } = await test.root.call(method, '/cluster/jobs/realm-sync/nightly', form);
      return status === 200 ? body.data : body.message;
    };
    expect(await sync('POST', { realm: 'town', schedule: 'daily', scope: 'both' })).toBe(
      '400 Parameter verification failed.\nrealm: Only LDAP/AD realms can be synced.\n',
    );
    const ldap = { realm: 'people', type: 'ldap', server1: 'x.test', base_dn: 'dc=x', user_attr: 'uid' };
    await test.root.data('POST', '/access/domains', ldap);
    expect(await sync('POST', { realm: 'people', schedule: 'daily', scope: 'users' })).toBeNull();
    expect(await sync('PUT', { schedule: 'hourly', delete: 'scope' })).toBe(
      "unable to delete required option 'scope'\n",
    );
    expect(await sync('PUT', { schedule: 'hourly', comment: 'c' })).toBeNull();
    expect(await sync('PUT', { schedule: 'hourly', enabled: 0, delete: 'comment' })).toBeNull();
    expect(await sync('GET')).toEqual({
      type: 'realm-sync',
      realm: 'people',
      schedule: 'hourly',
      scope: 'users',
      enabled: 0,
    });
    expect((await test.root.data('GET', '/cluster/jobs/realm-sync'))[0]['next-run']).toBeGreaterThan(0);
    expect(await sync('DELETE')).toBeNull();
    expect(await sync('DELETE')).toBe("400 Parameter verification failed.\nid: No such job 'nightly'\n");
    // Who has no second factor is no longer let in there.
    const refused = await test.client().call('POST', '/access/ticket', { username: 'op@pve', password: 'operator1' });
    expect(refused.status).toBe(401);
    await test.root.data('PUT', '/access/domains/pve', { delete: 'tfa' });
  });

  it('lets who may modify a guest hand out no more than he has', async () => {
    await test.root.data('POST', '/access/users', { userid: 'owner@pve' });
    await test.root.data('POST', '/access/roles', { roleid: 'Owner', privs: 'VM.Allocate,VM.Audit' });
    await test.root.data('PUT', '/access/acl', { path: '/vms/100', roles: 'Owner', users: 'owner@pve' });
    const { value } = await test.root.data('POST', '/access/users/owner@pve/token/tt', { privsep: 0 });
    const owner = test.client(`owner@pve!tt=${value}`);
    const grant = (roles: string) =>
      owner.call('PUT', '/access/acl', { path: '/vms/100', roles, users: 'op@pve', propagate: 0 });
    expect((await grant('Owner')).status).toBe(200);
    expect((await grant('PVEVMAdmin')).body.message).toBe(
      'ACL update failed: 400 Parameter verification failed.\n' +
        "role: Cannot add role 'PVEVMAdmin' - requires 'Permissions.Modify' or superset of privileges.\n",
    );
    expect((await grant('NoAccess')).reason).toBe('ACL update failed: 400 Parameter verification failed.');
  });

  it('knows what somebody may do: propagation, the nearest entry, pools, and only on paths that hold anything', async () => {
    await test.root.data('POST', '/access/users', { userid: 'ann@pve' });
    const { value } = await test.root.data('POST', '/access/users/ann@pve/token/tt', { privsep: 0 });
    const ann = test.client(`ann@pve!tt=${value}`);
    const set = (path: string, roles: string, more = {}) =>
      test.root.data('PUT', '/access/acl', { path, roles, users: 'ann@pve', ...more });
    await set('/vms', 'PVEVMUser', { propagate: 0 });
    await set('/storage', 'PVEDatastoreAdmin');
    await set('/storage/local', 'PVEDatastoreUser');
    const all = await ann.data('GET', '/access/permissions');
    expect(Object.keys(all).sort()).toEqual(['/storage', '/storage/local', '/vms']);
    expect(all['/vms']['VM.PowerMgmt']).toBe(0);
    expect(all['/storage/local']).toEqual({ 'Datastore.AllocateSpace': 1, 'Datastore.Audit': 1 });
    expect(await ann.data('GET', '/access/permissions', { path: '/vms/100' })).toEqual({ '/vms/100': {} });
    await test.root.data('POST', '/pools', { poolid: 'anns' });
    await test.root.data('PUT', '/pools', { poolid: 'anns', vms: '100', storage: 'local-zfs' });
    await set('/pool/anns', 'PVEAuditor');
    expect((await ann.data('GET', '/access/permissions', { path: '/vms/100' }))['/vms/100']).toEqual({
      'VM.Audit': 0,
      'VM.GuestAgent.Audit': 0,
      'Sys.Audit': 0,
      'Datastore.Audit': 0,
      'SDN.Audit': 0,
      'Pool.Audit': 0,
      'Mapping.Audit': 0,
    });
    // NoAccess of a pool beats what was given by other ways.
    await set('/vms/100', 'PVEVMAdmin');
    await set('/pool/anns', 'NoAccess');
    expect((await ann.call('GET', '/nodes/lab1/qemu/100/config')).status).toBe(403);
    expect((await ann.call('GET', '/access/permissions', { userid: 'op@pve' })).reason).toBe(
      'Permission check failed (/access, Sys.Audit)',
    );
    await test.root.data('DELETE', '/pools/anns', {}).catch(() => undefined);
  });

  it('keeps pools: nested ones, members of one pool only, never deleted with something in them', async () => {
    const reason = async (method: string, path: string, form: Record<string, string | number> = {}) =>
      (await test.root.call(method, path, form)).reason;
    expect(await reason('POST', '/pools', { poolid: 'a/b' })).toBe(
      "create pool failed: parent 'a' of pool 'a/b' does not exist",
    );
    await test.root.data('POST', '/pools', { poolid: 'aa', comment: 'x' });
    await test.root.data('POST', '/pools', { poolid: 'aa/bb' });
    await test.root.data('PUT', '/pools', { poolid: 'aa/bb', storage: 'local' });
    expect(await reason('POST', '/pools', { poolid: 'aa' })).toBe("create pool failed: pool 'aa' already exists");
    expect(await reason('PUT', '/pools', { poolid: 'aa', vms: '101' })).toBe(
      "update pools failed: VM 101 belongs already to pool 'office' and 'allow-move' is not set",
    );
    expect(await reason('PUT', '/pools', { poolid: 'aa', vms: '101', 'allow-move': 1 })).toBe('OK');
    const [pool] = await test.root.data('GET', '/pools', { poolid: 'aa' });
    expect([pool.comment, pool.members[0].id, pool.members[0].vmid]).toEqual(['x', 'qemu/101', 101]);
    expect(await reason('DELETE', '/pools', { poolid: 'aa' })).toBe(
      "delete pool failed: pool 'aa' is not empty (contains pool 'aa/bb')",
    );
    await test.root.data('PUT', '/pools', { poolid: 'aa/bb', storage: 'local', delete: 1 });
    await test.root.data('DELETE', '/pools', { poolid: 'aa/bb' });
    expect(await reason('DELETE', '/pools/aa')).toBe("delete pool failed: pool 'aa' is not empty (contains VM 101)");
    await test.root.data('PUT', '/pools/aa', { vms: '101', delete: 1 });
    expect(await reason('DELETE', '/pools/aa')).toBe('OK');
    expect(await reason('GET', '/pools/aa')).toBe("pool 'aa' does not exist");
  });
});
