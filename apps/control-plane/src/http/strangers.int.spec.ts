import { AccountServer, PASSWORD, type Person } from '../../test/accounts/account-server.js';

describe('somebody else at the door', () => {
  const server = new AccountServer();
  const from = (address: string, program = 'Firefox'): Person =>
    server.person({ 'x-forwarded-for': address, 'user-agent': program });
  const ada = async (person = from('192.0.2.1')): Promise<Person> => {
    expect((await person.logIn('ada', PASSWORD)).status).toBe(201);
    return person;
  };

  it('who signs in with something new is told of it once, and it is in the audit', async () => {
    const told = async () => (await server.news('new-device')).map(({ facts }) => facts);
    const first = await ada();
    const mine = { email: 'ada@town.example', language: 'de' };
    expect((await first.ask('PATCH', '/account', mine)).status).toBe(200);
    expect(await told()).toEqual([]);
    // From elsewhere, with the same browser: a laptop that travels is nothing new.
    const travels = from('198.51.100.7');
    travels.cookies.set('bastide_device', first.cookies.get('bastide_device') ?? '');
    await ada(travels);
    expect(await told()).toEqual([]);
    // A browser that keeps no cookies, where it always is.
    await ada(from('192.0.2.1'));
    expect(await told()).toEqual([]);
    const thief = from('203.0.113.9', 'curl/8 https://evil.example/');
    await ada(thief);
    await ada(from('203.0.113.9', 'curl/8 https://evil.example/'));
    expect(await told()).toEqual([
      { account: 'ada', address: '203.0.113.9', program: expect.stringMatching(/^curl 8 https [^/:]*$/) },
    ]);
    const [event] = await server.news('new-device');
    expect(event?.person).toEqual({ email: 'ada@town.example', language: 'de' });
    const rows = server.audited.filter(({ action }) => action === 'session.new_device');
    expect(rows).toMatchObject([{ actor: 'ada', subject: 'ada', address: '203.0.113.9', outcome: 'done' }]);
    const kept = JSON.stringify(await server.database.db.selectFrom('known_devices').selectAll().execute());
    expect(kept).not.toContain(first.cookies.get('bastide_device'));
  });

  it('their own address for such mail changes only soon after a proof of who they are', async () => {
    const person = await ada();
    server.now += 10 * 60_000 + 1;
    const change = (email: string | null) => person.ask('PATCH', '/account', { displayName: 'Ada', email });
    expect((await change('thief@evil.example')).code).toBe('auth.confirm');
    expect((await change(null)).code).toBe('auth.confirm');
    expect((await change('ada@town.example')).status).toBe(200);
  });

  it('the audit names people, and what they may do now', async () => {
    const made = { name: 'bea', displayName: 'Bea', roles: [], password: PASSWORD };
    const { id } = (await server.local('POST', '/accounts', made)).body;
    const roles = [{ role: 'operator', site: 'town' }];
    await server.local('PATCH', `/accounts/${id}`, { roles });
    await server.local('PATCH', `/accounts/${id}`, { roles: [], disabled: true });
    await server.local('DELETE', `/accounts/${id}`);
    expect(server.audited.slice(-3).map(({ subject }) => subject)).toEqual([
      'bea: operator@town',
      'bea: no role, disabled',
      'bea',
    ]);
  });

  it('what was not seen for half a year is new again', async () => {
    server.now += 181 * 24 * 3_600_000;
    await ada();
    expect(await server.news('new-device')).toHaveLength(2);
  });

  it('a stolen session guesses no password, where one chooses a new one neither', async () => {
    const person = await ada();
    const codes: (string | undefined)[] = [];
    person.cookies.delete('bastide_device');
    for (let tries = 0; tries < 6; tries += 1) {
      const body = { current: `wrong ${tries} and more`, new: 'another good password' };
      codes.push((await person.ask('POST', '/account/password', body)).code);
    }
    expect(codes).toEqual([...Array(5).fill('request.invalid'), 'auth.locked']);
    server.now += 25 * 3_600_000;
  });

  it('all addresses of one network count as one', async () => {
    const codes: (string | undefined)[] = [];
    for (let tries = 0; tries < 31; tries += 1)
      codes.push((await from(`2001:db8:1:2::${tries + 1}`).logIn(`nobody-${tries}`, 'wrong password')).code);
    expect(codes).toEqual([...Array(30).fill('auth.wrong'), 'auth.locked']);
    expect((await from('2001:db8:1:3::1').logIn('nobody', 'wrong password')).code).toBe('auth.wrong');
    // Told once, too: ever new addresses of theirs are no news.
    for (let tries = 0; tries < 5; tries += 1) await from(`2001:db8:1:2::f${tries}`).logIn('nobody', 'wrong password');
    const locked = (await server.news('account-locked')).filter(({ facts }) => /^2001:/.test(String(facts.address)));
    expect(locked).toHaveLength(1);
  });

  it('nobody fills the audit with what makes us fail', async () => {
    const before = server.audited.length;
    const stranger = from('203.0.113.77');
    const codes = new Set<number>();
    for (let tries = 0; tries < 30; tries += 1) {
      codes.add((await stranger.logIn(`nobody\0${tries}`, 'wrong password')).status);
      const logout = await stranger.ask('POST', `/session/providers/x%00${tries}/logout`, { logout_token: 'x' });
      codes.add(logout.status);
    }
    expect([...codes].filter((code) => code >= 500)).toEqual([]);
    expect(server.audited.length - before).toBeLessThanOrEqual(50);
  });

  it('a session that began while the clock was far ahead is over when it has been set right', async () => {
    server.now += 400 * 24 * 3_600_000;
    const person = await ada();
    server.now -= 400 * 24 * 3_600_000;
    expect((await person.ask('GET', '/account/sessions')).code).toBe('auth.missing');
  });

  it('signing out without a session is nothing that the audit has to keep', async () => {
    const before = server.audited.length;
    expect((await server.person().ask('DELETE', '/session')).status).toBe(200);
    expect(server.audited).toHaveLength(before);
  });

  it('an admin whom nothing lets in is none who could be the last one', async () => {
    const { body: people } = await server.local('GET', '/accounts');
    const grants = JSON.stringify([{ role: 'admin', site: null }]);
    const row = { name: 'ghost', display_name: 'Ghost', email: null, language: null, password_hash: null };
    const rest = { disabled: false, password_temporary: false, last_seen_at: null, origin: null };
    const made = { id: 'acc_ghost', grants, created_at: new Date(server.now) };
    await server.database.db
      .insertInto('accounts')
      .values({ ...row, ...rest, ...made })
      .execute();
    expect(await server.local('DELETE', `/accounts/${people[0].id}`)).toMatchObject({ status: 409, code: 'conflict' });
  });
});
