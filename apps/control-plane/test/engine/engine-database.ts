import { SystemClock } from '../../src/adapters/clock/system-clock.js';
import { type Database, type DatabaseOptions, openDatabase } from '../../src/adapters/database/database.js';
import { KyselyLimits } from '../../src/adapters/database/kysely-limits.js';
import { KyselyPlanStore } from '../../src/adapters/database/kysely-plan-store.js';
import { KyselyRunStore } from '../../src/adapters/database/kysely-run-store.js';
import { KyselyStackStore } from '../../src/adapters/database/kysely-stack-store.js';

/** All stores on one connection pool. */
export class EngineDatabase {
  readonly database: Database;
  readonly runs: KyselyRunStore;
  readonly plans: KyselyPlanStore;
  readonly stacks: KyselyStackStore;
  readonly limits: KyselyLimits;

  constructor(options: DatabaseOptions) {
    this.database = openDatabase(options);
    this.runs = new KyselyRunStore(this.database);
    this.plans = new KyselyPlanStore(this.database);
    this.stacks = new KyselyStackStore(this.database);
    this.limits = new KyselyLimits(this.database, new SystemClock());
  }

  async close(): Promise<void> {
    await this.runs.close();
    await this.database.close();
  }
}
