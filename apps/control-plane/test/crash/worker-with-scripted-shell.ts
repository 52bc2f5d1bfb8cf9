// A worker process of the product, with other guests and with points at which it dies. Arguments: folder of the guests,
// milliseconds of a hook. Says `ready` when it is furnished, and begins to work at the first line it hears.
import 'reflect-metadata';
import { once } from 'node:events';
import { NestFactory } from '@nestjs/core';
import type { Database } from '../../src/adapters/database/database.js';
import { AppModule, CLOSE, WORKER } from '../../src/app.module.js';
import type { Catalogue } from '../../src/application/catalogue/catalogue.port.js';
import { DATABASE, from, GUEST_SHELL } from '../../src/composition/tokens.js';
import { loadConfig } from '../../src/config/config.js';
import { CATALOGUE, RUN_STORE } from '../../src/http/tokens.js';
import type { Worker } from '../../src/worker/worker.js';
import { KillPlan } from './kill-plan.js';
import { KillingRunStore } from './killing-run-store.js';
import { ScriptedGuestShell } from './scripted-guest-shell.js';

const [directory = '', hookMs = '0'] = process.argv.slice(2);
const plan = new KillPlan(directory);
const product = AppModule.with(loadConfig(process.env, 'worker'));
// The last provider of a token is the one that counts.
const providers = [
  ...(product.providers ?? []),
  from(
    GUEST_SHELL,
    [CATALOGUE],
    (catalogue: Catalogue) =>
      new ScriptedGuestShell(directory, catalogue, Number(hookMs), (unit) => plan.reach(unit, 'hooked')),
  ),
  from(RUN_STORE, [DATABASE], (database: Database) => new KillingRunStore(database, plan)),
];
const app = await NestFactory.createApplicationContext({ ...product, providers }, { logger: ['error', 'warn'] });
const worker = app.get<Worker>(WORKER);

process.stdout.write('ready\n');
process.stdin.on('end', () => process.exit(0));
await once(process.stdin, 'data');
await worker.start();

process.on('SIGTERM', () => {
  Promise.resolve()
    .then(() => worker.stop())
    .then(() => app.close())
    .then(app.get<() => Promise<void>>(CLOSE))
    .then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      },
    );
});
