import { decideClaim, decideHandOver } from '../../src/application/runs/run-decisions.js';
import type { Lease } from '../../src/application/runs/run-store.port.js';
import type { RunId, StepId } from '../../src/domain/ids.js';
import { EngineDatabase } from './engine-database.js';
import { fresh, storedPlan } from './plans.js';

/** Steps side by side: each leans on the one so many before it. */
const LAYER = 10;
const LIMITS = { leaseMs: 600_000, maxStarts: 100_000 };

/** A run whose log a test writes, as a worker does: its first step is running, ten steps wait for nothing. Close it at the end. */
export class WrittenRun {
  readonly #held = new Map<number, Lease>();

  private constructor(
    readonly id: string,
    private readonly engine: EngineDatabase,
  ) {}

  static async start(databaseUrl: string, steps: number): Promise<WrittenRun> {
    const engine = new EngineDatabase({ url: databaseUrl });
    const sketch = Array.from({ length: steps }, (_, at) => ({
      id: `s${at}`,
      after: at < LAYER ? [] : [`s${at - LAYER}`],
      layer: Math.floor(at / LAYER),
      deadlineMs: 600_000,
    }));
    const id = fresh('run') as RunId;
    await engine.runs.create(await storedPlan(engine, sketch), { id, actor: 'ada' });
    const run = new WrittenRun(id, engine);
    await run.toggle(0);
    return run;
  }

  /** Takes one of the first ten steps, or gives it back: what it is afterwards. Resolves when that is committed. */
  async toggle(step: number): Promise<'running' | 'ready'> {
    const id = this.id as RunId;
    const held = this.#held.get(step);
    if (held) {
      await this.engine.runs.commit(id, (now) => decideHandOver(now, held, 'somebody else goes on'));
      this.#held.delete(step);
      return 'ready';
    }
    const claimed = await this.engine.runs.commit(id, (now) => decideClaim(now, `s${step}` as StepId, 'test', LIMITS));
    if (claimed?.claim === undefined) throw new Error(`step ${step} could not be claimed`);
    this.#held.set(step, claimed.claim.lease);
    return 'running';
  }

  /** Lines that the first step prints, as one entry. */
  async print(texts: readonly string[]): Promise<void> {
    const lines = texts.map((text) => ({ at: Date.now(), stream: 'stdout' as const, text }));
    const lease = this.#held.get(0);
    if (!lease || !(await this.engine.runs.append(lease, [{ type: 'log', lines }])))
      throw new Error('the step is not held');
  }

  /** As if everybody had been away for long. */
  async endSessions(): Promise<void> {
    await this.engine.database.db.deleteFrom('sessions').execute();
  }

  close(): Promise<void> {
    return this.engine.close();
  }
}
