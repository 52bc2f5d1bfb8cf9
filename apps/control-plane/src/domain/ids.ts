/**
 * Identifiers: branded strings with a prefix, so that a run's id cannot be handed where a plan's is wanted and every id
 * in a log line says what it is. New ones come from the `NewId` port (application), never from the domain.
 */
declare const brand: unique symbol;
export type Id<Prefix extends string> = string & { readonly [brand]: Prefix };

export type StackId = Id<'stk'>;
export type InstanceId = Id<'ins'>;
export type BindingId = Id<'bnd'>;
export type GuestId = Id<'gst'>;
export type PlanId = Id<'pln'>;
export type RunId = Id<'run'>;
/** Unique within one plan, readable: `guest.create:wiki.app`. */
export type StepId = Id<'step'>;

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number & { readonly [brand]?: 'instant' };
export type Milliseconds = number;
export type Mebibytes = number;
export type Gibibytes = number;
export type Sha256 = string & { readonly [brand]?: 'sha256' };

/** JSON as it is stored and sent. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };
