import type { AuditEntry } from '../../domain/audit/audit-chain.js';
import type { Todo } from '../../domain/module/manifest.js';
import { isSettled } from '../../domain/run/transitions.js';
import type { WantedStack } from '../../domain/stack/stack.js';
import { type StackHealth, stackHealth } from '../../domain/stack/stack-health.js';
import { blueprintIn } from '../../domain/translations.js';
import type { AuditLog } from '../audit/audit-log.port.js';
import type { Catalogue } from '../catalogue/catalogue.port.js';
import type { RunStore, StoredRun } from '../runs/run-store.port.js';
import type { CheckHistory } from '../stacks/check-history.port.js';
import type { ShowStack, StackView } from '../stacks/show-stack.js';
import type { StackStore } from '../stacks/stack-store.port.js';

export interface StackSummary {
  readonly stack: WantedStack;
  /** Of its blueprint. */
  readonly title: string;
  readonly health: StackHealth;
  /** Newest check; absent: never. */
  readonly checkedAt?: number;
  readonly failingChecks: number;
  /** Guests whose creation came to no end. */
  readonly unfinishedGuests: number;
  readonly latestRun?: StoredRun;
  readonly links: StackView['links'];
}

export const TODO_KINDS = [
  'run-failed',
  'run-cancelled',
  'check-failing',
  'never-checked',
  'guests-unfinished',
  'nobody-told',
  'telling-fails',
] as const;

export interface OverviewTodo {
  readonly id: string;
  readonly kind: (typeof TODO_KINDS)[number];
  readonly severity: Todo['severity'];
  /** Absent: it is about the control plane itself. */
  readonly stack?: string;
  /** What it is about: the run, or how many checks fail. */
  readonly run?: string;
  readonly count?: number;
}

export interface Overview {
  readonly sites: number;
  readonly stacks: readonly StackSummary[];
  readonly todos: readonly OverviewTodo[];
  readonly running: readonly StoredRun[];
  readonly recent: readonly StoredRun[];
  readonly changes: readonly AuditEntry[];
}

const RECENT = 8;
/** Of so many newest rows those on visible sites are shown. */
const LOOK_BACK = 200;
/** Acts that changed nothing anybody would ask about. */
const QUIET = new Set([
  'session.opened',
  'session.closed',
  'session.new_device',
  'site.examined',
  'stack.checked',
  'plan.made',
]);

/** Home: everything in one look, of the sites one may see. */
export class ShowOverview {
  constructor(
    private readonly stacks: StackStore,
    private readonly runs: RunStore,
    private readonly checks: CheckHistory,
    private readonly catalogue: Catalogue,
    private readonly showStack: ShowStack,
    private readonly audit: AuditLog,
    private readonly telling: { targets(): Promise<number>; failing(): Promise<number> },
  ) {}

  async execute(sees: (site: string) => boolean, seesAll: boolean, languages: readonly string[]): Promise<Overview> {
    const [sites, stacks, newest, content, runs] = await Promise.all([
      this.stacks.listSites(),
      this.stacks.listStacks(),
      this.checks.newest(),
      this.catalogue.load(),
      this.runs.list({ limit: LOOK_BACK }),
    ]);
    const visible = stacks.filter((stack) => stack.state !== 'removed' && sees(stack.site));
    const summaries = await Promise.all(
      visible.map(async (stack): Promise<StackSummary> => {
        const [run, view] = await Promise.all([
          this.runs.latestOf(stack.id),
          this.showStack.execute(stack.id, languages),
        ]);
        // An instance that was removed since leaves its looks behind.
        const names = new Set(view.instances.map((instance) => instance.name));
        const looks = (newest.get(stack.id) ?? []).filter((look) => names.has(look.instance));
        const hasGuests = view.instances.some((instance) => instance.guests.length > 0);
        const checkedAt = Math.max(0, ...looks.map((look) => look.at));
        const blueprint = content.blueprints.findLast(({ name }) => name === stack.blueprint.name);
        return {
          stack,
          title: blueprint ? blueprintIn(blueprint, languages).title : stack.blueprint.name,
          health: healthOf(stack, stackHealth(run, looks, hasGuests)),
          ...(checkedAt > 0 ? { checkedAt } : {}),
          failingChecks: looks.filter((look) => !look.healthy).length,
          unfinishedGuests: view.unfinished.length,
          ...(run ? { latestRun: run } : {}),
          links:
            stack.state === 'archived' || (run?.operation === 'install' && run.state !== 'succeeded') ? [] : view.links,
        };
      }),
    );
    const seen = runs.filter((run) => sees(run.site));
    return {
      sites: sites.filter((site) => sees(site.name)).length,
      stacks: summaries,
      todos: [...summaries.flatMap(todosOf), ...(seesAll && sites.length > 0 ? await this.#ownTodos() : [])],
      running: seen.filter((run) => !isSettled(run.state)),
      recent: seen.filter((run) => isSettled(run.state)).slice(0, RECENT),
      changes: await this.#changes(sees, seesAll),
    };
  }

  async #ownTodos(): Promise<readonly OverviewTodo[]> {
    const [targets, failing] = await Promise.all([this.telling.targets(), this.telling.failing()]);
    if (targets === 0) return [{ id: 'nobody-told', kind: 'nobody-told', severity: 'recommended' }];
    return failing > 0 ? [{ id: 'telling-fails', kind: 'telling-fails', severity: 'required', count: failing }] : [];
  }

  async #changes(sees: (site: string) => boolean, seesAll: boolean): Promise<readonly AuditEntry[]> {
    const rows = await this.audit.list({ limit: LOOK_BACK });
    return rows
      .filter((row) => row.outcome === 'done' && !QUIET.has(row.action))
      .filter((row) => (row.site === undefined ? seesAll : sees(row.site)))
      .slice(0, RECENT);
  }
}

/** At rest nobody asks how its apps fare; a run that did not end well is told all the same. */
const healthOf = (stack: WantedStack, health: StackHealth): StackHealth =>
  stack.state === 'archived' && health !== 'failed' && health !== 'changing' ? 'archived' : health;

/** What waits for the admin. Each goes away by what it asks for. */
function todosOf(summary: StackSummary): readonly OverviewTodo[] {
  const { stack, health, failingChecks, unfinishedGuests, latestRun, checkedAt } = summary;
  const todo = (
    kind: OverviewTodo['kind'],
    severity: Todo['severity'],
    more: Partial<OverviewTodo>,
  ): OverviewTodo[] => [{ id: `${stack.id}/${kind}`, kind, severity, stack: stack.id, ...more }];
  if (health === 'failed') {
    const kind = latestRun?.state === 'cancelled' ? 'run-cancelled' : 'run-failed';
    return todo(kind, 'required', latestRun ? { run: latestRun.id } : {});
  }
  // Until somebody has decided about the run, and while one is under way, it is the run's own affair.
  const left =
    unfinishedGuests > 0 && health !== 'changing'
      ? todo('guests-unfinished', 'recommended', { count: unfinishedGuests })
      : [];
  if (health === 'failing') return [...todo('check-failing', 'required', { count: failingChecks }), ...left];
  if (left.length > 0) return left;
  return health === 'unknown' && checkedAt === undefined ? todo('never-checked', 'info', {}) : [];
}
