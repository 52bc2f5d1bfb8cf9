import { AccountServer, PASSWORD } from '../../test/accounts/account-server.js';

describe('log-in at a terminal, confirmed in a browser', () => {
  const server = new AccountServer();
  const begin = async () => {
    const terminal = server.person({ 'user-agent': 'bastide', 'x-forwarded-for': '192.0.2.9' });
    return { terminal, ...(await terminal.ask('POST', '/session/device')).body };
  };
  const ada = async () => {
    const person = server.person();
    await person.logIn('ada', PASSWORD);
    return person;
  };

  it('gives the terminal a session of whoever confirmed, once', async () => {
    const { terminal, deviceCode, userCode, url } = await begin();
    expect(userCode).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    expect(url).toBe(`${server.url}/device?code=${userCode}`);
    const finish = () => terminal.ask('POST', '/session/device/finish', { deviceCode });
    expect((await finish()).code).toBe('auth.pending');
    const browser = await ada();
    const shown = await browser.ask('GET', `/account/devices?code=${userCode.toLowerCase()}`);
    expect(shown.body).toMatchObject({ address: '192.0.2.9', userAgent: 'bastide' });
    expect((await browser.ask('POST', '/account/devices', { code: userCode, confirm: true })).status).toBe(204);
    expect((await browser.ask('POST', '/account/devices', { code: userCode, confirm: true })).status).toBe(404);
    const both = await Promise.all([finish(), finish()]);
    expect(both.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 401]);
    const sessions = await terminal.ask('GET', '/account/sessions');
    expect(sessions.body.find((one: { current: boolean }) => one.current)).toMatchObject({ address: '192.0.2.9' });
    expect(server.audited.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['session.device_begun', 'account.device_answered', 'session.opened']),
    );
    const dump = JSON.stringify(await server.database.db.selectFrom('device_log_ins').selectAll().execute());
    expect(dump).not.toContain(deviceCode);
  });

  it('is confirmed only by who has just proven who they are, and the terminal has proven nothing', async () => {
    const { terminal, deviceCode, userCode } = await begin();
    const browser = await ada();
    server.now += 10 * 60_000 - 1_000;
    const answer = (confirm: boolean) => browser.ask('POST', '/account/devices', { code: userCode, confirm });
    await server.database.db
      .updateTable('sessions')
      .set({ confirmed_at: new Date(0) })
      .execute();
    expect(await answer(true)).toMatchObject({ status: 403, code: 'auth.confirm' });
    expect((await browser.ask('POST', '/account/confirm', { password: PASSWORD })).status).toBe(204);
    expect((await answer(true)).status).toBe(204);
    expect((await terminal.ask('POST', '/session/device/finish', { deviceCode })).status).toBe(200);
    expect((await terminal.ask('POST', '/account/totp')).code).toBe('auth.confirm');
  });

  it('asking whether it is confirmed yet, again and again, is nothing that the audit has to keep', async () => {
    const { terminal, deviceCode } = await begin();
    const before = server.audited.length;
    for (let tries = 0; tries < 3; tries += 1) await terminal.ask('POST', '/session/device/finish', { deviceCode });
    expect(server.audited).toHaveLength(before);
  });

  it('nobody begins them without end', async () => {
    const terminal = server.person({ 'x-forwarded-for': '198.51.100.4' });
    const codes: (string | undefined)[] = [];
    for (let tries = 0; tries < 31; tries += 1) codes.push((await terminal.ask('POST', '/session/device')).code);
    expect(codes).toEqual([...Array(30).fill(undefined), 'auth.throttled']);
    expect((await server.person().ask('POST', '/session/device')).status).toBe(201);
  });

  it('nor from ever new addresses of one network', async () => {
    const codes: (string | undefined)[] = [];
    for (let tries = 0; tries < 31; tries += 1) {
      const terminal = server.person({ 'x-forwarded-for': `2001:db8:4:5::${tries + 1}` });
      codes.push((await terminal.ask('POST', '/session/device')).code);
    }
    expect(codes).toEqual([...Array(30).fill(undefined), 'auth.throttled']);
    const elsewhere = server.person({ 'x-forwarded-for': '2001:db8:4:6::1' });
    expect((await elsewhere.ask('POST', '/session/device')).status).toBe(201);
  });

  it('gives nothing when it was refused, or after ten minutes', async () => {
    const refused = await begin();
    const browser = await ada();
    await browser.ask('POST', '/account/devices', { code: refused.userCode, confirm: false });
    const late = await begin();
    expect((await refused.terminal.ask('POST', '/session/device/finish', refused)).status).toBe(400);
    const finish = ({ terminal, deviceCode }: typeof late) =>
      terminal.ask('POST', '/session/device/finish', { deviceCode });
    expect((await finish(refused)).code).toBe('auth.expired');
    await browser.ask('POST', '/account/devices', { code: late.userCode, confirm: true });
    server.now += 10 * 60_000 + 1;
    expect((await finish(late)).code).toBe('auth.expired');
  });

  it('guessing codes is slowed like guessing passwords, and needs somebody who is logged in', async () => {
    expect((await server.person().ask('GET', '/account/devices?code=BBBB-BBBB')).status).toBe(401);
    const browser = await ada();
    const codes: (string | undefined)[] = [];
    for (let tries = 0; tries < 6; tries += 1)
      codes.push((await browser.ask('POST', '/account/devices', { code: 'BBBB-BBBB', confirm: true })).code);
    expect(codes).toEqual([...Array(5).fill('not_found'), 'auth.locked']);
  });
});
