import { AccountServer, PASSWORD, type Person } from '../../test/accounts/account-server.js';
import { SoftAuthenticator } from '../../test/accounts/soft-authenticator.js';

describe('passkeys', () => {
  const server = new AccountServer();
  const device = new SoftAuthenticator();
  const blue = new SoftAuthenticator();
  let recovery: string[] = [];

  const loggedIn = async (name = 'ada', more: object = {}): Promise<Person> => {
    const person = server.person();
    expect(await person.logIn(name, PASSWORD, more)).toMatchObject({ status: 201 });
    return person;
  };
  const question = async (person: Person, path: string) => (await person.ask('GET', path)).body;
  const alone = async (with_: SoftAuthenticator, bend = {}, person = server.person()) =>
    person.ask('POST', '/session/passkey', {
      response: with_.answer(await question(person, '/session/passkey'), bend),
    });

  it('is made by who is logged in, under a name of their own, with recovery codes for the first', async () => {
    const ada = await loggedIn();
    const asked = await question(ada, '/account/passkeys/new');
    expect(asked.options).toMatchObject({
      rp: { id: 'localhost' },
      user: { name: 'ada' },
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
    const made = await ada.ask('POST', '/account/passkeys', { name: 'Laptop', response: device.register(asked) });
    expect(made).toMatchObject({ status: 201, body: { name: 'Laptop', rpId: 'localhost' } });
    recovery = made.body.recoveryCodes;
    expect(new Set(recovery).size).toBe(10);
    const again = await question(ada, '/account/passkeys/new');
    expect(again.options.excludeCredentials).toEqual([
      expect.objectContaining({ id: device.id.toString('base64url') }),
    ]);
    const second = await ada.ask('POST', '/account/passkeys', { name: 'Blue key', response: blue.register(again) });
    expect(second.body.recoveryCodes).toEqual([]);
    const { id } = second.body;
    expect((await ada.ask('PATCH', `/account/passkeys/${id}`, { name: 'Blue key, safe' })).status).toBe(204);
    const listed = (await ada.ask('GET', '/account/passkeys')).body;
    expect(listed.map((one: { name: string }) => one.name)).toEqual(['Laptop', 'Blue key, safe']);
  });

  it.each([
    ['for another address', { origin: 'https://bastide.evil.example' }],
    ['of a device that did not verify its user', { verified: false }],
    ['for a challenge nobody gave', { challenge: Buffer.from('made up').toString('base64url') }],
  ])('is not made with an answer %s', async (_, bend) => {
    const ada = await loggedIn('ada', { code: recovery.shift() });
    const response = new SoftAuthenticator().register(await question(ada, '/account/passkeys/new'), bend);
    expect((await ada.ask('POST', '/account/passkeys', { name: 'x', response })).status).toBe(401);
  });

  it('lets in alone, without a name, and shows when it was used', async () => {
    const person = server.person();
    const asked = await question(person, '/session/passkey');
    expect(asked.options).not.toHaveProperty('allowCredentials.0');
    expect(await alone(device, {}, person)).toMatchObject({ status: 201, body: { account: { name: 'ada' } } });
    const [laptop] = (await person.ask('GET', '/account/passkeys')).body;
    expect(laptop.lastUsedAt).toBe(server.now);
    expect(server.audited.at(-1)).toMatchObject({ action: 'session.opened', subject: 'ada', outcome: 'done' });
  });

  it.each([
    ['an origin that is not ours', { origin: 'https://evil.example' }],
    ['a device that did not verify its user', { verified: false }],
    ['a counter that went back: the device was copied', { counter: 1 }],
    ['somebody else’s user handle', { userHandle: Buffer.from('acc_other').toString('base64url') }],
  ])('does not let in with %s', async (_, bend) => {
    expect((await alone(device, {})).status).toBe(201);
    const before = device.counter;
    expect((await alone(device, bend)).code).toBe('auth.wrong');
    device.counter = before + 1;
  });

  it('an answer works once, in the browser that was asked, for what was asked, for five minutes', async () => {
    const person = server.person();
    const response = device.answer(await question(person, '/session/passkey'));
    // Sent twice at the same moment, and once more.
    const both = await Promise.all([1, 2].map(() => person.ask('POST', '/session/passkey', { response })));
    expect(both.map(({ status }) => status).sort((a, b) => a - b)).toEqual([201, 401]);
    expect((await person.ask('POST', '/session/passkey', { response })).code).toBe('auth.expired');

    const asked = await question(server.person(), '/session/passkey');
    const stolen = await server.person().ask('POST', '/session/passkey', { response: device.answer(asked) });
    expect(stolen.code).toBe('auth.expired');

    const ada = await loggedIn('ada', { code: recovery.shift() });
    const forConfirming = device.answer(await question(ada, '/account/confirm'));
    expect((await ada.ask('POST', '/session/passkey', { response: forConfirming })).code).toBe('auth.expired');

    const late = server.person();
    const old = device.answer(await question(late, '/session/passkey'));
    server.now += 5 * 60_000 + 1;
    expect((await late.ask('POST', '/session/passkey', { response: old })).code).toBe('auth.expired');
  });

  it('a passkey that is not known is told apart from a known one by nothing', async () => {
    const stranger = new SoftAuthenticator();
    const ada = await loggedIn('ada', { code: recovery.shift() });
    stranger.register(await question(ada, '/account/passkeys/new'));
    const [unknown, wrong] = [await alone(stranger), await alone(device, { verified: false })];
    expect({ ...unknown.body, instance: '' }).toEqual({ ...wrong.body, instance: '' });
    expect(unknown).toMatchObject({ status: 401, code: 'auth.wrong' });
  });

  it('stands in as second factor beside the password, also where the device did not verify its user', async () => {
    const person = server.person();
    const asked = await person.logIn('ada', PASSWORD);
    expect(asked).toMatchObject({ status: 401, code: 'auth.second_factor' });
    expect(asked.body.details.methods).toEqual(['passkey', 'recovery']);
    const { passkey: options } = asked.body.details;
    expect(options.allowCredentials).toHaveLength(2);
    const answer = { passkey: blue.answer({ origin: server.url, options }, { verified: false }) };
    expect((await person.logIn('ada', 'wrong password here', answer)).code).toBe('auth.wrong');
    expect((await person.logIn('ada', PASSWORD, answer)).status).toBe(201);
    expect((await server.person().logIn('ada', PASSWORD, answer)).code).toBe('auth.expired');
  });

  it('the answer to the second question is no log-in alone', async () => {
    const person = server.person();
    const { body } = await person.logIn('ada', PASSWORD);
    const response = blue.answer({ origin: server.url, options: body.details.passkey });
    expect((await person.ask('POST', '/session/passkey', { response })).code).toBe('auth.expired');
  });

  it('strangers who guess a password keep nobody out who has a passkey, or a browser they came in with before', async () => {
    server.now += 25 * 3_600_000;
    const home = server.person();
    await alone(device, {}, home);
    home.cookies.delete('bastide_session');
    home.csrf = '';
    await server.guessedOften('ada');
    const locked = await server.person().logIn('ada', PASSWORD);
    expect(locked).toMatchObject({ status: 429, code: 'auth.locked' });
    expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await home.logIn('ada', PASSWORD)).code).toBe('auth.second_factor');
    expect((await alone(device)).status).toBe(201);
    // That browser's own guesses count all the same.
    const codes: (string | undefined)[] = [];
    for (let tries = 0; tries < 6; tries += 1) codes.push((await home.logIn('ada', 'wrong password here')).code);
    expect(codes).toEqual([...Array(5).fill('auth.wrong'), 'auth.locked']);
    server.now += 25 * 3_600_000;
  });

  it('who answers wrong too often from one place waits', async () => {
    const codes: (string | undefined)[] = [];
    for (let tries = 0; tries < 31; tries += 1) codes.push((await alone(device, { verified: false })).code);
    expect(codes).toEqual([...Array(30).fill('auth.wrong'), 'auth.locked']);
    server.now += 25 * 3_600_000;
    expect((await alone(device)).status).toBe(201);
  });

  it('what protects the account changes only soon after a proof: password or passkey', async () => {
    const ada = server.person();
    await alone(device, {}, ada);
    const [laptop] = (await ada.ask('GET', '/account/passkeys')).body;
    server.now += 10 * 60_000 + 1;
    const stale = await Promise.all([
      ada.ask('GET', '/account/passkeys/new'),
      ada.ask('POST', `/account/passkeys/${laptop.id}/remove`),
      ada.ask('POST', '/account/totp'),
      ada.ask('POST', '/account/totp/remove'),
      ada.ask('POST', '/account/recovery-codes'),
    ]);
    for (const answer of stale)
      expect(answer).toMatchObject({
        status: 403,
        code: 'auth.confirm',
        body: { details: { methods: ['password', 'passkey'] } },
      });
    expect((await ada.ask('POST', '/account/confirm', { password: 'wrong' })).status).toBe(400);
    expect((await ada.ask('GET', '/account/passkeys/new')).code).toBe('auth.confirm');
    const response = device.answer(await question(ada, '/account/confirm'));
    expect((await ada.ask('POST', '/account/confirm', { response })).status).toBe(204);
    expect((await ada.ask('GET', '/account/passkeys/new')).status).toBe(200);
    server.now += 10 * 60_000 + 1;
    expect((await ada.ask('POST', '/account/confirm', { password: PASSWORD })).status).toBe(204);
    const fresh = (await ada.ask('POST', '/account/recovery-codes')).body.recoveryCodes;
    expect(fresh).toHaveLength(10);
    expect((await server.person().logIn('ada', PASSWORD, { code: recovery.shift() })).code).toBe('auth.wrong');
    recovery = fresh;
  });

  it('a removed passkey opens nothing any more; with the last factor the recovery codes go', async () => {
    const ada = await loggedIn('ada', { code: recovery.shift() });
    const listed = (await ada.ask('GET', '/account/passkeys')).body;
    for (const { id } of listed) expect((await ada.ask('POST', `/account/passkeys/${id}/remove`)).status).toBe(204);
    expect((await alone(device)).code).toBe('auth.wrong');
    expect((await server.person().logIn('ada', PASSWORD)).status).toBe(201);
    expect(await server.database.db.selectFrom('recovery_codes').selectAll().execute()).toEqual([]);
  });

  it('an admin takes away what somebody lost, and that is in the audit', async () => {
    const { body: eva } = await server.local('POST', '/accounts', {
      name: 'eva',
      displayName: 'Eva',
      roles: [],
      password: PASSWORD,
    });
    const her = await loggedIn('eva');
    const key = new SoftAuthenticator();
    const response = key.register(await question(her, '/account/passkeys/new'));
    await her.ask('POST', '/account/passkeys', { name: 'Lost', response });
    const [lost] = (await server.local('GET', `/accounts/${eva.id}/passkeys`)).body;
    expect(lost.name).toBe('Lost');
    expect((await her.ask('DELETE', `/accounts/${eva.id}/passkeys/${lost.id}`)).code).toBe('auth.forbidden');
    expect((await server.local('DELETE', `/accounts/${eva.id}/passkeys/${lost.id}`)).status).toBe(204);
    expect(server.audited.at(-1)).toMatchObject({ action: 'account.passkey_taken', subject: 'eva', outcome: 'done' });
    expect((await alone(key)).code).toBe('auth.wrong');
  });

  it.each([
    ['an address instead of a name', { 'x-forwarded-host': '127.0.0.1:7080' }, /localhost:7080/],
    ['a page without https', { 'x-forwarded-host': 'bastide.town.example' }, /https/],
  ])('says what helps on %s', async (_, via, remedy) => {
    const { status, code, body } = await server.person(via).ask('GET', '/session/passkey');
    expect({ status, code }).toEqual({ status: 409, code: 'auth.insecure_page' });
    expect(body.remedy).toMatch(remedy);
  });

  it('behind a proxy with TLS they belong to the name that people see', async () => {
    const via = { 'x-forwarded-host': 'bastide.town.example', 'x-forwarded-proto': 'https' };
    const { body } = await server.person(via).ask('GET', '/session/passkey');
    expect(body).toMatchObject({ origin: 'https://bastide.town.example', options: { rpId: 'bastide.town.example' } });
  });

  it('who guesses sessions or tokens waits, and nobody good behind the same proxy does', async () => {
    const good = await loggedIn('eva');
    const guess = (address: string) =>
      server.person({ authorization: 'Bearer bst_guess', 'x-forwarded-for': address }).ask('GET', '/account/sessions');
    await good.ask('GET', '/account/sessions');
    const answers = [];
    for (let tries = 0; tries < 22; tries += 1) answers.push(await guess('198.51.100.7'));
    expect(answers.slice(0, 20).every(({ code }) => code === 'auth.missing')).toBe(true);
    const refused = answers.at(-1)!;
    expect(refused).toMatchObject({ status: 429, code: 'auth.throttled' });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const behind = server.person({ 'x-forwarded-for': '198.51.100.7' });
    for (const [name, value] of good.cookies) behind.cookies.set(name, value);
    expect((await behind.ask('GET', '/account/sessions')).status).toBe(200);
    expect((await guess('198.51.100.8')).code).toBe('auth.missing');
    // Nothing about it concerns people who have yet to log in.
    const door = server.person({ 'x-forwarded-for': '198.51.100.7' });
    door.cookies.set('bastide_session', 'an-old-cookie-of-another-week');
    expect((await door.logIn('eva', PASSWORD)).status).toBe(201);
  });
});
