import type { Server } from 'node:http';
import { type INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import helmet from 'helmet';
import { limitBodies } from './body-time.js';
import { AccountController } from './controllers/account.controller.js';
import { AccountsController } from './controllers/accounts.controller.js';
import { ArtifactsController } from './controllers/artifacts.controller.js';
import { AuditController } from './controllers/audit.controller.js';
import { CatalogueController } from './controllers/catalogue.controller.js';
import { ConnectionController } from './controllers/connection.controller.js';
import { DevicesController } from './controllers/devices.controller.js';
import { DriftController } from './controllers/drift.controller.js';
import { EventsController } from './controllers/events.controller.js';
import { HealthController } from './controllers/health.controller.js';
import { IdentityProvidersController } from './controllers/identity-providers.controller.js';
import { NotificationsController } from './controllers/notifications.controller.js';
import { OverviewController } from './controllers/overview.controller.js';
import { PasskeysController } from './controllers/passkeys.controller.js';
import { PlansController } from './controllers/plans.controller.js';
import { ProviderSessionController } from './controllers/provider-session.controller.js';
import { RunsController } from './controllers/runs.controller.js';
import { SecretsController } from './controllers/secrets.controller.js';
import { SessionController } from './controllers/session.controller.js';
import { SiteDomainController } from './controllers/site-domain.controller.js';
import { SitesController } from './controllers/sites.controller.js';
import { StacksController } from './controllers/stacks.controller.js';
import { TokensController } from './controllers/tokens.controller.js';
import { ProblemFilter } from './problem-filter.js';
import { requestValidation } from './validation.js';

export const CONTROLLERS = [
  CatalogueController,
  SiteDomainController,
  SitesController,
  PlansController,
  OverviewController,
  EventsController,
  RunsController,
  StacksController,
  DriftController,
  ArtifactsController,
  AuditController,
  TokensController,
  SecretsController,
  SessionController,
  AccountController,
  AccountsController,
  PasskeysController,
  IdentityProvidersController,
  ProviderSessionController,
  DevicesController,
  HealthController,
  NotificationsController,
  ConnectionController,
];

/** Prefix of every path; a change that breaks clients gets a new one. */
export const API_PREFIX = 'api/v1';

/** What every instance of the API has, in the product and in tests. `tls`: it speaks HTTPS itself. */
export function furnish(app: INestApplication, { tls = false }: { readonly tls?: boolean } = {}): void {
  app.use(limitBodies(app.getHttpServer() as Server));
  app.use(
    helmet({
      // Means something over TLS alone; other names below ours are not ours to decide about.
      strictTransportSecurity: tls ? { maxAge: 31_536_000, includeSubDomains: false } : false,
      xFrameOptions: { action: 'deny' },
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"] },
      },
    }),
  );
  app.setGlobalPrefix(API_PREFIX);
  app.useGlobalPipes(requestValidation());
  app.useGlobalFilters(new ProblemFilter());
}

export function describeApi(app: INestApplication): OpenAPIObject {
  const document = SwaggerModule.createDocument(
    app,
    new DocumentBuilder()
      .setTitle('Bastide')
      .setDescription('Control plane of office stacks. Errors are application/problem+json (RFC 9457).')
      .setVersion('1')
      .addBearerAuth()
      .build(),
    { operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '').toLowerCase()}_${method}` },
  );
  return JSON.parse(JSON.stringify(document)) as OpenAPIObject;
}
