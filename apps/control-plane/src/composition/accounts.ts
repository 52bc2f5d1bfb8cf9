import { join } from 'node:path';
import type { Provider } from '@nestjs/common';
import { Argon2PasswordHasher } from '../adapters/accounts/argon2-password-hasher.js';
import { MemoryFailedAddresses } from '../adapters/accounts/memory-failed-addresses.js';
import { OpenidProviderClient } from '../adapters/accounts/openid-provider-client.js';
import { OtpauthCodeMaker } from '../adapters/accounts/otpauth-code-maker.js';
import { SetUpCodeFile } from '../adapters/accounts/set-up-code-file.js';
import { SimplewebauthnCeremony } from '../adapters/accounts/simplewebauthn-ceremony.js';
import type { Database } from '../adapters/database/database.js';
import { KyselyAccounts } from '../adapters/database/kysely-accounts.js';
import { KyselyApiTokenRows } from '../adapters/database/kysely-api-token-rows.js';
import { KyselyChallenges } from '../adapters/database/kysely-challenges.js';
import { KyselyDeviceLogIns } from '../adapters/database/kysely-device-log-ins.js';
import { KyselyEventInlet } from '../adapters/database/kysely-event-inlet.js';
import { KyselyIdentityProviders } from '../adapters/database/kysely-identity-providers.js';
import { KyselyKnownDevices } from '../adapters/database/kysely-known-devices.js';
import { KyselyLoginFailures } from '../adapters/database/kysely-login-failures.js';
import { KyselyOneTimeCodes } from '../adapters/database/kysely-one-time-codes.js';
import { KyselyPasskeys } from '../adapters/database/kysely-passkeys.js';
import { KyselyRecoveryCodes } from '../adapters/database/kysely-recovery-codes.js';
import { KyselySessions } from '../adapters/database/kysely-sessions.js';
import { RandomSecretSource } from '../adapters/secrets/random-secret-source.js';
import type { AccountStore, PasswordHasher } from '../application/accounts/account-store.port.js';
import { ApiTokens } from '../application/accounts/api-tokens.js';
import { Attempts } from '../application/accounts/attempts.js';
import { Challenges } from '../application/accounts/challenges.js';
import { ConfirmSelf } from '../application/accounts/confirm-self.js';
import { DeviceLogIn } from '../application/accounts/device-log-in.js';
import type { IdentityProviderStore, ProviderClient } from '../application/accounts/identity-provider.port.js';
import { IdentityProviders } from '../application/accounts/identity-providers.js';
import { KnownDevices } from '../application/accounts/known-devices.js';
import { LogIn } from '../application/accounts/log-in.js';
import { OneTimeCodes } from '../application/accounts/one-time-codes.js';
import { Passkeys } from '../application/accounts/passkeys.js';
import { People } from '../application/accounts/people.js';
import { ProviderLogIn } from '../application/accounts/provider-log-in.js';
import { ProviderLogOut } from '../application/accounts/provider-log-out.js';
import { RecoveryCodes } from '../application/accounts/recovery-codes.js';
import { SecondFactors } from '../application/accounts/second-factors.js';
import { Sessions } from '../application/accounts/sessions.js';
import { StackIdentity } from '../application/accounts/stack-identity.js';
import type { AuditLog } from '../application/audit/audit-log.port.js';
import type { Catalogue } from '../application/catalogue/catalogue.port.js';
import type { Clock, NewId } from '../application/clock.port.js';
import type { SecretStore } from '../application/secrets/secret-store.port.js';
import type { StackStore } from '../application/stacks/stack-store.port.js';
import type { Config } from '../config/config.js';
import * as http from '../http/tokens.js';
import { CLOCK, CONFIG, DATABASE, from, NEW_ID, SECRETS, sha256 } from './tokens.js';

const ACCOUNTS = Symbol('ACCOUNTS');
const PASSWORDS = Symbol('PASSWORDS');
const ATTEMPTS = Symbol('ATTEMPTS');
const DEVICES = Symbol('DEVICES');
const CHALLENGES = Symbol('CHALLENGES');
const PROVIDER_STORE = Symbol('PROVIDER_STORE');
const PROVIDER_CLIENT = Symbol('PROVIDER_CLIENT');
const random = new RandomSecretSource();
const siteNames = (stacks: StackStore) => async () => (await stacks.listSites()).map((site) => site.name);

const identityModules = (catalogue: Catalogue) => async () => {
  const { modules } = await catalogue.load();
  const provides = modules.filter((one) => Object.values(one.provides).some((offer) => offer.interface === 'oidc/v1'));
  return new Set(provides.map(({ name }) => name));
};

/** Who asks: people, their sessions, programs' tokens. */
export const accounts: Provider[] = [
  from(ACCOUNTS, [DATABASE], (database: Database) => new KyselyAccounts(database)),
  from(PASSWORDS, [], () => new Argon2PasswordHasher()),
  from(http.FAILED_ADDRESSES, [], () => new MemoryFailedAddresses()),
  from(http.PUBLIC_URL, [CONFIG], (config: Config) => config.publicUrl),
  from(
    ATTEMPTS,
    [DATABASE, CLOCK, DEVICES],
    (database: Database, clock: Clock, devices: KnownDevices) =>
      new Attempts(new KyselyLoginFailures(database), clock, sha256, devices),
  ),
  from(
    DEVICES,
    [DATABASE, CLOCK, http.AUDIT_LOG],
    (database: Database, clock: Clock, audit: AuditLog) =>
      new KnownDevices(new KyselyKnownDevices(database), clock, sha256, audit, new KyselyEventInlet(database)),
  ),
  from(
    CHALLENGES,
    [DATABASE, CLOCK],
    (database: Database, clock: Clock) => new Challenges(new KyselyChallenges(database), clock, random, sha256),
  ),
  from(
    http.API_TOKENS,
    [DATABASE, CLOCK, NEW_ID, http.STACK_STORE],
    (database: Database, clock: Clock, newId: NewId, stacks: StackStore) =>
      new ApiTokens(new KyselyApiTokenRows(database), clock, newId, random, sha256, stacks),
  ),
  from(
    http.SESSIONS,
    [DATABASE, CLOCK, NEW_ID, DEVICES],
    (database: Database, clock: Clock, newId: NewId, devices: KnownDevices) =>
      new Sessions(new KyselySessions(database), clock, newId, random, sha256, devices),
  ),
  from(
    http.ONE_TIME_CODES,
    [DATABASE, SECRETS, CLOCK],
    (database: Database, secrets: SecretStore, clock: Clock) =>
      new OneTimeCodes(new KyselyOneTimeCodes(database), new OtpauthCodeMaker(), secrets, clock),
  ),
  from(
    http.RECOVERY_CODES,
    [DATABASE],
    (database: Database) => new RecoveryCodes(new KyselyRecoveryCodes(database), random, sha256),
  ),
  from(
    http.SECOND_FACTORS,
    [http.ONE_TIME_CODES, DATABASE, http.RECOVERY_CODES],
    (codes: OneTimeCodes, database: Database, recovery: RecoveryCodes) =>
      new SecondFactors(codes, new KyselyPasskeys(database), recovery),
  ),
  from(
    http.PASSKEYS,
    [DATABASE, CHALLENGES, http.SECOND_FACTORS, CLOCK, NEW_ID],
    (database: Database, challenges: Challenges, factors: SecondFactors, clock: Clock, newId: NewId) =>
      new Passkeys(new KyselyPasskeys(database), new SimplewebauthnCeremony(), challenges, factors, clock, newId),
  ),
  from(
    http.LOG_IN,
    [ACCOUNTS, ATTEMPTS, PASSWORDS, http.SECOND_FACTORS, http.PASSKEYS, http.SESSIONS, CLOCK, DATABASE],
    (
      store: AccountStore,
      attempts: Attempts,
      passwords: PasswordHasher,
      factors: SecondFactors,
      passkeys: Passkeys,
      sessions: Sessions,
      clock: Clock,
      database: Database,
    ) => new LogIn(store, attempts, passwords, factors, passkeys, sessions, clock, new KyselyEventInlet(database)),
  ),
  from(
    http.PEOPLE,
    [CONFIG, ACCOUNTS, PASSWORDS, http.SESSIONS, http.SECOND_FACTORS, http.STACK_STORE, CLOCK, NEW_ID],
    (
      config: Config,
      store: AccountStore,
      passwords: PasswordHasher,
      sessions: Sessions,
      factors: SecondFactors,
      stacks: StackStore,
      clock: Clock,
      newId: NewId,
    ) =>
      new People(
        store,
        passwords,
        sessions,
        factors,
        new SetUpCodeFile(join(config.stateDir, 'setup-code')),
        siteNames(stacks),
        clock,
        newId,
        random,
      ),
  ),
  from(
    http.CONFIRM_SELF,
    [ACCOUNTS, http.PEOPLE, http.PASSKEYS, ATTEMPTS, http.SESSIONS, CLOCK],
    (store: AccountStore, people: People, passkeys: Passkeys, attempts: Attempts, sessions: Sessions, clock: Clock) =>
      new ConfirmSelf(store, people, passkeys, attempts, sessions, clock),
  ),
  from(PROVIDER_STORE, [DATABASE], (database: Database) => new KyselyIdentityProviders(database)),
  from(PROVIDER_CLIENT, [], () => new OpenidProviderClient()),
  from(
    http.IDENTITY_PROVIDERS,
    [PROVIDER_STORE, PROVIDER_CLIENT, SECRETS, http.STACK_STORE, http.CATALOGUE, http.SESSIONS, CLOCK, NEW_ID],
    (
      store: IdentityProviderStore,
      client: ProviderClient,
      secrets: SecretStore,
      stacks: StackStore,
      catalogue: Catalogue,
      sessions: Sessions,
      clock: Clock,
      newId: NewId,
    ) =>
      new IdentityProviders(
        store,
        client,
        secrets,
        new StackIdentity(stacks, secrets, identityModules(catalogue)),
        sessions,
        siteNames(stacks),
        clock,
        newId,
      ),
  ),
  from(
    http.PROVIDER_LOG_IN,
    [http.IDENTITY_PROVIDERS, PROVIDER_STORE, PROVIDER_CLIENT, ACCOUNTS, CHALLENGES, http.SESSIONS, CLOCK, NEW_ID],
    (
      providers: IdentityProviders,
      store: IdentityProviderStore,
      client: ProviderClient,
      people: AccountStore,
      challenges: Challenges,
      sessions: Sessions,
      clock: Clock,
      newId: NewId,
    ) => new ProviderLogIn(providers, store, client, people, challenges, sessions, clock, newId, random, sha256),
  ),
  from(
    http.PROVIDER_LOG_OUT,
    [http.IDENTITY_PROVIDERS, PROVIDER_STORE, PROVIDER_CLIENT, http.SESSIONS],
    (providers: IdentityProviders, store: IdentityProviderStore, client: ProviderClient, sessions: Sessions) =>
      new ProviderLogOut(providers, store, client, sessions),
  ),
  from(
    http.DEVICE_LOG_IN,
    [DATABASE, ACCOUNTS, ATTEMPTS, http.SESSIONS, CLOCK],
    (database: Database, store: AccountStore, attempts: Attempts, sessions: Sessions, clock: Clock) =>
      new DeviceLogIn(new KyselyDeviceLogIns(database), store, attempts, sessions, clock, random, sha256),
  ),
];
