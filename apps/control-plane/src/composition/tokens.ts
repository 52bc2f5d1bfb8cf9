import { createHash } from 'node:crypto';
import { type InjectionToken, type Provider } from '@nestjs/common';

/** What the product is made of, by token; the HTTP tokens are those that controllers ask for. */
export const CONFIG = Symbol('CONFIG');
export const LOG = Symbol('LOG');
export const CLOCK = Symbol('CLOCK');
export const NEW_ID = Symbol('NEW_ID');
export const ENGINES = Symbol('ENGINES');
export const DATABASE = Symbol('DATABASE');
export const LIMITS = Symbol('LIMITS');
export const QUEUE = Symbol('QUEUE');
export const SECRETS = Symbol('SECRETS');
export const DRIFT_BOOK = Symbol('DRIFT_BOOK');
export const SSH_KEY = Symbol('SSH_KEY');
export const SUBSTRATES = Symbol('SUBSTRATES');
export const PLAN_WORLD = Symbol('PLAN_WORLD');
export const STEP_WORLD = Symbol('STEP_WORLD');
export const ADVANCE_RUN = Symbol('ADVANCE_RUN');
/** AbortController: a part found the process to be of no use; the owner ends it in order, with exit code 1. */
export const ABANDON = Symbol('ABANDON');
export const WORKER = Symbol('WORKER');
export const CLOSE = Symbol('CLOSE');
export const GUEST_SHELL = Symbol('GUEST_SHELL');
export const TARGETS = Symbol('TARGETS');
export const MESSENGERS = Symbol('MESSENGERS');
export const NOTIFIER = Symbol('NOTIFIER');
export const EVENT_INLET = Symbol('EVENT_INLET');

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** `Provider` with the types of its dependencies left to the factory: tokens carry none. */
export const from = (
  provide: InjectionToken,
  inject: InjectionToken[],
  // biome-ignore lint/suspicious/noExplicitAny: the container hands over what the tokens stand for
  useFactory: (...parts: any[]) => unknown,
): Provider => ({
  provide,
  inject,
  useFactory,
});
