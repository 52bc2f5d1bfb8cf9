import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import pino from 'pino';
import { accounts } from './composition/accounts.js';
import { audit } from './composition/audit.js';
import { notifications } from './composition/notifications.js';
import { outsideThings } from './composition/outside-things.js';
import { CONFIG, from, LOG } from './composition/tokens.js';
import { useCases } from './composition/use-cases.js';
import { work } from './composition/work.js';
import type { Config } from './config/config.js';
import { AccessGuard } from './http/access-guard.js';
import { AuditInterceptor } from './http/acts.js';
import { CONTROLLERS } from './http/api.js';

export { ABANDON, CLOSE, LOG, NOTIFIER, WORKER } from './composition/tokens.js';

/** Composition root: puts the lists of composition/ together. Tests replace what a token stands for through Nest's own overrides. */
@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: the shape Nest wants of a dynamic module
export class AppModule {
  static with(config: Config): DynamicModule {
    const settings: Provider[] = [
      { provide: CONFIG, useValue: config },
      from(LOG, [], () => pino({ level: config.logLevel, base: { role: config.role } })),
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
