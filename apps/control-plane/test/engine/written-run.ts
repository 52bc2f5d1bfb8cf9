import { decideClaim } from '../../src/application/runs/run-decisions.js';
import type { Lease } from '../../src/application/runs/run-store.port.js';
import type { RunId, StepId } from '../../src/domain/ids.js';
import { EngineDatabase } from './engine-database.js';
import { fresh, storedPlan } from './plans.js';

/** A run whose log a test writes, as a worker does: its first step is running, ten steps wait for nothing. Close it at the end. */
export class WrittenRun {
  private constructor(
    readonly id: string,
    private readonly engine: EngineDatabase,
    private readonly lease: Lease,
  ) {}

  static async start(databaseUrl: string, steps: number): Promise<WrittenRun> {
    const engine = new EngineDatabase({ url: databaseUrl });
    const sketch = Array.from({ length: steps }, (_, at) => ({
      id: `s${at}`,
      after: at < 10 ? [] : [`s${at - 10}`],
      deadlineMs: 600_000,
    }));
    const id = fresh('run') as RunId;
    await engine.runs.create(await storedPlan(engine, sketch), { id, actor: 'ada' });
    const claimed = await engine.runs.commit(id, (now) =>
      decideClaim(now, 's0' as StepId, 'test', { leaseMs: 600_000, maxStarts: 5 }),
    );
    if (claimed?.claim === undefined) throw new Error('the first step could not be claimed');
    return new WrittenRun(id, engine, claimed.claim.lease);
  }

  /** Lines that the running step prints, as one entry. */
  async print(texts: readonly string[]): Promise<void> {
    const lines = texts.map((text) => ({ at: Date.now(), stream: 'stdout' as const, text }));
    if (!(await this.engine.runs.append(this.lease, [{ type: 'log', lines }]))) throw new Error('the step is not held');
  }

  /** As if everybody had been away for long. */
  async endSessions(): Promise<void> {
    await this.engine.database.db.deleteFrom('sessions').execute();
  }

  close(): Promise<void> {
    return this.engine.close();
  }
}
