import type { GuestAccess } from '../../application/substrates/substrate.port.js';
import type { GuestSpec, OwnershipStamp } from '../../domain/stack/guest-spec.js';

/** What a guest is made from. */
export interface Making {
  readonly spec: GuestSpec;
  readonly stamp: OwnershipStamp;
  readonly access: GuestAccess;
}
