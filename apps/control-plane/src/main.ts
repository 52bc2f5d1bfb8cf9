import 'reflect-metadata';
import type { Server as HttpsServer } from 'node:https';
import { parseArgs } from 'node:util';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ABANDON, AppModule, CLOSE, EVENT_INLET, keepServerCertificate, NOTIFIER, WORKER } from './app.module.js';
import type { People } from './application/accounts/people.js';
import type { EventInlet } from './application/notifications/notification-store.port.js';
import { ConfigError, loadConfig } from './config/config.js';
import { openLog } from './config/log.js';
import { Refusal } from './domain/problem.js';
import { furnish } from './http/api.js';
import { serveDashboard } from './http/dashboard-files.js';
import { PEOPLE } from './http/tokens.js';
import type { Notifier } from './worker/notifier.js';
import type { Worker } from './worker/worker.js';

/** Longer than the worker's hand-over; what still hangs then will not end by itself. */
const END_MS = 60_000;

// config → role → Nest; nothing else. Exit codes: 0 asked to end, 1 a fault or of no use any more (a service manager starts it anew), 2 the configuration is wrong, 3 a server refuses to work.
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { role: { type: 'string', default: 'all' } } });
  const config = loadConfig(process.env, values.role);
  const log = openLog(config);
  const certificates = keepServerCertificate(config, log);
  const first = await certificates?.open();
  const app = await NestFactory.create<NestExpressApplication>(
    AppModule.with(config, log, () => certificates?.served),
    {
      logger: ['error', 'warn'],
      abortOnError: false,
      ...(first ? { httpsOptions: { cert: first.certificate, key: first.key } } : {}),
    },
  );
  furnish(app, { tls: first !== undefined });
  serveDashboard(app, config.dashboardDirectory);
  app.disable('x-powered-by');
  // A reverse proxy on this machine tells where people come from and whether they came over TLS; nobody else may.
  app.set('trust proxy', 'loopback');
  const worker = config.role === 'api' ? undefined : app.get<Worker>(WORKER);
  await worker?.start();
  const notifier = app.get<Notifier>(NOTIFIER);
  await notifier.start();
  if (config.role === 'worker') await app.init();
  else {
    await app.get<People>(PEOPLE).openSetUp();
    await app.listen(config.listen.port, config.listen.host);
    const { apiTokenFile, stateDir } = config;
    const trust = first && { fingerprint: (first.authority ?? first).fingerprint };
    log.info({ address: await app.getUrl(), apiTokenFile, stateDir, ...trust }, 'the API listens');
  }
  const ended = new AbortController();
  if (certificates) {
    const server = app.getHttpServer() as unknown as HttpsServer;
    certificates.connect(
      ({ certificate, key }) => server.setSecureContext({ cert: certificate, key }),
      (events) => app.get<EventInlet>(EVENT_INLET).record(events),
    );
    const look = (): void => void certificates.look(ended.signal);
    setInterval(look, config.certificateMs).unref();
    look();
  }

  let ending = false;
  const endWith = (code: 0 | 1): void => {
    ending = true;
    ended.abort();
    setTimeout(() => process.exit(1), END_MS).unref();
    const close = app.get<() => Promise<void>>(CLOSE);
    Promise.resolve()
      .then(() => Promise.all([worker?.stop(), notifier.stop()]))
      .then(() => app.close())
      .then(close)
      .then(
        () => process.exit(code),
        (error: unknown) => {
          process.stderr.write(`control plane: ${error instanceof Error ? error.message : String(error)}\n`);
          process.exit(1);
        },
      );
  };
  const end = (): void => {
    // Somebody who asks twice does not want to wait.
    if (ending) process.exit(1);
    endWith(0);
  };
  process.on('SIGTERM', end).on('SIGINT', end);
  app.get<AbortController>(ABANDON).signal.addEventListener('abort', () => ending || endWith(1));
}

main().catch((error: unknown) => {
  const message =
    error instanceof Refusal
      ? `${error.problem.message} ${error.problem.remedy}`
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
  process.stderr.write(`control plane: ${error instanceof ConfigError ? error.message : message}\n`);
  process.exit(error instanceof ConfigError ? 2 : error instanceof Refusal ? 3 : 1);
});
