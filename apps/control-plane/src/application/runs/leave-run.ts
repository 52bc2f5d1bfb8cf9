import type { RunId } from '../../domain/ids.js';
import type { RunState } from '../../domain/run/run.js';
import { noSuchRun, notInState } from './decide-on-run.js';
import { decideLeave } from './run-decisions.js';
import type { RunStore } from './run-store.port.js';

/**
 * Closes a failed or cancelled run as it is: what was made stays and stays recorded, what was never started gives its
 * reserved ids and addresses back. Refuses with `run.illegal`.
 */
export class LeaveRun {
  constructor(private readonly store: Pick<RunStore, 'get' | 'commit'>) {}

  async execute(run: RunId, actor: string): Promise<{ readonly state: RunState }> {
    const found = await this.store.get(run);
    if (found === undefined) throw noSuchRun(run);
    const state = await this.store.commit(run, (snapshot) => decideLeave(snapshot, actor));
    if (state === undefined) throw notInState(run, found.run.state, 'left as it is');
    return { state };
  }
}
