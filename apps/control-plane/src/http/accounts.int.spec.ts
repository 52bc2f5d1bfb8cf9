import 'reflect-metadata';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Secret, TOTP } from 'otpauth';
import { privatePostgres } from '../../test/engine/private-servers.js';
import { UlidIds } from '../adapters/clock/ulid-ids.js';
import { type Database, openDatabase } from '../adapters/database/database.js';
import { KyselySecretRows } from '../adapters/database/kysely-secret-rows.js';
import { migrate } from '../adapters/database/migrate.js';
import { EnvelopeSecretStore } from '../adapters/secrets/envelope-secret-store.js';
import { MasterKeyFile } from '../adapters/secrets/master-key-file.js';
import type { People } from '../application/accounts/people.js';
import { accounts } from '../composition/accounts.js';
import { CLOCK, CONFIG, DATABASE, NEW_ID, SECRETS } from '../composition/tokens.js';
import type { AuditAct } from '../domain/audit/audit-chain.js';
import { AccessGuard } from './access-guard.js';
import { AuditInterceptor } from './acts.js';
import { furnish } from './api.js';
import { AccountController } from './controllers/account.controller.js';
import { AccountsController } from './controllers/accounts.controller.js';
import { PasskeysController } from './controllers/passkeys.controller.js';
import { SessionController } from './controllers/session.controller.js';
import * as http from './tokens.js';

interface Answer {
  readonly status: number;
  readonly code?: string;
  /** Whatever the endpoint answers. */
  readonly body: any;
}

/** A browser: keeps its cookie and the token that goes with it. */
class Browser {
  cookie = '';
  csrf = '';
  constructor(private readonly url: string) {}

  async ask(method: string, path: string, body?: object): Promise<Answer> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(this.cookie ? { cookie: this.cookie } : {}),
        ...(this.csrf ? { 'x-csrf-token': this.csrf } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const set = response.headers.getSetCookie()[0];
    if (set) this.cookie = set.split(';')[0] ?? '';
    const text = await response.text();
    const parsed = text ? JSON.parse(text) : {};
    if (parsed.csrfToken) this.csrf = parsed.csrfToken;
    return { status: response.status, code: parsed.code, body: parsed };
  }

  logIn(name: string, password: string, code?: string): Promise<Answer> {
    return this.ask('POST', '/session', { name, password, ...(code === undefined ? {} : { code }) });
  }
}

const PASSWORD = 'correct horse battery';

describe('people and their log-in', () => {
  const postgres = privatePostgres();
  let database: Database;
  let folder: string;
  let app: NestExpressApplication;
  let url: string;
  let now = Date.parse('2026-01-05T09:00:00Z');
  const audited: AuditAct[] = [];
  const browser = (): Browser => new Browser(url);
  let chief: Browser;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bastide-accounts-'));
    database = openDatabase({ url: postgres.url });
    await migrate(database.db);
    const secrets = new EnvelopeSecretStore(new KyselySecretRows(database), new MasterKeyFile(join(folder, 'key')));
    @Module({
      controllers: [SessionController, AccountController, AccountsController, PasskeysController],
      providers: [
        ...accounts,
        { provide: CONFIG, useValue: { stateDir: folder } },
        { provide: DATABASE, useValue: database },
        { provide: SECRETS, useValue: secrets },
        { provide: CLOCK, useValue: { now: () => now } },
        { provide: NEW_ID, useValue: new UlidIds() },
        { provide: http.API_TOKEN, useValue: 'the-local-token' },
        { provide: http.AUDIT_LOG, useValue: { append: async (act: AuditAct) => void audited.push(act) } },
        { provide: http.STACK_STORE, useValue: { listSites: async () => [{ name: 'town' }] } },
        { provide: http.CATALOGUE, useValue: {} },
        { provide: http.RUN_STORE, useValue: {} },
        { provide: http.PLAN_STORE, useValue: {} },
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
      ],
    })
    class AccountsModule {}
    app = await NestFactory.create<NestExpressApplication>(AccountsModule, { logger: false });
    furnish(app);
    app.set('trust proxy', 'loopback');
    await app.listen(0, '127.0.0.1');
    url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
    chief = browser();
  });
  afterAll(async () => {
    await app.close();
    await database.close();
    await rm(folder, { recursive: true });
  });

  it('the first admin is made by whoever can read the state folder, once', async () => {
    const person = { name: 'Ada', displayName: 'Ada', password: PASSWORD };
    await app.get<People>(http.PEOPLE).openSetUp();
    const file = join(folder, 'setup-code');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await browser().ask('GET', '/session')).body).toEqual({ firstRun: true, providers: [] });
    expect((await browser().ask('POST', '/setup/admin', { ...person, code: 'guessed' })).code).toBe('auth.wrong');
    const code = await readFile(file, 'utf8');
    const weak = await browser().ask('POST', '/setup/admin', { ...person, password: 'short', code });
    expect(weak.body.details.fields).toEqual([expect.objectContaining({ field: 'password' })]);
    const tries = await Promise.all(
      [chief, browser(), browser()].map((b) => b.ask('POST', '/setup/admin', { ...person, code })),
    );
    expect(tries.map((t) => t.status).sort((a, b) => a - b)).toEqual([201, 409, 409]);
    if (tries[0]?.status !== 201) await chief.logIn('ada', PASSWORD);
    await expect(stat(file)).rejects.toThrow('ENOENT');
    const { body } = await chief.ask('GET', '/session');
    expect(body).toMatchObject({ firstRun: false, account: { name: 'ada', roles: [{ role: 'admin', site: null }] } });
  });

  it('the cookie is out of reach of scripts and other sites; over TLS it does not travel without', async () => {
    const answer = async (proto: string): Promise<string> => {
      const response = await fetch(`${url}/api/v1/session`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-forwarded-proto': proto },
        body: JSON.stringify({ name: 'ada', password: PASSWORD }),
      });
      return response.headers.getSetCookie()[0] ?? '';
    };
    expect(await answer('http')).toMatch(/^bastide_session=[\w-]{43}; Path=\/; Expires=.*; HttpOnly; SameSite=Lax$/);
    expect(await answer('https')).toMatch(/Secure/);
  });

  it('a log-in gives a new session and ends the one that the browser had', async () => {
    const b = browser();
    await b.logIn('ada', PASSWORD);
    const first = b.cookie;
    await b.logIn(' ADA ', PASSWORD);
    expect(b.cookie).not.toBe(first);
    const old = browser();
    old.cookie = first;
    expect((await old.ask('GET', '/session')).body).toEqual({ firstRun: false, providers: [] });
  });

  it('an unknown name, a wrong password and a disabled account get the same answer', async () => {
    const { body: off } = await chief.ask('POST', '/accounts', {
      name: 'off',
      displayName: 'Off',
      roles: [],
      password: PASSWORD,
    });
    await chief.ask('PATCH', `/accounts/${off.id}`, { disabled: true });
    const answers = await Promise.all([
      browser().logIn('nobody-here', PASSWORD),
      browser().logIn('ada', 'wrong'),
      browser().logIn('off', PASSWORD),
    ]);
    expect(new Set(answers.map((a) => JSON.stringify({ ...a.body, instance: '' }))).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 401, code: 'auth.wrong' });
  });

  it('what was typed as an unknown name is not in the audit; a known one is', async () => {
    audited.length = 0;
    await browser().logIn('my-password-in-the-wrong-field', 'x');
    await browser().logIn('ada', 'x');
    expect(audited.map(({ action, subject, outcome }) => ({ action, subject, outcome }))).toEqual([
      { action: 'session.opened', subject: 'an unknown name', outcome: 'refused' },
      { action: 'session.opened', subject: 'ada', outcome: 'refused' },
    ]);
    await chief.ask('GET', '/session');
    await browser().logIn('ada', PASSWORD);
    expect(audited.at(-1)).toMatchObject({ actor: 'ada', actorKind: 'account', subject: 'ada', outcome: 'done' });
  });

  it('who fails five times waits, longer every time; a flood of tries at once is no way around it', async () => {
    await chief.ask('POST', '/accounts', { name: 'eve', displayName: 'Eve', roles: [], password: PASSWORD });
    const flood = await Promise.all(Array.from({ length: 12 }, () => browser().logIn('eve', 'wrong')));
    expect(flood.filter((a) => a.code === 'auth.wrong')).toHaveLength(5);
    expect(flood.filter((a) => a.code === 'auth.locked')).toHaveLength(7);
    const locked = await browser().logIn('eve', PASSWORD);
    expect(locked).toMatchObject({ status: 429, code: 'auth.locked' });
    now += locked.body.details.retryAfterMs;
    expect((await browser().logIn('eve', 'wrong')).code).toBe('auth.wrong');
    const longer = await browser().logIn('eve', PASSWORD);
    expect(longer.body.details.retryAfterMs).toBeGreaterThan(locked.body.details.retryAfterMs);
    now += longer.body.details.retryAfterMs;
    expect((await browser().logIn('eve', PASSWORD)).status).toBe(201);
    // Afterwards everything is forgiven.
    expect((await browser().logIn('eve', 'wrong')).code).toBe('auth.wrong');
    expect((await browser().logIn('eve', PASSWORD)).status).toBe(201);
  });

  it('a session ends by idling, and after a week however busy', async () => {
    const idle = browser();
    await idle.logIn('eve', PASSWORD);
    now += 11 * 3_600_000;
    expect((await idle.ask('GET', '/account/sessions')).status).toBe(200);
    now += 13 * 3_600_000;
    expect((await idle.ask('GET', '/account/sessions')).code).toBe('auth.missing');
    const busy = browser();
    await busy.logIn('eve', PASSWORD);
    let hours = 0;
    for (; (await busy.ask('GET', '/account/sessions')).status === 200 && hours < 400; hours += 11)
      now += 11 * 3_600_000;
    expect(hours).toBeGreaterThan(150);
    expect(hours).toBeLessThan(180);
    await chief.logIn('ada', PASSWORD);
  });

  it('choosing a new password logs all other browsers out', async () => {
    const [here, elsewhere] = [browser(), browser()];
    await here.logIn('eve', PASSWORD);
    await elsewhere.logIn('eve', PASSWORD);
    const wrong = await here.ask('POST', '/account/password', { current: 'no', new: 'another long password' });
    expect(wrong.body.details.fields).toEqual([{ field: 'current', message: 'is not your password' }]);
    const change = { current: PASSWORD, new: 'another long password' };
    expect((await here.ask('POST', '/account/password', change)).status).toBe(204);
    expect((await here.ask('GET', '/account/sessions')).body).toHaveLength(1);
    expect((await elsewhere.ask('GET', '/account/sessions')).status).toBe(401);
    expect((await browser().logIn('eve', PASSWORD)).code).toBe('auth.wrong');
  });

  it('a session can be ended from another browser', async () => {
    const [here, lost] = [browser(), browser()];
    await here.logIn('ada', PASSWORD);
    await lost.logIn('ada', PASSWORD);
    const { body } = await lost.ask('GET', '/account/sessions');
    const { id } = body.find((s: { current: boolean }) => s.current);
    expect((await here.ask('DELETE', `/account/sessions/${id}`)).status).toBe(204);
    expect((await lost.ask('GET', '/account/sessions')).status).toBe(401);
    expect((await here.ask('DELETE', `/account/sessions/${id}`)).status).toBe(404);
  });

  it('a person starts with a password made up for them and must choose their own', async () => {
    const made = await chief.ask('POST', '/accounts', {
      name: 'new',
      displayName: 'New <script>',
      email: 'new@town.example',
      roles: [{ role: 'operator', site: 'town' }],
    });
    expect(made).toMatchObject({
      status: 201,
      body: { passwordTemporary: true, roles: [{ role: 'operator', site: 'town' }] },
    });
    const b = browser();
    await b.logIn('new', made.body.temporaryPassword);
    expect((await b.ask('GET', '/accounts')).code).toBe('auth.password_temporary');
    await b.ask('POST', '/account/password', { current: made.body.temporaryPassword, new: 'my own long password' });
    expect((await b.ask('GET', '/accounts')).code).toBe('auth.forbidden');
    const listed = JSON.stringify((await chief.ask('GET', '/accounts')).body);
    expect(listed).not.toContain(made.body.temporaryPassword);
    expect(listed).not.toContain('argon2');
  });

  it.each([
    ['a name that is taken', { name: 'ada' }, 'name'],
    ['a name that stands for something else', { name: 'local' }, 'name'],
    ['a name with spaces', { name: 'a b' }, 'name'],
    ['a role on a site that is not there', { roles: [{ role: 'viewer', site: 'nowhere' }] }, 'roles'],
    ['a password that is the name', { name: 'bernadette', password: 'bernadette1' }, 'password'],
    ['a password of few characters', { password: 'aaaaaaaaaaaaaaaa' }, 'password'],
    ['an address that is none', { email: 'x' }, 'email'],
  ])('%s is refused at its field', async (_, more, field) => {
    const wanted = { name: 'fresh', displayName: 'F', roles: [], password: PASSWORD, ...more };
    const { status, body } = await chief.ask('POST', '/accounts', wanted);
    expect({ status, fields: body.details.fields.map((f: { field: string }) => f.field) }).toEqual({
      status: 400,
      fields: [field],
    });
  });

  it('one admin of all sites always stays, also when two are taken away at once', async () => {
    const make = async (name: string): Promise<string> =>
      (
        await chief.ask('POST', '/accounts', {
          name,
          displayName: name,
          roles: [{ role: 'admin', site: null }],
          password: PASSWORD,
        })
      ).body.id;
    const ids = [await make('anna'), await make('bert')];
    const { body: all } = await chief.ask('GET', '/accounts');
    const ada = all.find((a: { name: string }) => a.name === 'ada').id;
    const roles = [{ role: 'viewer', site: null }];
    const local = (method: string, id: string, body?: object): Promise<number> =>
      fetch(`${url}/api/v1/accounts/${id}`, {
        method,
        headers: { authorization: 'Bearer the-local-token', 'content-type': 'application/json' },
        ...(body ? { body: JSON.stringify(body) } : {}),
      }).then((response) => response.status);
    const done = await Promise.all([
      local('PATCH', ids[0]!, { roles }),
      local('DELETE', ids[1]!),
      local('PATCH', ada, { disabled: true }),
    ]);
    expect(done.filter((status) => status === 409)).toHaveLength(1);
    const { body: left } = await fetch(`${url}/api/v1/accounts`, {
      headers: { authorization: 'Bearer the-local-token' },
    })
      .then((r) => r.json())
      .then((body) => ({ body: body as { disabled: boolean; roles: { role: string }[] }[] }));
    expect(left.filter((a) => !a.disabled && a.roles.some((r) => r.role === 'admin'))).toHaveLength(1);
    for (const id of [ada, ids[0]!])
      await local('PATCH', id, { disabled: false, roles: [{ role: 'admin', site: null }] });
    await chief.logIn('ada', PASSWORD);
  });

  it('somebody disabled is out at once, in the middle of what they do', async () => {
    const { body } = await chief.ask('POST', '/accounts', {
      name: 'gone',
      displayName: 'G',
      roles: [],
      password: PASSWORD,
    });
    const b = browser();
    await b.logIn('gone', PASSWORD);
    expect((await b.ask('GET', '/account/sessions')).status).toBe(200);
    await chief.ask('PATCH', `/accounts/${body.id}`, { disabled: true });
    expect((await b.ask('GET', '/account/sessions')).status).toBe(401);
  });

  describe('an authenticator app', () => {
    let recovery: string[];
    let app_: TOTP;
    const code = (): string => app_.generate({ timestamp: now });

    it('is set up with a code that it shows, and is asked for from then on', async () => {
      await chief.logIn('ada', PASSWORD);
      const { body } = await chief.ask('POST', '/account/totp', {});
      expect(body.uri).toMatch(/^otpauth:\/\/totp\/Bastide:ada\?/);
      app_ = new TOTP({ secret: Secret.fromBase32(body.secret) });
      expect((await chief.ask('POST', '/account/totp/confirm', { code: '000000' })).status).toBe(400);
      expect((await browser().logIn('ada', PASSWORD)).status).toBe(201);
      const confirmed = await chief.ask('POST', '/account/totp/confirm', { code: code() });
      recovery = confirmed.body.recoveryCodes;
      expect(new Set(recovery).size).toBe(10);
      const asked = await browser().logIn('ada', PASSWORD);
      expect(asked).toMatchObject({
        status: 401,
        code: 'auth.second_factor',
        body: { details: { methods: ['totp', 'recovery'] } },
      });
      expect((await chief.ask('POST', '/account/totp', {})).status).toBe(409);
    });

    it('a code works once, also for two who send it at the same moment', async () => {
      expect((await browser().logIn('ada', PASSWORD, code())).code).toBe('auth.wrong');
      now += 30_000;
      const both = await Promise.all([
        browser().logIn('ada', PASSWORD, code()),
        browser().logIn('ada', PASSWORD, code()),
      ]);
      expect(both.map((a) => a.status).sort((a, b) => a - b)).toEqual([201, 401]);
      const late = code();
      now += 90_000;
      expect((await browser().logIn('ada', PASSWORD, late)).code).toBe('auth.wrong');
    });

    it('a recovery code stands in for it, once', async () => {
      expect((await browser().logIn('ada', PASSWORD, recovery[3])).status).toBe(201);
      expect((await browser().logIn('ada', PASSWORD, recovery[3])).code).toBe('auth.wrong');
    });

    it('neither its secret nor a recovery code, password or session is readable in the database', async () => {
      const dump: string[] = [];
      for (const table of [
        'accounts',
        'sessions',
        'one_time_codes',
        'recovery_codes',
        'login_failures',
        'secrets',
      ] as const) {
        dump.push(JSON.stringify(await database.db.selectFrom(table).selectAll().execute()));
      }
      const session = chief.cookie.split('=')[1]!;
      for (const secret of [app_.secret.base32, ...recovery, PASSWORD, session, chief.csrf]) {
        expect(dump.join('\n').includes(secret)).toBe(false);
      }
      expect(dump.join('\n')).toContain('$argon2id$v=19$m=19456,t=2,p=1$');
    });

    it('goes only after the password was asked for again, or with a new password from an admin', async () => {
      now += 11 * 60_000;
      expect((await chief.ask('POST', '/account/totp/remove')).code).toBe('auth.confirm');
      expect((await chief.ask('POST', '/account/confirm', { password: PASSWORD })).status).toBe(204);
      expect((await chief.ask('POST', '/account/totp/remove')).status).toBe(204);
      expect((await browser().logIn('ada', PASSWORD)).status).toBe(201);
      expect(await database.db.selectFrom('recovery_codes').selectAll().execute()).toEqual([]);
    });
  });
});
