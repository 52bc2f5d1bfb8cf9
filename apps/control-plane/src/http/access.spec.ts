import 'reflect-metadata';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { jest } from '@jest/globals';
import { type INestApplication, Module, RequestMethod } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, NestFactory } from '@nestjs/core';
import { RandomSecretSource } from '../adapters/secrets/random-secret-source.js';
import { type ApiToken, ApiTokens } from '../application/accounts/api-tokens.js';
import type { OpenSession } from '../application/accounts/sessions.js';
import type { Account } from '../domain/account/account.js';
import type { AccountRole } from '../domain/account/roles.js';
import type { AuditAct } from '../domain/audit/audit-chain.js';
import { Refusal } from '../domain/problem.js';
import { AccessGuard } from './access-guard.js';
import { AuditInterceptor } from './acts.js';
import { CONTROLLERS, furnish } from './api.js';
import { type Declaration, NEEDS } from './needs.js';
import * as tokens from './tokens.js';

/** Stands for every use case: whoever calls it got past the guard. */
const reached = (): never => {
  throw new Refusal({ code: 'conflict', subject: 'reached', message: 'Reached.', remedy: 'None.' });
};
const useCase = (known: object = {}): object =>
  new Proxy(reached, {
    get: (_, key) =>
      key in known
        ? known[key as keyof typeof known]
        : typeof key === 'symbol' || /^(then|on[A-Z].*|before[A-Z].*)$/.test(key)
          ? undefined
          : reached,
  });

const rows = new Map<string, ApiToken>();
let now = 1_000;
const apiTokens = new ApiTokens(
  {
    insert: async (token, hash) => void rows.set(hash, token),
    list: async () => [...rows.values()],
    findByHash: async (hash) => rows.get(hash),
    used: async () => {},
    remove: async (id) => [...rows].some(([hash, token]) => token.id === id && rows.delete(hash)),
  },
  { now: () => now },
  { next: (prefix) => `${prefix}_${rows.size}` },
  new RandomSecretSource(),
  (text) => createHash('sha256').update(text).digest('hex'),
  { getSite: async (name) => (['town', 'village', 'demo', 'school'].includes(name) ? {} : undefined) },
);
/** Cookie → who is logged in with it. */
const logins = new Map<string, OpenSession>();
function logIn(name: string, more: Partial<Account> = {}): string {
  const cookie = `${name}-cookie-of-twenty-characters`;
  const account: Account = {
    id: `acc_${name}`,
    name,
    displayName: name,
    grants: [{ role: 'admin', site: null }],
    disabled: false,
    passwordTemporary: false,
    createdAt: 1,
    ...more,
  };
  const times = { createdAt: 1, lastSeenAt: 1, expiresAt: 9, confirmedAt: 1 };
  const session = { id: `ses_${name}`, accountId: account.id, ...times, address: '', userAgent: '' };
  logins.set(cookie, { account, session, token: cookie });
  return `bastide_session=${cookie}`;
}
const audited: AuditAct[] = [];
/** What streams of everything are told. */
const watchers = new Set<(run: { readonly site: string }) => void>();
const fakes: Record<symbol, unknown> = {
  [tokens.API_TOKEN]: 'the-local-token',
  [tokens.API_TOKENS]: useCase({
    find: (token: string) => apiTokens.find(token),
    create: apiTokens.create.bind(apiTokens),
  }),
  [tokens.SESSIONS]: useCase({
    find: async (cookie: string) => logins.get(cookie),
    csrfToken: (cookie: string) => `csrf of ${cookie}`,
  }),
  [tokens.FAILED_ADDRESSES]: { waitMs: async () => 0, failed: async () => {}, isKnown: () => false, proved: () => {} },
  [tokens.PUBLIC_URL]: 'https://bastide.town.example',
  [tokens.AUDIT_LOG]: useCase({ append: async (act: AuditAct) => void audited.push(act) }),
  [tokens.STACK_STORE]: useCase({
    getStack: async (id: string) => (id === 'x' ? { site: 'town' } : undefined),
    listSites: async () => ['town', 'village'].map((name) => ({ name, domain: 'd', substrates: {} })),
  }),
  [tokens.RUN_STORE]: useCase({
    get: async (id: string) => (id === 'x' ? { run: { site: 'town' } } : undefined),
    head: async (id: string) => (id === 'x' ? { site: 'town' } : undefined),
    list: async () => ['town', 'village'].map((site) => ({ site })),
  }),
  [tokens.RUN_CONTROL]: useCase({
    watchAll: (watcher: (run: { readonly site: string }) => void) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  }),
  [tokens.PLAN_STORE]: useCase({ get: async (id: string) => (id === 'x' ? { site: 'town' } : undefined) }),
};

@Module({
  controllers: CONTROLLERS,
  providers: [
    ...Object.values(tokens).map((provide) => ({ provide, useValue: fakes[provide] ?? useCase() })),
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
  ],
})
class WalkModule {}

const endpoints = CONTROLLERS.flatMap((controller) =>
  Object.getOwnPropertyNames(controller.prototype)
    .filter((name) => name !== 'constructor')
    .map((name) => Object.getOwnPropertyDescriptor(controller.prototype, name)?.value)
    .filter((handler) => typeof handler === 'function' && Reflect.hasMetadata('path', handler))
    .map((handler) => ({
      method: RequestMethod[Reflect.getMetadata('method', handler) as number]!,
      path: `/${Reflect.getMetadata('path', controller)}/${Reflect.getMetadata('path', handler)}`.replace(/\/+/g, '/'),
      declared: (Reflect.getMetadata(NEEDS, handler) ?? Reflect.getMetadata(NEEDS, controller)) as Declaration,
    })),
);
/** Written out by hand: whoever opens another door to everybody has to say so here. */
const OPEN_TO_ALL = [
  'DELETE /session',
  'GET /health/live',
  'GET /health/ready',
  'GET /session',
  'GET /session/passkey',
  'GET /session/providers/:id/start',
  'GET /session/providers/return',
  'GET /version',
  'POST /session',
  'POST /session/device',
  'POST /session/device/finish',
  'POST /session/passkey',
  'POST /session/providers/:id/logout',
  'POST /setup/admin',
];
const ROLES: readonly AccountRole[] = ['viewer', 'operator', 'author', 'admin'];
/** Written out by hand, so that it does not say whatever the product says. */
const ENOUGH: Record<AccountRole, string[]> = {
  viewer: ['viewer', 'operator', 'author', 'admin'],
  operator: ['operator', 'admin'],
  author: ['author', 'admin'],
  admin: ['admin'],
};

describe('who reaches which endpoint', () => {
  let app: INestApplication;
  let url: string;
  const secrets = new Map<string, string>();
  beforeAll(async () => {
    for (const role of ROLES) {
      for (const site of ['town', 'village', null]) {
        const made = await apiTokens.create({ name: `${role} ${site}`, role, site, expiresAt: 100_000, by: 'local' });
        secrets.set(`${role} ${site}`, made.token);
      }
    }
    app = await NestFactory.create(WalkModule, { logger: false });
    furnish(app);
    await app.listen(0, '127.0.0.1');
    url = `${(await app.getUrl()).replace('[::1]', '127.0.0.1')}/api/v1`;
  });
  afterAll(() => app.close());

  const ask = async (method: string, path: string, token?: string): Promise<number> => {
    const response = await fetch(url + path.replace(':id', 'x').replace(':name', 'town'), {
      method,
      redirect: 'manual',
      headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
      ...(method === 'GET' || method === 'HEAD' ? {} : { body: '{"site":"town"}' }),
    });
    await response.body?.cancel();
    return response.status;
  };

  it.each(endpoints.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const))(
    '%s',
    async (_, { method, path, declared }) => {
      const open = declared.role === 'anonymous';
      expect((await ask(method, path)) === 401).toBe(!open);
      expect((await ask(method, path, `bst_${'A'.repeat(43)}`)) === 401).toBe(!open);
      // What is about oneself, a token is refused: it is nobody.
      const oneself = declared.role === 'account';
      expect([401, 403].includes(await ask(method, path, 'the-local-token'))).toBe(oneself);
      for (const role of ROLES) {
        for (const site of ['town', 'village', null]) {
          const role_ = declared.role as AccountRole;
          const there = site === null || declared.site === 'any' || (declared.site !== 'all' && site === 'town');
          const may = open || (!oneself && ENOUGH[role_].includes(role) && there);
          const status = await ask(method, path, secrets.get(`${role} ${site}`));
          expect({ role, site, refused: status === 403 || status === 401 }).toEqual({ role, site, refused: !may });
        }
      }
    },
  );

  it('nothing else is open to everybody', () => {
    const open = endpoints.filter(({ declared }) => declared.role === 'anonymous');
    expect(open.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(OPEN_TO_ALL);
  });

  it('there is no route besides those that were walked', () => {
    interface Layer {
      readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
    }
    const { router } = app.getHttpAdapter().getInstance() as { readonly router: { readonly stack: readonly Layer[] } };
    const routes = router.stack.flatMap(({ route }) =>
      route ? Object.keys(route.methods).map((method) => `${method.toUpperCase()} ${route.path}`) : [],
    );
    const walked = endpoints.map(({ method, path }) => `${method} /api/v1${path}`.replace(/\/$/, ''));
    expect(routes.length).toBeGreaterThan(60);
    expect([...new Set(routes)].sort()).toEqual([...new Set(walked)].sort());
  });

  it.each(endpoints.filter(({ method, declared }) => method === 'GET' && declared.role !== 'anonymous'))(
    'looking in other ways is refused as well: $path',
    async ({ path }) => {
      expect(await ask('HEAD', path)).toBe(401);
      const asked = request(url + path.replace(':id', 'x').replace(':name', 'town'), {
        headers: { connection: 'Upgrade', upgrade: 'websocket' },
      }).end();
      const [answer] = (await once(asked, 'response')) as [{ statusCode: number; resume(): void }];
      answer.resume();
      expect(answer.statusCode).toBe(401);
    },
  );

  it('whoever may not see a site does not learn whether something there exists', async () => {
    const token = secrets.get('viewer village')!;
    expect(await ask('GET', '/runs/x', token)).toBe(403);
    expect(await ask('GET', '/runs/y', token)).toBe(403);
    expect(await ask('GET', '/runs/y', secrets.get('viewer null'))).toBe(404);
  });

  it('lists show only the sites that one may see', async () => {
    const headers = { authorization: `Bearer ${secrets.get('viewer village')}` };
    expect(await (await fetch(`${url}/runs`, { headers })).json()).toEqual([{ site: 'village' }]);
    expect(await (await fetch(`${url}/sites`, { headers })).json()).toMatchObject([{ name: 'village' }]);
  });

  describe('with a session of a browser', () => {
    const send = async (method: string, path: string, headers: Record<string, string>): Promise<string> => {
      const response = await fetch(url + path, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        ...(method === 'GET' ? {} : { body: '{}' }),
      });
      const { code } = (await response.json().catch(() => ({}))) as { code?: string };
      return code ?? String(response.status);
    };

    it.each(endpoints.filter(({ method, declared }) => method !== 'GET' && declared.role !== 'anonymous'))(
      'nothing is changed without the session’s own token: $method $path',
      async ({ method, path }) => {
        const cookie = logIn('ada');
        const at = path.replace(':id', 'x').replace(':name', 'town');
        expect(await send(method, at, { cookie })).toBe('auth.csrf');
        expect(await send(method, at, { cookie, 'x-csrf-token': 'csrf of another-cookie' })).toBe('auth.csrf');
        const own = { cookie, 'x-csrf-token': `csrf of ${cookie.slice('bastide_session='.length)}` };
        expect(await send(method, at, own)).not.toMatch(/^auth/);
      },
    );

    it('looking needs no token', async () => {
      expect(await send('GET', '/sites', { cookie: logIn('ada') })).toBe('200');
    });

    it.each(['cross-site', 'same-site'])('a page of another site cannot log a browser in or out (%s)', async (from) => {
      expect(await send('POST', '/session', { 'sec-fetch-site': from })).toBe('auth.csrf');
      expect(await send('DELETE', '/session', { 'sec-fetch-site': from, cookie: logIn('ada') })).toBe('auth.csrf');
      expect(await send('POST', '/session', { 'sec-fetch-site': 'same-origin' })).toBe('request.invalid');
    });

    it('whoever has a password that an admin made up can do nothing but choose their own', async () => {
      const cookie = logIn('bob', { passwordTemporary: true });
      expect(await send('GET', '/sites', { cookie })).toBe('auth.password_temporary');
      const csrf = `csrf of ${cookie.slice('bastide_session='.length)}`;
      expect(await send('POST', '/account/password', { cookie, 'x-csrf-token': csrf })).toBe('request.invalid');
    });

    it('roles of the account count', async () => {
      const cookie = logIn('eve', { grants: [{ role: 'viewer', site: 'town' }] });
      expect(await send('GET', '/accounts', { cookie })).toBe('auth.forbidden');
      expect(await send('GET', '/sites', { cookie })).toBe('200');
    });

    it('a stream sees by the roles that somebody has now, not by those they came with', async () => {
      const grants = ['town', 'village'].map((site) => ({ role: 'viewer' as const, site }));
      const cookie = logIn('fay', { grants });
      jest.useFakeTimers({
        doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'setTimeout', 'Date', 'performance'],
      });
      const asked = request(`${url}/events`, { headers: { cookie } }).end();
      try {
        const [answer] = (await once(asked, 'response')) as [NodeJS.ReadableStream & { setEncoding(of: string): void }];
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        const saw = async (word: string): Promise<void> => {
          while (!text.includes(word)) await once(answer, 'data');
        };
        const happens = (site: string): void => {
          for (const tell of watchers) tell({ site });
        };
        happens('town');
        await saw('"town"');
        text = '';
        logIn('fay', { grants: grants.filter(({ site }) => site === 'village') });
        jest.advanceTimersByTime(15_000);
        await saw(': alive');
        happens('town');
        happens('village');
        await saw('"village"');
        expect(text).not.toContain('"town"');
      } finally {
        asked.destroy();
        jest.useRealTimers();
      }
    });

    it('a cookie that nobody is logged in with is as good as none', async () => {
      expect(await send('GET', '/sites', { cookie: 'bastide_session=unknown-of-twenty-characters' })).toBe(
        'auth.missing',
      );
    });
  });

  it('who is refused for lack of a role is in the audit', async () => {
    audited.length = 0;
    await ask('POST', '/runs/x/cancel', secrets.get('viewer town'));
    expect(audited).toEqual([
      expect.objectContaining({
        actor: 'viewer town',
        actorKind: 'token',
        action: 'run.cancelled',
        outcome: 'refused',
      }),
    ]);
  });

  it('a token ends with its time, or when it is removed; only its hash is kept', async () => {
    const { id, token } = await apiTokens.create({ name: 'n', role: 'viewer', site: null, expiresAt: 5_000, by: 'x' });
    expect(JSON.stringify([...rows])).not.toContain(token);
    expect(await ask('GET', '/sites', token)).toBe(200);
    now = 5_000;
    expect(await ask('GET', '/sites', token)).toBe(401);
    now = 1_000;
    await apiTokens.remove(id);
    expect(await ask('GET', '/sites', token)).toBe(401);
    await expect(apiTokens.remove(id)).rejects.toThrow('not_found');
    await expect(apiTokens.create({ name: 'n', role: 'viewer', site: null, expiresAt: 999, by: 'x' })).rejects.toThrow(
      'expiresAt',
    );
  });

  it('a token makes none that outlives it', async () => {
    const made = await apiTokens.create({ name: 'boss', role: 'admin', site: null, expiresAt: 50_000, by: 'local' });
    const make = async (token: string, expiresAt: number): Promise<number> => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ name: 'child', role: 'viewer', expiresAt });
      return (await fetch(`${url}/tokens`, { method: 'POST', headers, body })).status;
    };
    expect(await make(made.token, 50_001)).toBe(400);
    expect(await make(made.token, 50_000)).toBe(201);
    expect(await make('the-local-token', 90_000)).toBe(201);
  });
});
