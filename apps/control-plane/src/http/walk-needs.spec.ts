import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import { ACTS } from './acts.js';
import { CONTROLLERS } from './api.js';
import { type Declaration, NEEDS } from './needs.js';

/** Method names of a controller that answer a path. */
const endpoints = CONTROLLERS.flatMap((controller) =>
  Object.getOwnPropertyNames(controller.prototype)
    .filter((name) => name !== 'constructor')
    .map((name) => ({ controller, name, handler: Object.getOwnPropertyDescriptor(controller.prototype, name)?.value }))
    .filter(({ handler }) => typeof handler === 'function' && Reflect.hasMetadata('path', handler)),
);

describe('every endpoint declares what it needs', () => {
  it.each(endpoints.map((endpoint) => [`${endpoint.controller.name}.${endpoint.name}`, endpoint] as const))(
    '%s',
    (_, { controller, handler }) => {
      const declared: Declaration | undefined =
        Reflect.getMetadata(NEEDS, handler) ?? Reflect.getMetadata(NEEDS, controller);
      expect(declared?.role).toBeDefined();
    },
  );
});

describe('whatever is asked for by another method than GET goes into the audit', () => {
  const acting = endpoints.filter(({ handler }) => Reflect.getMetadata('method', handler) !== RequestMethod.GET);

  it.each(acting.map((endpoint) => [`${endpoint.controller.name}.${endpoint.name}`, endpoint] as const))(
    '%s',
    (_, { handler }) => {
      expect(Reflect.getMetadata(ACTS, handler)?.action).toMatch(/^[a-z]+\.[a-z_]+$/);
    },
  );
});
