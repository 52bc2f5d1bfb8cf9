import type { components } from '../../../../docs/reference/openapi.js';

/** A shape of the API by its name in the OpenAPI document. */
export type Dto<Name extends keyof components['schemas']> = components['schemas'][Name];
export type Role = Dto<'GrantDto'>['role'];
