import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { UlidIds } from '../../src/adapters/clock/ulid-ids.js';
import { type Database, openDatabase } from '../../src/adapters/database/database.js';
import { KyselySecretRows } from '../../src/adapters/database/kysely-secret-rows.js';
import { migrate } from '../../src/adapters/database/migrate.js';
import { EnvelopeSecretStore } from '../../src/adapters/secrets/envelope-secret-store.js';
import { MasterKeyFile } from '../../src/adapters/secrets/master-key-file.js';
import type { People } from '../../src/application/accounts/people.js';
import { accounts } from '../../src/composition/accounts.js';
import { CLOCK, CONFIG, DATABASE, NEW_ID, SECRETS, sha256 } from '../../src/composition/tokens.js';
import type { AuditAct } from '../../src/domain/audit/audit-chain.js';
import type { NotificationEvent } from '../../src/domain/notification/event.js';
import { AccessGuard } from '../../src/http/access-guard.js';
import { AuditInterceptor } from '../../src/http/acts.js';
import { furnish } from '../../src/http/api.js';
import { AccountController } from '../../src/http/controllers/account.controller.js';
import { AccountsController } from '../../src/http/controllers/accounts.controller.js';
import { DevicesController } from '../../src/http/controllers/devices.controller.js';
import { IdentityProvidersController } from '../../src/http/controllers/identity-providers.controller.js';
import { PasskeysController } from '../../src/http/controllers/passkeys.controller.js';
import { ProviderSessionController } from '../../src/http/controllers/provider-session.controller.js';
import { SessionController } from '../../src/http/controllers/session.controller.js';
import * as http from '../../src/http/tokens.js';
import { type PrivateServer, privatePostgres } from '../engine/private-servers.js';

export interface Answer {
  readonly status: number;
  readonly code?: string;
  readonly headers: Headers;
  /** Whatever the endpoint answers. */
  readonly body: any;
}

/** A browser: keeps its cookies and the token that goes with them. `via`: what a proxy on this machine says of it. */
export class Person {
  readonly cookies = new Map<string, string>();
  csrf = '';

  constructor(
    readonly url: string,
    private readonly via: Readonly<Record<string, string>> = {},
  ) {}

  async ask(method: string, path: string, body?: object): Promise<Answer> {
    const response = await fetch(path.startsWith('http') ? path : `${this.url}/api/v1${path}`, {
      method,
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...(this.csrf ? { 'x-csrf-token': this.csrf } : {}),
        ...this.via,
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    for (const set of response.headers.getSetCookie()) {
      const [pair = '', ...rest] = set.split(';');
      const [name = '', value = ''] = pair.split('=');
      if (rest.some((part) => /Expires=Thu, 01 Jan 1970/.test(part))) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const text = await response.text();
    const parsed = /json/.test(response.headers.get('content-type') ?? '') && text ? JSON.parse(text) : {};
    if (parsed.csrfToken) this.csrf = parsed.csrfToken;
    return { status: response.status, code: parsed.code, headers: response.headers, body: parsed };
  }

  logIn(name: string, password: string, more: object = {}): Promise<Answer> {
    return this.ask('POST', '/session', { name, password, ...more });
  }
}

export const PASSWORD = 'correct horse battery';

/** Everything about accounts on a real database, with a clock of the test's own. Call it in a `describe`. */
export class AccountServer {
  readonly postgres: PrivateServer = privatePostgres();
  readonly audited: AuditAct[] = [];
  readonly sites = ['town'];
  database!: Database;
  now = Date.parse('2026-01-05T09:00:00Z');
  url = '';
  #app: NestExpressApplication | undefined;
  #folder = '';
  /** What is recorded of the site, for tests that need something. */
  recorded: object = { stacks: [], instances: [], bindings: [], guests: [], reservations: [] };
  stacks: { readonly id: string; readonly site: string; readonly name: string }[] = [];
  secrets!: EnvelopeSecretStore;

  constructor() {
    beforeAll(() => this.#start(), 60_000);
    afterAll(async () => {
      await this.#app?.close();
      await this.database.close();
      await rm(this.#folder, { recursive: true, force: true });
    });
  }

  async #start(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'bastide-accounts-'));
    this.database = openDatabase({ url: this.postgres.url });
    await migrate(this.database.db);
    this.secrets = new EnvelopeSecretStore(
      new KyselySecretRows(this.database),
      new MasterKeyFile(join(this.#folder, 'key')),
    );
    @Module({
      controllers: [
        SessionController,
        AccountController,
        AccountsController,
        PasskeysController,
        IdentityProvidersController,
        ProviderSessionController,
        DevicesController,
      ],
      providers: [
        ...accounts,
        { provide: CONFIG, useValue: { stateDir: this.#folder } },
        { provide: DATABASE, useValue: this.database },
        { provide: SECRETS, useValue: this.secrets },
        { provide: CLOCK, useValue: { now: () => this.now } },
        { provide: NEW_ID, useValue: new UlidIds() },
        { provide: http.API_TOKEN, useValue: 'the-local-token' },
        { provide: http.AUDIT_LOG, useValue: { append: async (act: AuditAct) => void this.audited.push(act) } },
        {
          provide: http.STACK_STORE,
          useValue: {
            listSites: async () => this.sites.map((name) => ({ name })),
            getStack: async (id: string) => this.stacks.find((stack) => stack.id === id),
            recorded: async () => this.recorded,
          },
        },
        {
          provide: http.CATALOGUE,
          useValue: {
            load: async () => ({ modules: [{ name: 'identity', provides: { oidc: { interface: 'oidc/v1' } } }] }),
          },
        },
        { provide: http.RUN_STORE, useValue: {} },
        { provide: http.PLAN_STORE, useValue: {} },
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
      ],
    })
    class AccountsModule {}
    this.#app = await NestFactory.create<NestExpressApplication>(AccountsModule, { logger: false });
    furnish(this.#app);
    this.#app.set('trust proxy', 'loopback');
    await this.#app.listen(0, '127.0.0.1');
    this.url = (await this.#app.getUrl()).replace(/\[::1\]|127\.0\.0\.1/, 'localhost');
    const people = this.#app.get<People>(http.PEOPLE);
    await people.create({
      name: 'ada',
      displayName: 'Ada',
      grants: [{ role: 'admin', site: null }],
      password: PASSWORD,
    });
  }

  person(via: Readonly<Record<string, string>> = {}): Person {
    return new Person(this.url, via);
  }

  /** As if many strangers, each from an address of their own, had guessed the password. */
  async guessedOften(name: string): Promise<void> {
    const at = new Date(this.now);
    const row = { key: sha256(JSON.stringify(['name', name])), count: 500, last_at: at, previous_at: at };
    await this.database.db.insertInto('login_failures').values(row).execute();
  }

  /** What people were told of an account. */
  async news(kind: string): Promise<readonly NotificationEvent[]> {
    const rows = await this.database.db.selectFrom('notification_events').select('body').orderBy('id').execute();
    return rows.map(({ body }) => body).filter((event) => event.kind === kind);
  }

  /** Root on the machine. */
  local(method: string, path: string, body?: object): Promise<Answer> {
    return new Person(this.url, { authorization: 'Bearer the-local-token' }).ask(method, path, body);
  }
}
