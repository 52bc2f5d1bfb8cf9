import type { Diagnostic } from '../diagnostic.js';
import type { Instant, Milliseconds, PlanId, Sha256, StackId, StepId } from '../ids.js';
import type { Orders, Reservation, WantedStack } from '../stack/stack.js';
import type { AnyStep } from './steps.js';

export const OPERATIONS = ['install', 'change', 'archive', 'remove'] as const;

/** The reviewed difference between what is wanted and what is. A stored document; `hash` locks it. */
export interface Plan {
  readonly id: PlanId;
  readonly stack: StackId;
  readonly stackName: string;
  readonly site: string;
  readonly operation: (typeof OPERATIONS)[number];
  readonly wanted: WantedStack;
  readonly orders?: Orders;
  /** What is wanted of the site's other stacks, where the plan carries their part too. */
  readonly alongside?: readonly WantedStack[];
  readonly steps: readonly PlannedStep[];
  readonly findings: readonly Diagnostic[];
  readonly blastRadius: readonly Touched[];
  readonly estimate: Estimate;
  /** Ids and addresses this plan counts on; held for it until it is applied or expires. */
  readonly reservations: readonly Reservation[];
  /** Over what was recorded and observed of everything this plan touches: apply recomputes and compares it (`plan.stale`). */
  readonly basis: PlanBasis;
  /** SHA-256 over the canonical form of stack, operation, steps, blast radius, basis: what apply must be told. */
  readonly hash: Sha256;
  readonly createdAt: Instant;
}

export interface PlannedStep {
  /** Readable and unique in the plan: `guest.create:wiki.app`. */
  readonly id: StepId;
  readonly step: AnyStep;
  /** `wiki.app`, `wiki → gateway (route)`. */
  readonly subject: string;
  /** For people: `Create guest wiki.app`. */
  readonly label: string;
  readonly after: readonly StepId[];
  /** Expected duration; also its share of the progress bar. */
  readonly weightMs: Milliseconds;
  /** From the step's start. */
  readonly deadlineMs: Milliseconds;
  /** Columns of the graph: length of the longest chain before it. */
  readonly layer: number;
}

export const TOUCHED_KINDS = [
  'guest',
  'volume',
  'address',
  'dns-name',
  'route',
  'account',
  'client',
  'database',
  'firewall-rule',
  'certificate',
  'secret',
  'backup-job',
] as const;

export interface Touched {
  readonly kind: (typeof TOUCHED_KINDS)[number];
  /** `team-wiki (lab1/120)`, `wiki.demo.test`. */
  readonly name: string;
  readonly effect: 'created' | 'changed' | 'restarted' | 'removed';
  readonly detail?: string;
}

export interface Estimate {
  /** Along the longest chain. */
  readonly wallMs: Milliseconds;
  readonly sumMs: Milliseconds;
  readonly longestChain: readonly StepId[];
}

/** Subject → digest of what was seen: `guest team/wiki/app` → …; tells *what* changed when a plan is stale. */
export type PlanBasis = Readonly<Record<string, Sha256>>;
