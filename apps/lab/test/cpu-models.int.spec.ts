/** Processors of machines: what there is, what a cluster adds, and who may use it. */
import { makeMachine, openTestLab, type TestLab } from './test-lab.js';

const MODELS = '/cluster/qemu/custom-cpu-models';
const QEMU = '/nodes/lab1/qemu';

describe('processor models', () => {
  let test: TestLab;
  beforeAll(async () => {
    test = await openTestLab();
    await makeMachine(test, 150);
  });
  afterAll(() => test.close());

  const errors = async (method: string, path: string, form: Record<string, string | number>) =>
    (await test.root.call(method, path, form)).body.errors;
  const reason = async (method: string, path: string, form: Record<string, string | number> = {}) =>
    (await test.root.call(method, path, form)).reason;

  it.each([
    ['nosuch', "Built-in cputype 'nosuch' is not defined (missing 'custom-' prefix?)"],
    ['host,flags=+nosuch', expect.stringMatching(/^VM-specific CPU flags must be a subset of: aes, amd-no-ssb, /)],
    ['host,reported-model=kvm64', "Property 'reported-model' not allowed in VM-specific CPU config."],
    ['flags=+aes', 'CPU is missing cputype'],
    ['custom-nosuch', "Custom cputype 'nosuch' not found"],
  ])('a machine does not get %s', async (cpu, text) => {
    const found = await errors('PUT', `${QEMU}/150/config`, { cpu });
    expect(found.cpu.replace(/^invalid format - /, '').trimEnd()).toEqual(text);
    expect(Object.keys(await errors('POST', QEMU, { vmid: 151, cpu }))).toEqual(['cpu']);
  });

  it('are made, listed, changed and deleted', async () => {
    expect(await test.root.data('GET', MODELS)).toEqual([]);
    expect(Object.keys(await errors('POST', MODELS, { cputype: 'fast' }))).toEqual(['reported-model']);
    const model = { 'reported-model': 'EPYC-Milan', flags: '+aes;-svm', hidden: 0, 'phys-bits': 'host' };
    await test.root.data('POST', MODELS, { cputype: 'custom-fast', ...model });
    expect(await reason('POST', MODELS, { cputype: 'fast', 'reported-model': 'host' })).toBe(
      "custom CPU model 'fast' already exists",
    );
    const [listed] = await test.root.data('GET', MODELS);
    expect(listed).toEqual({ cputype: 'custom-fast', ...model, digest: expect.stringMatching(/^[0-9a-f]{40}$/) });
    const { hidden: _, ...on } = model;
    expect(await test.root.data('GET', `${MODELS}/fast`)).toEqual({
      cputype: 'custom-fast',
      ...on,
      digest: listed.digest,
    });
    expect(await reason('PUT', `${MODELS}/fast`, { delete: 'reported-model' })).toBe("cannot delete 'reported-model'");
    expect(await reason('PUT', `${MODELS}/fast`, { level: 30, digest: '0'.repeat(40) })).toBe(
      'detected modified configuration - file changed by other user? Try again.',
    );
    await test.root.data('PUT', `${MODELS}/custom-fast`, { level: 30, delete: 'flags', digest: listed.digest });
    const changed = await test.root.data('GET', `${MODELS}/custom-fast`);
    expect(changed).toMatchObject({ level: 30, 'reported-model': 'EPYC-Milan' });
    expect(changed).not.toHaveProperty('flags');
    expect(await reason('GET', `${MODELS}/nosuch`)).toBe("Custom cputype 'nosuch' not found");
    for (const method of ['PUT', 'DELETE'])
      expect(await reason(method, `${MODELS}/nosuch`)).toBe("custom CPU model 'nosuch' does not exist");
  });

  it('are among those a node offers', async () => {
    const all = (await test.root.data('GET', '/nodes/lab1/capabilities/qemu/cpu')) as any[];
    const named = (name: string) => all.find((one) => one.name === name);
    expect(named('EPYC')).toEqual({ name: 'EPYC', custom: 0, vendor: 'AuthenticAMD' });
    expect(named('Haswell')).toEqual({ name: 'Haswell', custom: 0, vendor: 'GenuineIntel' });
    expect(named('host')).toEqual({ name: 'host', custom: 0, vendor: 'default' });
    expect(named('x86-64-v3')).toEqual({ name: 'x86-64-v3', custom: 0, abstract: 1, vendor: 'default' });
    expect(named('custom-fast')).toEqual({ name: 'custom-fast', custom: 1, vendor: 'AuthenticAMD' });
    expect(named('cortex-a57')).toBeUndefined();
    const arm = await test.root.data('GET', '/nodes/lab1/capabilities/qemu/cpu', { arch: 'aarch64' });
    expect(arm.map((one: any) => one.name)).toEqual(expect.arrayContaining(['max', 'neoverse-n1']));
    const flags = await test.root.data('GET', '/nodes/lab1/capabilities/qemu/cpu-flags');
    expect(flags).toContainEqual({ name: 'aes', 'supported-on': ['lab1', 'lab2'] });
  });

  it('take a right of their own, and are missed at the start when they are gone', async () => {
    await test.root.data('POST', '/access/users', { userid: 'keeper@pve' });
    await test.root.data('PUT', '/access/acl', { path: '/vms/150', users: 'keeper@pve', roles: 'PVEVMAdmin' });
    const { value } = await test.root.data('POST', '/access/users/keeper@pve/token/key', { privsep: 0 });
    const keeper = test.client(`keeper@pve!key=${value}`);
    const set = { cpu: 'custom-fast' };
    const refused = await keeper.call('PUT', `${QEMU}/150/config`, set);
    expect([refused.status, refused.reason]).toEqual([403, 'Permission check failed (/mapping/cpu/fast, Mapping.Use)']);
    expect(await keeper.data('GET', MODELS)).toEqual([]);
    await test.root.data('PUT', '/access/acl', {
      path: '/mapping/cpu/fast',
      users: 'keeper@pve',
      roles: 'PVEMappingUser',
    });
    await keeper.data('PUT', `${QEMU}/150/config`, set);
    expect(await keeper.data('GET', MODELS)).toHaveLength(1);
    await test.root.data('DELETE', `${MODELS}/fast`);
    expect(await test.root.run('POST', `${QEMU}/150/status/start`)).toBe("Custom cputype 'fast' not found");
  });
});
