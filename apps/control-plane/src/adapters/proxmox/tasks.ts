import type { Clock } from '../../application/clock.port.js';
import type { CallContext } from '../../application/substrates/substrate.port.js';
import { WorldFailure } from '../../domain/problem.js';
import { text } from './answers.js';
import { classifyTask, isFailure } from './classify.js';
import { type ProxmoxClient, part } from './proxmox-client.js';
import { until } from './waits.js';

export interface Upid {
  readonly node: string;
  /** `vzcreate`, `qmstart` … */
  readonly type: string;
  /** Guest id, or what the type is about: of a clone it is its source. */
  readonly id: string;
  /** `user@realm!token`. */
  readonly user: string;
}

/** `UPID:node:pid:pstart:starttime:type:id:user@realm!token:`. */
export function parseUpid(upid: string): Upid | undefined {
  const match = /^UPID:([^:]+):[0-9A-F]+:[0-9A-F]+:[0-9A-F]+:([^:]+):([^:]*):([^:]+):$/i.exec(upid);
  return match ? { node: match[1]!, type: match[2]!, id: match[3]!, user: match[4]! } : undefined;
}

/**
 * Task types whose `WARNINGS: n` means "done, but": a container of a new systemd without nesting is created with
 * `WARNINGS: 1`; for the destroy types the caller confirms what is gone. For every other type a warning may mean "not
 * everything", so it fails with the end of the log.
 */
const DONE_WITH_WARNINGS = new Set([
  'vzcreate',
  'qmcreate',
  'vzclone',
  'qmclone',
  'vzstart',
  'qmstart',
  'vzshutdown',
  'qmshutdown',
  'vzstop',
  'qmstop',
  'vzreboot',
  'qmreboot',
  'vzdestroy',
  'qmdestroy',
  'vzdump',
  'qmconfig',
  'hastart',
  'hastop',
  'imgdel',
]); // prettier-ignore
const TAIL_LINES = 12;

/** Starting, adopting, waiting for and stopping the server's background tasks. A 200 with a UPID says nothing yet. */
export class Tasks {
  constructor(
    private readonly client: ProxmoxClient,
    private readonly clock: Clock,
  ) {}

  /** Fences, starts, makes the task's id known, waits, and throws unless it ended well. */
  async run(what: string, start: () => Promise<unknown>, context: CallContext): Promise<void> {
    await context.fence();
    const upid = await start();
    if (typeof upid !== 'string' || !parseUpid(upid)) return; // done already: some verbs answer null
    await context.taskStarted?.(upid);
    await this.wait(upid, what, context);
  }

  /** Waits for a task with its log. Errors: by its exit text; `substrate.task_gone` when the server forgot it. */
  async wait(upid: string, what: string, context: CallContext): Promise<void> {
    const parsed = parseUpid(upid);
    if (!parsed) return;
    const task = this.client.api(context).nodes.$(parsed.node).tasks.$(part(upid));
    const log = new TaskLog(context);
    const exit = await until(
      async () => {
        try {
          const status = await task.status.$get();
          const ended = status.status === 'stopped';
          await log.read((start, limit) => task.log.$get({ start, limit }), ended);
          return ended ? text(status.exitstatus ?? 'unexpected status') : undefined;
        } catch (error) {
          // The task goes on while its node cannot be asked: so does the wait.
          if (isFailure(error, ...UNASKABLE)) {
            context.waitingFor?.(`${what} (${error.failure.message})`);
            return undefined;
          }
          throw error;
        }
      },
      { clock: this.clock, context, what },
    );
    if (exit === 'OK' || (/^WARNINGS: \d+$/.test(exit) && DONE_WITH_WARNINGS.has(parsed.type))) return;
    throw classifyTask({ type: parsed.type, exit, what, tail: log.tail });
  }

  /**
   * Waits for a task that an earlier holder of the step started, whatever its end: what matters is what is there
   * afterwards, which the caller looks at next.
   */
  async settle(upid: string | undefined, what: string, context: CallContext): Promise<void> {
    if (upid === undefined) return;
    try {
      await this.wait(upid, `${what} (taken over)`, context);
    } catch (error) {
      if (isFailure(error, 'substrate.deadline')) throw error;
      if (!(error instanceof WorldFailure)) throw error;
      context.log?.(`The task taken over did not end well: ${error.failure.message}`);
    }
  }

  /** UPID of a running task of that guest, if the token may see it. */
  async running(
    node: string,
    vmid: number,
    types: readonly string[],
    context: CallContext,
  ): Promise<string | undefined> {
    const rows = await this.client
      .api(context)
      .nodes.$(node)
      .tasks.$get({ source: 'active', vmid, limit: 100 } as never);
    const row = (rows as { upid?: unknown; type?: unknown; endtime?: unknown }[]).find(
      (r) => types.includes(text(r.type)) && r.endtime === undefined,
    );
    return typeof row?.upid === 'string' ? row.upid : undefined;
  }

  /** UPIDs of running tasks of that type which this token has started, anywhere in the cluster. */
  async runningOfOurs(type: string, context: CallContext): Promise<readonly string[]> {
    const rows = (await this.client.api(context).cluster.tasks.$get()) as { upid?: unknown; endtime?: unknown }[];
    return rows
      .filter((row) => row.endtime === undefined)
      .map((row) => text(row.upid))
      .filter((upid) => parseUpid(upid)?.type === type && parseUpid(upid)?.user === this.client.tokenId);
  }

  /** Whether the last task of these types about that guest was somebody else's; false when the node remembers none. */
  async lastWasSomebodyElses(
    at: { readonly node: string; readonly vmid: number },
    types: readonly string[],
    context: CallContext,
  ): Promise<boolean> {
    const tasks = this.client.api(context).nodes.$(at.node).tasks;
    const rows = await tasks.$get({ source: 'all', vmid: at.vmid, limit: 100 } as never);
    const last = (rows as { upid?: unknown; starttime?: unknown }[])
      .filter((row) => types.includes(parseUpid(text(row.upid))?.type ?? ''))
      .sort((a, b) => Number(b.starttime) - Number(a.starttime))[0];
    return last !== undefined && parseUpid(text(last.upid))?.user !== this.client.tokenId;
  }

  /** Stops a task and waits until it has ended. Gone or ended already is success. */
  async abort(upid: string, context: CallContext): Promise<void> {
    const parsed = parseUpid(upid);
    if (!parsed) return;
    const task = this.client.api(context).nodes.$(parsed.node).tasks.$(part(upid));
    try {
      if ((await task.status.$get()).status === 'stopped') return;
      await context.fence();
      await task.$delete();
      await until(async () => ((await task.status.$get()).status === 'stopped' ? true : undefined), {
        clock: this.clock,
        context,
        what: `end of the stopped task ${parsed.type} of ${parsed.id || parsed.node}`,
      });
    } catch (error) {
      if (!isFailure(error, 'substrate.task_gone')) throw error;
    }
  }
}

const UNASKABLE = [
  'substrate.unauthenticated',
  'substrate.node_down',
  'substrate.node_broken',
  'substrate.node_sick',
  'substrate.timeout',
  'substrate.unreachable',
  'substrate.no_quorum',
]; // prettier-ignore

/** Follows a task's log; line numbers start at 1, an empty log reads `no content`. */
class TaskLog {
  #next = 0;
  #tail: string[] = [];
  constructor(private readonly context: CallContext) {}

  get tail(): readonly string[] {
    return this.#tail;
  }

  async read(page: (start: number, limit: number) => Promise<unknown>, toTheEnd: boolean): Promise<void> {
    const limit = 500;
    for (let count = limit; count === limit; ) {
      const rows = (await page(this.#next, limit)) as { n?: unknown; t?: unknown }[] | null;
      count = 0;
      for (const row of rows ?? []) {
        const line = text(row.t ?? '');
        if (this.#next === 0 && line === 'no content') break;
        count += 1;
        this.#next += 1;
        this.#tail = [...this.#tail, line].slice(-TAIL_LINES);
        this.context.log?.(line);
      }
      if (!toTheEnd && count < limit) return;
    }
  }
}
