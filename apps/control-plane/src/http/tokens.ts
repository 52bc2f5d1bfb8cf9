/** Injection tokens of what the controllers call; app.module.ts binds them. */
export const API_TOKEN = Symbol('API_TOKEN');
export const MAKE_PLAN = Symbol('MAKE_PLAN');
export const APPLY_PLAN = Symbol('APPLY_PLAN');
export const PLAN_STORE = Symbol('PLAN_STORE');
export const STACK_STORE = Symbol('STACK_STORE');
export const RUN_STORE = Symbol('RUN_STORE');
export const CATALOGUE = Symbol('CATALOGUE');
export const CONNECT_SITE = Symbol('CONNECT_SITE');
export const EXAMINE_SITE = Symbol('EXAMINE_SITE');
export const SHOW_STACK = Symbol('SHOW_STACK');
export const RUN_CONTROL = Symbol('RUN_CONTROL');
export const ARTIFACT_STORE = Symbol('ARTIFACT_STORE');
export const CHECK_STACK = Symbol('CHECK_STACK');
export const CERTIFICATES = Symbol('CERTIFICATES');
export const READINESS = Symbol('READINESS');
export const AUDIT_LOG = Symbol('AUDIT_LOG');
export const PARSE_SITE = Symbol('PARSE_SITE');
