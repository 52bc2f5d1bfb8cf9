import type { Instant, PlanId } from '../../domain/ids.js';
import type { Plan } from '../../domain/plan/plan.js';
import type { Reservation } from '../../domain/stack/stack.js';

export interface PlanStore {
  /**
   * Runs `make` while no other plan of the site is being made (an advisory lock), then stores the plan and its
   * reservations, valid until `reservedUntil`, in one transaction. Two plans made at once never count on the same id or address.
   */
  makeAndPut(site: string, reservedUntil: Instant, make: () => Promise<Plan>): Promise<Plan>;
  get(id: PlanId): Promise<Plan | undefined>;
  /** Reserves one more value on a site (a stranger took the planned one); false when another owner holds it. */
  reserve(site: string, reservation: Reservation): Promise<boolean>;
  /** Measured median duration per step kind and module on this site, for estimates. Keys: `hook.run:wiki:install`, `guest.create`. */
  medianDurations(site: string): Promise<Readonly<Record<string, number>>>;
}
