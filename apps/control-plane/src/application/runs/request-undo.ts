import type { RunId } from '../../domain/ids.js';
import { noSuchRun, notInState } from './decide-on-run.js';
import { decideUndo } from './run-decisions.js';
import type { RunStore, StoredRun } from './run-store.port.js';

/**
 * Marks a failed or cancelled run as being undone. The caller then plans the removal of what was recorded and starts it
 * with `RunStore.create(plan, { …, undoes: run })`: only that run is let in, and when it succeeds this one is `undone`.
 * May be asked again when that run failed. Refuses with `run.illegal`.
 */
export class RequestUndo {
  constructor(private readonly store: Pick<RunStore, 'get' | 'commit'>) {}

  async execute(run: RunId, actor: string): Promise<StoredRun> {
    const found = await this.store.get(run);
    if (found === undefined) throw noSuchRun(run);
    const state = await this.store.commit(run, (snapshot) => decideUndo(snapshot, actor));
    if (state === undefined) throw notInState(run, found.run.state, 'undone');
    return { ...found.run, state };
  }
}
