import { join } from 'node:path';
import type { Provider } from '@nestjs/common';
import { Argon2PasswordHasher } from '../adapters/accounts/argon2-password-hasher.js';
import { OtpauthCodeMaker } from '../adapters/accounts/otpauth-code-maker.js';
import { SetUpCodeFile } from '../adapters/accounts/set-up-code-file.js';
import type { Database } from '../adapters/database/database.js';
import { KyselyAccounts } from '../adapters/database/kysely-accounts.js';
import { KyselyApiTokenRows } from '../adapters/database/kysely-api-token-rows.js';
import { KyselyEventInlet } from '../adapters/database/kysely-event-inlet.js';
import { KyselyLoginFailures } from '../adapters/database/kysely-login-failures.js';
import { KyselyOneTimeCodes } from '../adapters/database/kysely-one-time-codes.js';
import { KyselySessions } from '../adapters/database/kysely-sessions.js';
import { RandomSecretSource } from '../adapters/secrets/random-secret-source.js';
import type { AccountStore, PasswordHasher } from '../application/accounts/account-store.port.js';
import { ApiTokens } from '../application/accounts/api-tokens.js';
import { LogIn } from '../application/accounts/log-in.js';
import { OneTimeCodes } from '../application/accounts/one-time-codes.js';
import { People } from '../application/accounts/people.js';
import { Sessions } from '../application/accounts/sessions.js';
import type { Clock, NewId } from '../application/clock.port.js';
import type { SecretStore } from '../application/secrets/secret-store.port.js';
import type { StackStore } from '../application/stacks/stack-store.port.js';
import type { Config } from '../config/config.js';
import * as http from '../http/tokens.js';
import { CLOCK, CONFIG, DATABASE, from, NEW_ID, SECRETS, sha256 } from './tokens.js';

const ACCOUNTS = Symbol('ACCOUNTS');
const PASSWORDS = Symbol('PASSWORDS');
const random = new RandomSecretSource();

/** Who asks: people, their sessions, programs' tokens. */
export const accounts: Provider[] = [
  from(ACCOUNTS, [DATABASE], (database: Database) => new KyselyAccounts(database)),
  from(PASSWORDS, [], () => new Argon2PasswordHasher()),
  from(
    http.API_TOKENS,
    [DATABASE, CLOCK, NEW_ID, http.STACK_STORE],
    (database: Database, clock: Clock, newId: NewId, stacks: StackStore) =>
      new ApiTokens(new KyselyApiTokenRows(database), clock, newId, random, sha256, stacks),
  ),
  from(
    http.SESSIONS,
    [DATABASE, CLOCK, NEW_ID],
    (database: Database, clock: Clock, newId: NewId) =>
      new Sessions(new KyselySessions(database), clock, newId, random, sha256),
  ),
  from(
    http.ONE_TIME_CODES,
    [DATABASE, SECRETS, CLOCK],
    (database: Database, secrets: SecretStore, clock: Clock) =>
      new OneTimeCodes(new KyselyOneTimeCodes(database), new OtpauthCodeMaker(), secrets, random, sha256, clock),
  ),
  from(
    http.LOG_IN,
    [DATABASE, ACCOUNTS, PASSWORDS, http.ONE_TIME_CODES, http.SESSIONS, CLOCK],
    (
      database: Database,
      store: AccountStore,
      passwords: PasswordHasher,
      codes: OneTimeCodes,
      sessions: Sessions,
      clock: Clock,
    ) => {
      const news = new KyselyEventInlet(database);
      return new LogIn(store, new KyselyLoginFailures(database), passwords, codes, sessions, clock, sha256, news);
    },
  ),
  from(
    http.PEOPLE,
    [CONFIG, ACCOUNTS, PASSWORDS, http.SESSIONS, http.ONE_TIME_CODES, http.STACK_STORE, CLOCK, NEW_ID],
    (
      config: Config,
      store: AccountStore,
      passwords: PasswordHasher,
      sessions: Sessions,
      codes: OneTimeCodes,
      stacks: StackStore,
      clock: Clock,
      newId: NewId,
    ) =>
      new People(
        store,
        passwords,
        sessions,
        codes,
        new SetUpCodeFile(join(config.stateDir, 'setup-code')),
        async () => (await stacks.listSites()).map((site) => site.name),
        clock,
        newId,
        random,
      ),
  ),
];
