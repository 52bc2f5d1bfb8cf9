import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SignedIn, signIn } from './signed-in.js';
import { openTestLab, type TestLab } from './test-lab.js';

describe('certificates of a node', () => {
  let test: TestLab;
  beforeEach(async () => {
    test = await openTestLab();
  });
  afterEach(() => test.close());

  const pem = (name: string) => readFileSync(join(test.folder, 'certificates', name), 'utf8');
  const upload = (more: Record<string, string | number>) =>
    test.root.call('POST', '/nodes/lab1/certificates/custom', more);
  const files = async (node = 'lab1') =>
    ((await test.root.data('GET', `/nodes/${node}/certificates/info`)) as { filename: string }[]).map(
      ({ filename }) => filename,
    );

  it('can be uploaded with their key, replaced with force, and removed', async () => {
    const certificates = pem('server.pem');
    expect((await upload({ certificates })).body.errors).toEqual({
      key: 'Attempted to upload custom certificate without (existing) key.',
    });
    expect((await upload({ certificates: 'x', key: pem('server.key') })).body.errors).toEqual({
      certificates: 'invalid format - not a valid PEM-formatted string.\n',
    });
    expect((await upload({ certificates, key: pem('ca.key') })).reason).toMatch(
      /^Setting certificate files failed - \d+: key does not match the certificate \(chain\)/,
    );
    const taken = await upload({ certificates, key: pem('server.key'), restart: 1 });
    expect(taken.body.data).toMatchObject({
      filename: 'pveproxy-ssl.pem',
      fingerprint: test.lab.fingerprint,
      'public-key-type': 'id-ecPublicKey',
      'public-key-bits': 256,
      san: expect.arrayContaining(['127.0.0.1']),
    });
    expect((await upload({ certificates })).reason).toBe('Custom certificate file exists but force flag is not set.');
    expect((await upload({ certificates, force: 1 })).status).toBe(200);
    expect(await files()).toEqual(['pve-root-ca.pem', 'pve-ssl.pem', 'pveproxy-ssl.pem']);
    expect(await files('lab2')).toEqual(['pve-root-ca.pem', 'pve-ssl.pem']);
    expect((await test.root.call('DELETE', '/nodes/lab1/certificates/custom')).body).toEqual({ data: null });
    expect(await files()).toEqual(['pve-root-ca.pem', 'pve-ssl.pem']);
  });

  it('have their domains in the configuration of the node, each once and with a plugin that is there', async () => {
    const config = '/nodes/lab1/config';
    const reason = async (more: Record<string, string>) => (await test.root.call('PUT', config, more)).reason;
    expect(await test.root.data('GET', config)).toEqual({});
    await test.root.data('PUT', config, { acme: 'account=default,domains=a.test;b.test', description: 'first' });
    const { digest, ...kept } = await test.root.data('GET', config);
    expect(kept).toEqual({ acme: 'account=default,domains=a.test;b.test', description: 'first\n' });
    expect(await test.root.data('GET', config, { property: 'description' })).toEqual({ description: 'first\n' });
    expect(await test.root.data('GET', config, { property: 'wakeonlan' })).toEqual({});
    expect(await reason({ acmedomain0: 'domain=A.test' })).toBe(
      "duplicate domain 'a.test' in ACME config properties 'acmedomain0' and 'acme'",
    );
    expect(await reason({ acmedomain0: 'domain=c.test,plugin=cf' })).toBe("plugin 'cf' for domain 'c.test' not found!");
    expect(await reason({ digest: '0'.repeat(40), description: 'x' })).toBe(
      'detected modified configuration - file changed by other user? Try again.',
    );
    const data = Buffer.from('CF_Token=x').toString('base64');
    await test.root.data('POST', '/cluster/acme/plugins', { id: 'cf', type: 'dns', api: 'cf', data });
    expect(await test.root.data('GET', '/cluster/acme/plugins/cf')).toMatchObject({
      plugin: 'cf',
      data: 'CF_Token=x',
    });
    expect(await reason({ acmedomain0: 'domain=c.test,plugin=cf', digest })).toBe('OK');
    expect(await reason({ delete: 'acme,acmedomain0,description' })).toBe('OK');
    expect(await test.root.data('GET', config)).toEqual({});
  });

  it('are ordered with an account that is kept, though no authority can be reached', async () => {
    const accounts = '/cluster/acme/account';
    const order = '/nodes/lab1/certificates/acme/certificate';
    // Accounts are for root alone, by ticket.
    expect((await test.root.call('GET', `${accounts}/default`)).reason).toBe(
      'Permission check failed (user != root@pam)',
    );
    const root: SignedIn = await signIn(test, test.lab.credentials.username, test.lab.credentials.password);
    const run = async (method: string, path: string, form = {}) =>
      await test.root.exitOf((await root(method, path, form)).body.data);
    const read = async (path: string) => (await root('GET', path)).body;
    const missing = await test.root.call('POST', order);
    expect([missing.status, missing.reason]).toEqual([400, 'ACME domain list in node configuration is missing!']);
    const tos = await test.root.data('GET', '/cluster/acme/tos');
    expect(await run('POST', accounts, { contact: 'a@x.test' })).toMatch(/^Registration failed/);
    expect(await run('POST', accounts, { contact: 'a@x.test', tos_url: tos })).toBe('OK');
    expect((await root('POST', accounts, { contact: 'a@x.test' })).body.errors).toEqual({
      name: "ACME account config file 'default' already exists.",
    });
    expect((await read(`${accounts}/default`)).data).toEqual({
      account: { status: 'valid', contact: ['mailto:a@x.test'], createdAt: expect.any(String) },
      directory: 'https://acme-v02.api.letsencrypt.org/directory',
      location: expect.stringMatching(/^https:\/\/acme-v02\.api\.letsencrypt\.org\/acme\/acct\/\d+$/),
      tos,
    });
    expect(await run('PUT', `${accounts}/default`, { contact: 'b@x.test' })).toBe('OK');
    expect((await read(`${accounts}/default`)).data.account.contact).toEqual(['mailto:b@x.test']);
    expect((await read(`${accounts}/nosuch`)).errors).toEqual({
      name: "ACME account config file 'nosuch' does not exist.",
    });
    await test.root.data('PUT', '/nodes/lab1/config', { acmedomain0: 'a.test' });
    expect(await test.root.run('POST', order)).toMatch(/Can't connect to acme-v02\.api\.letsencrypt\.org:443/);
    expect((await test.root.call('PUT', order)).reason).toBe(
      'No current (custom) certificate found, please order a new certificate!',
    );
    expect(await run('DELETE', `${accounts}/default`)).toBe('OK');
    expect(await test.root.data('GET', accounts)).toEqual([]);
    expect(await test.root.run('POST', order)).toBe("ACME account config file 'default' does not exist.");
  });
});
