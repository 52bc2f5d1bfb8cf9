import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AccountServer, type Answer, PASSWORD, type Person } from '../../test/accounts/account-server.js';
import { CLIENT, OutsideProvider } from '../../test/accounts/outside-provider.js';

describe('log-in through an identity provider', () => {
  const server = new AccountServer();
  const outside = new OutsideProvider();
  let id = '';

  beforeAll(async () => {
    await outside.start(() => `${server.url}/api/v1/session/providers/return`);
    const citizen = (sub: string, groups: string[], more: object = {}) =>
      outside.citizens.set(sub, { sub, preferred_username: sub, name: `${sub} Example`, groups, ...more });
    citizen('eva', ['it', 'choir'], { email: 'eva@town.example', email_verified: true });
    citizen('bob', ['choir']);
    citizen('ada', ['help'], { email: 'ada@town.example' });
    citizen('zoe', ['it']);
  });
  afterAll(() => outside.stop());

  /** Follows the browser's way to the provider and to the address it is sent back to; answers that address. */
  const abroad = async (to: string, as: string): Promise<string> => {
    outside.signsIn = as;
    const there = new Map<string, string>();
    let at = to;
    while (at.startsWith(outside.issuer) || at.startsWith('/')) {
      const response = await fetch(new URL(at, outside.issuer), {
        redirect: 'manual',
        headers: { cookie: [...there].map(([name, value]) => `${name}=${value}`).join('; ') },
      });
      for (const set of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
        there.set(name, value);
      }
      const next = response.headers.get('location');
      if (!next) throw new Error(`the provider answers ${response.status}: ${await response.text()}`);
      at = next;
    }
    return at;
  };
  const start = async (person: Person, next = '/runs'): Promise<string> =>
    (await person.ask('GET', `/session/providers/${id}/start?next=${encodeURIComponent(next)}`)).headers.get(
      'location',
    ) ?? '';
  const signIn = async (as: string, person = server.person()): Promise<Answer & { person: Person; to: string }> => {
    const answer = await person.ask('GET', await abroad(await start(person), as));
    return { ...answer, person, to: (answer.headers.get('location') ?? '').replace(server.url, '') };
  };
  const me = async (person: Person) => (await person.ask('GET', '/session')).body.account;

  it('is set up by an admin, who never sees the secret again', async () => {
    const made = await server.local('POST', '/identity-providers', {
      name: 'Town sign-in',
      issuer: outside.issuer,
      clientId: CLIENT.id,
      clientSecret: CLIENT.secret,
      mappings: [
        { group: 'it', role: 'admin', site: 'town' },
        { group: 'help', role: 'viewer', site: null },
      ],
    });
    expect(made).toMatchObject({ status: 201, body: { hasSecret: true, admitsUnknown: true, enabled: true } });
    id = made.body.id;
    const listed = await server.local('GET', '/identity-providers');
    expect(listed.body).toMatchObject({
      redirectUri: `${server.url}/api/v1/session/providers/return`,
      postLogoutUri: `${server.url}/login`,
      providers: [{ id, name: 'Town sign-in' }],
    });
    expect(JSON.stringify([made.body, listed.body, server.audited])).not.toContain(CLIENT.secret);
    const rows = await server.database.db.selectFrom('identity_providers').selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain(CLIENT.secret);
    expect((await server.person().ask('GET', '/session')).body.providers).toEqual([{ id, name: 'Town sign-in' }]);
  });

  it.each([
    ['an issuer without https', { issuer: 'http://auth.town.example' }, 'issuer'],
    ['an issuer that is none', { issuer: 'auth' }, 'issuer'],
    ['a role on a site that is not there', { mappings: [{ group: 'a', role: 'viewer', site: 'nowhere' }] }, 'mappings'],
    ['a certificate that is none', { caCertificate: 'hello' }, 'caCertificate'],
    ['no openid among the scopes', { scopes: ['email'] }, 'scopes'],
  ])('%s is refused at its field', async (_, more, field) => {
    const body = { name: 'X', issuer: 'https://auth.town.example', clientId: 'x', ...more };
    const answer = await server.local('POST', '/identity-providers', body);
    expect(answer).toMatchObject({ status: 400, body: { details: { fields: [{ field }] } } });
  });

  it('takes the certificates of several authorities', async () => {
    const one = `-----BEGIN CERTIFICATE-----\n${`${'A'.repeat(64)}\n`.repeat(40)}-----END CERTIFICATE-----\n`;
    const caCertificate = one.repeat(3);
    const body = { name: 'Many', issuer: 'https://auth.town.example', clientId: 'x', enabled: false, caCertificate };
    const made = await server.local('POST', '/identity-providers', body);
    expect(made.status).toBe(201);
    await server.local('DELETE', `/identity-providers/${made.body.id}`);
  });

  it('sends a kept client secret to no other server than it was given for', async () => {
    const body = {
      name: 'Moves',
      issuer: 'https://auth.town.example',
      clientId: 'x',
      clientSecret: 'kept',
      enabled: false,
    };
    const { id } = (await server.local('POST', '/identity-providers', body)).body;
    const change = (more: object) => server.local('PATCH', `/identity-providers/${id}`, more);
    expect(await change({ issuer: 'https://evil.example' })).toMatchObject({
      status: 400,
      body: { details: { fields: [{ field: 'clientSecret' }] } },
    });
    expect((await change({ issuer: 'https://auth.town.example/realms/town' })).status).toBe(200);
    expect((await change({ issuer: 'https://new.town.example', clientSecret: 'given anew' })).status).toBe(200);
    await server.local('DELETE', `/identity-providers/${id}`);
  });

  it('sends people away with PKCE, state and nonce, and to our own redirect address alone', async () => {
    const url = new URL(await start(server.person()));
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      response_type: 'code',
      client_id: CLIENT.id,
      redirect_uri: `${server.url}/api/v1/session/providers/return`,
      code_challenge_method: 'S256',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const rows = JSON.stringify(await server.database.db.selectFrom('door_challenges').selectAll().execute());
    for (const name of ['state', 'nonce']) expect(rows).not.toContain(url.searchParams.get(name));
  });

  it('lets somebody unknown in when a group gives them a role, and marks where the account comes from', async () => {
    const { status, to, person } = await signIn('eva');
    expect({ status, to }).toEqual({ status: 303, to: '/runs' });
    expect(await me(person)).toMatchObject({
      name: 'eva',
      displayName: 'eva Example',
      email: 'eva@town.example',
      roles: [{ role: 'admin', site: 'town' }],
      origin: id,
    });
    expect(server.audited.at(-1)).toMatchObject({ action: 'session.opened', subject: 'eva', outcome: 'done' });
    expect((await server.person().logIn('eva', PASSWORD)).code).toBe('auth.wrong');
    // Again: the same account, not a second one.
    const { person: again } = await signIn('eva');
    expect((await me(again)).id).toBe((await me(person)).id);
  });

  it('lets nobody in without a role, and tells them so', async () => {
    const { to, person } = await signIn('bob');
    expect(to).toBe('/login?problem=auth.no_role');
    expect(await me(person)).toBeUndefined();
    expect(server.audited.at(-1)).toMatchObject({ outcome: 'refused', details: { code: 'auth.no_role' } });
    expect((await server.local('GET', '/accounts')).body.map((a: { name: string }) => a.name)).not.toContain('bob');
  });

  it('is never linked by name or e-mail: somebody called like an account of ours gets another one', async () => {
    const { person } = await signIn('ada');
    const account = await me(person);
    expect(account.name).toMatch(/^ada-[0-9a-f]{4}$/);
    expect(account.roles).toEqual([{ role: 'viewer', site: null }]);
  });

  it('gives the roles of today: who lost the group has lost the role and every session', async () => {
    const { person } = await signIn('eva');
    outside.citizens.get('eva')!.groups = ['help'];
    const { person: later } = await signIn('eva');
    expect((await me(later)).roles).toEqual([{ role: 'viewer', site: null }]);
    outside.citizens.get('eva')!.groups = [];
    expect((await signIn('eva')).to).toBe('/login?problem=auth.no_role');
    expect(await me(person)).toBeUndefined();
    const listed = (await server.local('GET', '/accounts')).body;
    expect(listed.find((a: { name: string }) => a.name === 'eva').roles).toEqual([]);
    outside.citizens.get('eva')!.groups = ['it'];
    expect((await signIn('eva')).to).toBe('/runs');
  });

  it('somebody disabled here stays out', async () => {
    const { person } = await signIn('eva');
    const { id: account } = await me(person);
    await server.local('PATCH', `/accounts/${account}`, { disabled: true });
    expect(await me(person)).toBeUndefined();
    expect((await signIn('eva')).to).toBe('/login?problem=auth.disabled');
    await server.local('PATCH', `/accounts/${account}`, { disabled: false });
  });

  it('nothing goes past the provider: no passkey of ours for its people', async () => {
    const { person } = await signIn('eva');
    await me(person);
    expect((await person.ask('GET', '/account/passkeys/new')).code).toBe('conflict');
  });

  it('a session from outside ends after twelve hours, however busy', async () => {
    const { person } = await signIn('eva');
    server.now += 11 * 3_600_000;
    expect(await me(person)).toBeDefined();
    server.now += 3_600_000 + 1;
    expect(await me(person)).toBeUndefined();
  });

  describe('what is brought back counts', () => {
    it('once', async () => {
      const person = server.person();
      const back = await abroad(await start(person), 'eva');
      expect((await person.ask('GET', back)).headers.get('location')).toBe(`${server.url}/runs`);
      const again = await person.ask('GET', back);
      expect(again.headers.get('location')).toContain('problem=auth.expired');
    });

    it('in the browser that was sent alone', async () => {
      const back = await abroad(await start(server.person()), 'eva');
      const other = server.person();
      await start(other);
      expect((await other.ask('GET', back)).headers.get('location')).toContain('/login?problem=auth.expired');
      expect(await me(other)).toBeUndefined();
    });

    it('with the code it was given, not with another one', async () => {
      const [mine, theirs] = [server.person(), server.person()];
      const back = new URL(await abroad(await start(mine), 'eva'));
      const injected = new URL(await abroad(await start(theirs), 'zoe'));
      back.searchParams.set('code', injected.searchParams.get('code')!);
      const answer = await mine.ask('GET', back.href);
      expect(answer.headers.get('location')).toContain('/login?problem=auth.provider_wrong');
      expect(await me(mine)).toBeUndefined();
    });

    it('from the issuer it went to', async () => {
      const person = server.person();
      const back = new URL(await abroad(await start(person), 'eva'));
      expect(back.searchParams.get('iss')).toBe(outside.issuer);
      back.searchParams.set('iss', 'https://evil.example');
      expect((await person.ask('GET', back.href)).headers.get('location')).toContain('problem=auth.provider_wrong');
    });

    it('within a quarter of an hour', async () => {
      const person = server.person();
      const back = await abroad(await start(person), 'eva');
      server.now += 15 * 60_000 + 1;
      expect((await person.ask('GET', back)).headers.get('location')).toContain('problem=auth.expired');
    });

    it('and leads to a page of ours', async () => {
      for (const next of ['//evil.example', 'https://evil.example', '/\\evil.example', 'javascript:alert(1)']) {
        const person = server.person();
        const answer = await person.ask('GET', await abroad(await start(person, next), 'eva'));
        expect(answer.headers.get('location')).toBe(`${server.url}/`);
      }
    });
  });

  describe('an account of ours', () => {
    let grace: Person;
    beforeAll(async () => {
      const roles = [{ role: 'operator', site: 'town' }];
      await server.local('POST', '/accounts', { name: 'grace', displayName: 'G', roles, password: PASSWORD });
      grace = server.person();
    });

    it('is linked by its owner, who has just proven who they are, and keeps its roles', async () => {
      await grace.logIn('grace', PASSWORD);
      server.now += 11 * 60_000;
      expect((await grace.ask('POST', `/account/links/${id}`)).code).toBe('auth.confirm');
      await grace.ask('POST', '/account/confirm', { password: PASSWORD });
      const { body } = await grace.ask('POST', `/account/links/${id}`);
      const back = await grace.ask('GET', await abroad(body.url, 'zoe'));
      expect(back.headers.get('location')).toBe(`${server.url}/settings/account`);
      expect((await grace.ask('GET', '/account/links')).body).toMatchObject([{ provider: id, name: 'Town sign-in' }]);
      const { person } = await signIn('zoe');
      const account = await me(person);
      expect(account).toMatchObject({ name: 'grace', roles: [{ role: 'operator', site: 'town' }] });
      expect(account).not.toHaveProperty('origin');
    });

    it('is not linked to somebody who has an account already', async () => {
      const { body } = await grace.ask('POST', `/account/links/${id}`);
      const back = await grace.ask('GET', await abroad(body.url, 'eva'));
      expect(back.headers.get('location')).toContain('/settings/account?problem=conflict');
    });

    it('is not linked by a link that another session began', async () => {
      const { body } = await grace.ask('POST', `/account/links/${id}`);
      const back = await abroad(body.url, 'bob');
      const mallory = server.person();
      await mallory.logIn('ada', PASSWORD);
      expect((await mallory.ask('GET', back)).headers.get('location')).toContain('problem=auth.expired');
    });

    it('can be unlinked; an account from outside cannot lose its only way in', async () => {
      expect((await grace.ask('POST', `/account/links/${id}/remove`)).status).toBe(204);
      expect((await grace.ask('POST', `/account/links/${id}/remove`)).status).toBe(404);
      const { person } = await signIn('eva');
      const { id: account } = await me(person);
      expect((await person.ask('POST', `/account/links/${id}/remove`)).status).toBe(409);
      expect((await server.local('POST', `/accounts/${account}/password-reset`)).status).toBe(409);
    });
  });

  describe('signing out there', () => {
    const said = async (): Promise<void> => {
      const { providers } = (await server.local('GET', '/identity-providers')).body;
      outside.logoutUri = providers.find((one: { id: string }) => one.id === id).backChannelLogoutUri;
    };

    it('ends every session here, those of terminals too, and nobody else’s', async () => {
      await said();
      const [{ person }, { person: second }, { person: zoe }] = [
        await signIn('eva'),
        await signIn('eva'),
        await signIn('zoe'),
      ];
      await outside.logOut('eva');
      expect([await me(person), await me(second)]).toEqual([undefined, undefined]);
      expect(await me(zoe)).toMatchObject({ name: 'zoe' });
      expect(server.audited.at(-1)).toMatchObject({
        action: 'session.ended_by_provider',
        subject: 'eva at Town sign-in',
        outcome: 'done',
      });
    });

    it('of one session ends that one', async () => {
      const { person } = await signIn('eva');
      const { person: second } = await signIn('eva');
      const rows = server.database.db.selectFrom('sessions').select('provider_session').where('provider', '=', id);
      const [first] = (await rows.orderBy('id').execute()).slice(-2);
      expect(first?.provider_session).toEqual(expect.any(String));
      await outside.logOut('eva', first?.provider_session ?? '');
      expect(await me(person)).toBeUndefined();
      expect(await me(second)).toMatchObject({ name: 'eva' });
    });

    it('said by somebody else ends nothing', async () => {
      const { person } = await signIn('eva');
      const tell = (body: string) =>
        fetch(outside.logoutUri ?? '', {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body,
        });
      const none = [{ alg: 'none' }, { iss: outside.issuer, aud: CLIENT.id, sub: 'eva', iat: 1 }]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.');
      for (const body of ['', 'logout_token=', 'logout_token=a.b.c', `logout_token=${none}.`])
        expect((await tell(body)).status).toBe(400);
      expect(await me(person)).toMatchObject({ name: 'eva' });
    });
  });

  it('signing out here offers to sign out there', async () => {
    const { person } = await signIn('eva');
    const { body } = await person.ask('DELETE', '/session');
    const url = new URL(body.endSessionUrl);
    expect(url.origin).toBe(outside.issuer);
    expect(url.searchParams.get('post_logout_redirect_uri')).toBe(`${server.url}/login`);
    expect(await me(person)).toBeUndefined();
  });

  describe('the test of a provider', () => {
    const test = async (more: object) => {
      const body = { name: 'Other', issuer: outside.issuer, clientId: CLIENT.id, clientSecret: CLIENT.secret, ...more };
      const { body: made } = await server.local('POST', '/identity-providers', body);
      const { body: findings } = await server.local('POST', `/identity-providers/${made.id}/test`);
      await server.local('DELETE', `/identity-providers/${made.id}`);
      return findings as { level: string; message: string; remedy?: string }[];
    };

    it('is content with one that fits', async () => {
      const findings = await test({});
      expect(findings.filter(({ level }) => level === 'error')).toEqual([]);
      expect(findings.map(({ message }) => message).join('\n')).toMatch(/knows the client/);
    });

    it('finds a secret that is wrong', async () => {
      const findings = await test({ clientSecret: 'wrong' });
      expect(findings).toContainEqual(
        expect.objectContaining({ level: 'error', message: expect.stringMatching(/secret/) }),
      );
    });

    it('finds an issuer that is written otherwise there', async () => {
      const findings = await test({ issuer: outside.issuer.replace('127.0.0.1', 'localhost') });
      expect(findings).toEqual([expect.objectContaining({ level: 'error', remedy: expect.stringMatching(/exactly/) })]);
    });

    it('tells one that is away, and one whose answers are nonsense, and repeats nothing of theirs', async () => {
      expect(await test({ issuer: 'http://127.0.0.1:4443' })).toEqual([
        expect.objectContaining({ level: 'error', message: expect.stringMatching(/cannot be reached/) }),
      ]);
      const strange = createServer((_, response) => response.end('<script>secret of the inside</script>'));
      await new Promise<void>((done) => strange.listen(0, '127.0.0.1', done));
      const findings = await test({ issuer: `http://127.0.0.1:${(strange.address() as AddressInfo).port}` });
      strange.close();
      expect(findings).toEqual([expect.objectContaining({ level: 'error' })]);
      expect(JSON.stringify(findings)).not.toContain('inside');
    });

    it('does not follow a provider to where it must not lead', async () => {
      const metadata = { issuer: '', token_endpoint: 'http://169.254.169.254/latest', jwks_uri: 'https://x.example/k' };
      const lying = createServer((_, response) =>
        response.setHeader('content-type', 'application/json').end(
          JSON.stringify({
            ...metadata,
            authorization_endpoint: 'http://127.0.0.1/a',
            response_types_supported: ['code'],
            subject_types_supported: ['public'],
            id_token_signing_alg_values_supported: ['RS256'],
          }),
        ),
      );
      await new Promise<void>((done) => lying.listen(0, '127.0.0.1', done));
      metadata.issuer = `http://127.0.0.1:${(lying.address() as AddressInfo).port}`;
      const findings = await test({ issuer: metadata.issuer });
      lying.close();
      expect(findings).toContainEqual(
        expect.objectContaining({ level: 'error', message: expect.stringMatching(/does not ask/) }),
      );
    });
  });

  it('the identity module of a stack becomes a provider: what its binding offers is used, now and after a change', async () => {
    server.stacks.push({ id: 'stk_0000000000bound', site: 'town', name: 'dashboard-sign-in' });
    const instance = (name: string, module: string, stack: string) => ({ id: `ins_${name}`, name, module, stack });
    const offer = (clientId: string) => ({
      issuer: outside.issuer,
      clientId,
      groupsClaim: 'groups',
      caCertificate: '',
    });
    const recorded = (bindings: object[]) => ({
      stacks: [
        { id: 'stk_0000000000team', name: 'team' },
        { id: 'stk_0000000000bound', name: 'dashboard-sign-in' },
      ],
      instances: [
        instance('identity', 'identity', 'stk_0000000000team'),
        instance('dashboard', 'dashboard-sign-in', 'stk_0000000000bound'),
      ],
      bindings,
    });
    const binding = (clientId: string) => ({
      id: 'bnd_1',
      consumer: 'ins_dashboard',
      provider: 'ins_identity',
      interface: 'oidc/v1',
      offer: offer(clientId),
      offerDigest: 'x',
    });
    const offered = async () => (await server.local('GET', '/identity-providers')).body.stacks;
    server.recorded = recorded([]);
    expect(await offered()).toEqual([{ site: 'town', stack: 'team' }]);
    const body = { name: 'Team', stack: 'stk_0000000000bound' };
    expect((await server.local('POST', '/identity-providers', body)).status).toBe(404);
    server.recorded = recorded([binding('wrong')]);
    await server.secrets.put('offer/bnd_1/clientSecret', CLIENT.secret);
    expect(await offered()).toEqual([{ site: 'town', stack: 'team', bound: 'stk_0000000000bound' }]);
    const { body: made } = await server.local('POST', '/identity-providers', body);
    expect(made).toMatchObject({ issuer: outside.issuer, hasSecret: true, stack: 'stk_0000000000bound' });
    expect(await offered()).toEqual([]);
    const test = () => server.local('POST', `/identity-providers/${made.id}/test`);
    expect(JSON.stringify((await test()).body)).toContain('does not accept client id and secret');
    server.recorded = recorded([binding(CLIENT.id)]);
    expect(JSON.stringify((await test()).body)).toContain('knows the client');
    await server.local('DELETE', `/identity-providers/${made.id}`);
    server.recorded = { stacks: [], instances: [], bindings: [] };
  });

  it('a disabled provider lets nobody in, and who came through it is out', async () => {
    const { person } = await signIn('eva');
    expect((await server.local('PATCH', `/identity-providers/${id}`, { enabled: false })).status).toBe(200);
    expect(await me(person)).toBeUndefined();
    expect(await start(server.person())).toContain('/login?problem=auth.disabled');
    expect((await server.person().ask('GET', '/session')).body.providers).toEqual([]);
    await server.local('PATCH', `/identity-providers/${id}`, { enabled: true });
  });

  it('a terminal that was signed in from such a session is out as well', async () => {
    const { person } = await signIn('eva');
    const terminal = server.person();
    const { deviceCode, userCode } = (await terminal.ask('POST', '/session/device')).body;
    await me(person);
    expect((await person.ask('POST', '/account/devices', { code: userCode, confirm: true })).status).toBe(204);
    expect((await terminal.ask('POST', '/session/device/finish', { deviceCode })).status).toBe(200);
    expect(await me(terminal)).toMatchObject({ name: 'eva' });
    await server.local('PATCH', `/identity-providers/${id}`, { enabled: false });
    expect(await me(terminal)).toBeUndefined();
    await server.local('PATCH', `/identity-providers/${id}`, { enabled: true });
  });

  it('somebody whose provider sends no groups is told that, and not that their groups do not fit', async () => {
    await server.local('PATCH', `/identity-providers/${id}`, { scopes: ['openid', 'profile'] });
    expect((await signIn('zoe')).to).toBe('/login?problem=auth.no_groups');
    await server.local('PATCH', `/identity-providers/${id}`, { scopes: ['openid', 'profile', 'email', 'groups'] });
  });

  it('a second provider with the same issuer gives nobody of the first one a way past their roles', async () => {
    const settings = { name: 'Second', issuer: outside.issuer, clientId: CLIENT.id, clientSecret: CLIENT.secret };
    const { body: second } = await server.local('POST', '/identity-providers', settings);
    const person = server.person();
    const begun = await person.ask('GET', `/session/providers/${second.id}/start`);
    const back = await person.ask('GET', await abroad(begun.headers.get('location') ?? '', 'eva'));
    expect(back.headers.get('location')).toContain('/login?problem=conflict');
    expect(await me(person)).toBeUndefined();
    expect((await server.local('DELETE', `/identity-providers/${second.id}`)).status).toBe(204);
  });

  it('a provider that is away is told clearly, and local log-in still works', async () => {
    await outside.stop();
    expect(await start(server.person())).toContain('/login?problem=auth.provider_away');
    expect((await server.person().logIn('ada', PASSWORD)).status).toBe(201);
  });

  it('is not removed while the only admins come through it; afterwards its accounts are ours', async () => {
    const { body: accounts } = await server.local('GET', '/accounts');
    const of = (name: string) => accounts.find((a: { name: string }) => a.name === name).id;
    await server.local('PATCH', `/accounts/${of('eva')}`, { roles: [{ role: 'admin', site: null }] });
    await server.local('PATCH', `/accounts/${of('ada')}`, { roles: [] });
    // A way through another provider is none while that one is disabled.
    const other = { name: 'Other', issuer: 'https://other.town.example', clientId: 'x', enabled: false };
    const { body: shut } = await server.local('POST', '/identity-providers', other);
    const link = { issuer: other.issuer, subject: 'eva', provider: shut.id, account: of('eva') };
    await server.database.db
      .insertInto('identities')
      .values({ ...link, created_at: new Date(server.now), last_used_at: null })
      .execute();
    for (const tried of [
      await server.local('DELETE', `/identity-providers/${id}`),
      await server.local('PATCH', `/identity-providers/${id}`, { enabled: false }),
    ])
      expect(tried).toMatchObject({ status: 409, code: 'conflict' });
    await server.local('PATCH', `/accounts/${of('ada')}`, { roles: [{ role: 'admin', site: null }] });
    expect((await server.local('DELETE', `/identity-providers/${id}`)).status).toBe(204);
    const reset = await server.local('POST', `/accounts/${of('eva')}/password-reset`);
    expect(reset.status).toBe(200);
    expect((await server.person().logIn('eva', reset.body.temporaryPassword)).status).toBe(201);
  });
});
