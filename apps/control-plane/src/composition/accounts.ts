import { type Provider } from '@nestjs/common';
import { type Database } from '../adapters/database/database.js';
import { KyselyApiTokenRows } from '../adapters/database/kysely-api-token-rows.js';
import { RandomSecretSource } from '../adapters/secrets/random-secret-source.js';
import { ApiTokens } from '../application/accounts/api-tokens.js';
import type { Clock, NewId } from '../application/clock.port.js';
import * as http from '../http/tokens.js';
import { CLOCK, DATABASE, from, NEW_ID, sha256 } from './tokens.js';

export const accounts: Provider[] = [
  from(
    http.API_TOKENS,
    [DATABASE, CLOCK, NEW_ID],
    (database: Database, clock: Clock, newId: NewId) =>
      new ApiTokens(new KyselyApiTokenRows(database), clock, newId, new RandomSecretSource(), sha256),
  ),
];
