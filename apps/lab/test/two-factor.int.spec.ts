import { totpValue } from '../src/access/totp.js';
import type { LabClient } from './lab-client.js';
import { type SignedIn, signIn } from './signed-in.js';
import { openTestLab, type TestLab } from './test-lab.js';

const SECRET = 'JBSWY3DPEHPK3PXP';
const TOTP = {
  secret: Buffer.from('Hello!\xde\xad\xbe\xef', 'latin1').toString('hex'),
  digits: 6,
  algorithm: 'sha1',
  period: 30,
} as const;
const URI = `otpauth://totp/Proxmox:eve%40pve?secret=${SECRET}&issuer=Proxmox`;
const code = (step = 0) => totpValue(TOTP, Math.floor(Date.now() / 30_000) + step);

describe('a second factor', () => {
  let test: TestLab;
  let root: SignedIn;
  let anyone: LabClient;
  beforeEach(async () => {
    test = await openTestLab({ users: [{ userid: 'eve@pve', password: 'secret123' }] });
    root = await signIn(test, test.lab.credentials.username, test.lab.credentials.password);
    anyone = test.client();
  });
  afterEach(() => test.close());

  const add = (more: Record<string, string>) => root('POST', '/access/tfa/eve@pve', more);
  const addTotp = async () =>
    (await add({ type: 'totp', description: 'phone', totp: URI, value: code() })).body.data.id as string;
  const login = (more: Record<string, string>) =>
    anyone.call('POST', '/access/ticket', { username: 'eve@pve', password: 'secret123', ...more });
  const answer = (challenge: string, password: string) => login({ password, 'tfa-challenge': challenge });

  it('is asked for after the password, and the half-open ticket lets nobody in', async () => {
    await addTotp();
    const { data } = (await login({})).body;
    expect(data).toMatchObject({ username: 'eve@pve', NeedTFA: 1 });
    expect(data.cap).toBeUndefined();
    expect(data.ticket).toMatch(/^PVE:!tfa!\{"totp"%3Atrue\}:[0-9A-F]{8}::/);
    const headers = { Cookie: `PVEAuthCookie=${encodeURIComponent(data.ticket)}` };
    expect((await anyone.send('GET', '/api2/json/version', undefined, headers)).reason).toBe('Authentication failed!');
    const wrong = await answer(data.ticket, 'totp:000000');
    expect([wrong.status, wrong.body.message]).toEqual([401, 'authentication failure\n']);
    expect((await answer(data.ticket, code())).status).toBe(401);
    const good = await answer(data.ticket, `totp:${code()}`);
    expect(good.body.data).toMatchObject({ username: 'eve@pve', cap: {} });
    expect(good.body.data.NeedTFA).toBeUndefined();
    // No value counts twice; the next one may come with the password.
    expect((await answer(data.ticket, `totp:${code()}`)).status).toBe(401);
    expect((await login({ otp: `totp:${code(1)}` })).status).toBe(200);
  });

  it('may be a recovery key, once', async () => {
    const { data } = (await add({ type: 'recovery' })).body;
    expect(data).toEqual({ id: 'recovery', recovery: expect.any(Array) });
    expect(data.recovery).toHaveLength(10);
    const challenge = (await login({})).body.data.ticket;
    expect(challenge).toContain('{"recovery"%3A[0,1,2,3,4,5,6,7,8,9]}');
    expect((await answer(challenge, `recovery:${data.recovery[3]}`)).status).toBe(200);
    expect((await answer(challenge, `recovery:${data.recovery[3]}`)).status).toBe(401);
    expect((await login({})).body.data.ticket).toContain('[0,1,2,4,5,6,7,8,9]');
    expect((await add({ type: 'recovery' })).reason).toBe('user already has recovery keys');
  });

  it('is listed, changed and removed, and the last one takes the mark off the user', async () => {
    expect(await test.root.data('GET', '/access/tfa')).toEqual([]);
    expect((await test.root.call('PUT', '/access/users/eve@pve/unlock-tfa')).reason).toBe('no such user');
    const id = await addTotp();
    const shown = { id, type: 'totp', description: 'phone', created: expect.any(Number) };
    expect(await test.root.data('GET', '/access/tfa')).toEqual([{ userid: 'eve@pve', entries: [shown] }]);
    expect(await test.root.data('GET', `/access/tfa/eve@pve/${id}`)).toEqual(shown);
    expect((await test.root.data('GET', '/access/users/eve@pve')).keys).toBe('x');
    expect(await test.root.data('GET', '/access/users/eve@pve/tfa', { multiple: 1 })).toEqual({ user: ['totp'] });
    expect((await root('PUT', `/access/tfa/eve@pve/${id}`, { enable: 0, description: 'old phone' })).status).toBe(200);
    expect(await test.root.data('GET', '/access/tfa/eve@pve')).toEqual([
      { ...shown, description: 'old phone', enable: 0 },
    ]);
    expect((await login({})).body.data.NeedTFA).toBeUndefined();
    expect((await root('DELETE', `/access/tfa/eve@pve/${id}`)).status).toBe(200);
    expect((await root('DELETE', `/access/tfa/eve@pve/${id}`)).reason).toBe('no such entry');
    const gone = await test.root.call('GET', `/access/tfa/eve@pve/${id}`);
    expect([gone.status, gone.reason]).toEqual([404, `No such tfa entry '${id}'`]);
    expect((await test.root.data('GET', '/access/users/eve@pve')).keys).toBeUndefined();
  });

  it('is refused in the words of the real server', async () => {
    const reason = async (more: Record<string, string>) => (await add(more)).reason;
    const totp = { type: 'totp', description: 'x', value: code() };
    expect(await reason({ type: 'totp', totp: URI, value: code() })).toBe("'description' is required for new entries");
    expect(await reason({ type: 'totp', description: 'x' })).toBe(
      "'totp' type requires both 'totp' and 'value' parameters",
    );
    expect(await reason({ ...totp, totp: 'https://x' })).toBe('not an otpauth uri');
    expect(await reason({ ...totp, totp: 'otpauth://totp/x?digits=6' })).toBe('missing secret in otpauth url');
    expect(await reason({ ...totp, totp: `${URI}&color=red` })).toBe("unknown otpauth uri parameter: 'color'");
    expect(await reason({ ...totp, totp: URI, value: '000000' })).toBe('failed to verify TOTP challenge');
    expect(await reason({ type: 'recovery', value: '1' })).toBe(
      'generating recovery tokens does not allow additional parameters',
    );
    expect(await reason({ type: 'webauthn', description: 'x' })).toBe('no webauthn configuration available');
    expect(await reason({ type: 'yubico', description: 'x', value: 'y' })).toBe(
      'no yubico otp configuration available for realm pve',
    );
    // Never by a token, and by others only with their own password.
    expect((await test.root.call('POST', '/access/tfa/eve@pve', { type: 'recovery' })).status).toBe(403);
    const eve = await signIn(test, 'eve@pve', 'secret123');
    expect((await eve('POST', '/access/tfa/eve@pve', { type: 'recovery' })).body.errors).toEqual({
      password: 'password is required to modify user',
    });
    expect((await eve('POST', '/access/tfa/eve@pve', { type: 'recovery', password: 'wrong123' })).reason).toBe(
      'invalid credentials',
    );
    expect((await eve('POST', '/access/tfa/root@pam', { type: 'recovery', password: 'secret123' })).status).toBe(403);
    expect((await eve('POST', '/access/tfa/eve@pve', { type: 'recovery', password: 'secret123' })).status).toBe(200);
  });

  it('locks after eight wrong values, until a recovery key or somebody else unlocks it', async () => {
    await addTotp();
    const { recovery } = (await add({ type: 'recovery' })).body.data;
    const challenge = (await login({})).body.data.ticket;
    for (let round = 0; round < 8; round += 1) await answer(challenge, 'totp:000000');
    expect((await answer(challenge, `totp:${code()}`)).status).toBe(401);
    expect((await test.root.data('GET', '/access/tfa'))[0]['totp-locked']).toBe(1);
    const eve = ((await test.root.data('GET', '/access/users')) as Record<string, unknown>[]).find(
      (user) => user.userid === 'eve@pve',
    );
    expect(eve?.['totp-locked']).toBe(1);
    expect((await answer(challenge, `recovery:${recovery[0]}`)).status).toBe(200);
    expect((await answer(challenge, `totp:${code()}`)).status).toBe(200);
    for (let round = 0; round < 8; round += 1) await answer(challenge, 'totp:000000');
    expect(await test.root.data('PUT', '/access/users/eve@pve/unlock-tfa')).toBe(1);
    expect(await test.root.data('PUT', '/access/users/eve@pve/unlock-tfa')).toBe(0);
    expect((await answer(challenge, `totp:${code(1)}`)).status).toBe(200);
  });
});
