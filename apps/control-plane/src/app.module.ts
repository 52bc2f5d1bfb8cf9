import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import pino, { type Logger } from 'pino';
import type { ServedState } from './application/tls/keep-server-certificate.js';
import { accounts } from './composition/accounts.js';
import { audit } from './composition/audit.js';
import { notifications } from './composition/notifications.js';
import { outsideThings } from './composition/outside-things.js';
import { CONFIG, LOG } from './composition/tokens.js';
import { useCases } from './composition/use-cases.js';
import { work } from './composition/work.js';
import type { Config } from './config/config.js';
import { AccessGuard } from './http/access-guard.js';
import { AuditInterceptor } from './http/acts.js';
import { CONTROLLERS } from './http/api.js';
import { SERVED_CERTIFICATE } from './http/tokens.js';

export { keepServerCertificate } from './composition/server-certificate.js';
export { ABANDON, CLOSE, EVENT_INLET, NOTIFIER, WORKER } from './composition/tokens.js';

/** Composition root: puts the lists of composition/ together. Tests replace what a token stands for through Nest's own overrides. */
@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: the shape Nest wants of a dynamic module
export class AppModule {
  static with(
    config: Config,
    log: Logger = pino({ level: config.logLevel, base: { role: config.role } }),
    served: () => ServedState | undefined = () => undefined,
  ): DynamicModule {
    const settings: Provider[] = [
      { provide: CONFIG, useValue: config },
      { provide: LOG, useValue: log },
      { provide: SERVED_CERTIFICATE, useValue: served },
    ];
    return {
      module: AppModule,
      controllers: config.role === 'worker' ? [] : CONTROLLERS,
      providers: [
        ...settings,
        ...outsideThings,
        ...useCases,
        ...accounts,
        ...work,
        ...notifications,
        ...audit,
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
      ],
    };
  }
}
