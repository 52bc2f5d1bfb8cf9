/**
 * The task engine: a UPID at once, the work in the background, its log and its end (`OK`, `WARNINGS: n` or the error text).
 * Tasks are kept across a restart; one that was cut off by it ends with Proxmox's own `unexpected status`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultBook } from '../faults/fault-book.js';
import type { Journal } from '../state/journal.js';
import { formatUpid, parseUpid, type Upid } from './upid.js';

export interface TaskRecord {
  readonly upid: string;
  /** Unix seconds; absent while it runs. */
  endtime?: number;
  /** `OK`, `WARNINGS: 1` or the error; absent while it runs. */
  status?: string;
  readonly log: string[];
}

/** What a worker has in hand. */
export interface TaskContext {
  readonly upid: string;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** Counts towards `WARNINGS: n`. */
  readonly warn: (line: string) => void;
}

export interface TaskRequest {
  readonly node: string;
  readonly type: string;
  readonly id: string;
  /** `user@realm` or `user@realm!token`. */
  readonly user: string;
}

export type TaskWorker = (task: TaskContext) => Promise<void>;

/** Finished tasks kept; Proxmox's own index rotates as well. */
const KEPT = 5000;
const INTERRUPTED = 'received interrupt';

export class Tasks {
  private readonly records = new Map<string, TaskRecord>();
  private readonly running = new Map<string, { abort: AbortController; done: Promise<void> }>();
  private pid: number;

  constructor(
    private readonly journal: Journal,
    private readonly faults: FaultBook,
    /** Milliseconds a task of a type takes at least; `*` for every type. */
    private readonly latencies: Readonly<Record<string, number>>,
    private readonly now: () => number,
    private readonly bootTime: number,
  ) {
    let pid = 1000;
    for (const [upid, record] of journal.entries<TaskRecord>('task')) {
      this.records.set(upid, record);
      pid = Math.max(pid, parseUpid(upid)?.pid ?? 0);
      if (record.status !== undefined) continue;
      record.status = 'unexpected status';
      record.endtime = Math.floor(now() / 1000);
      journal.put('task', upid, record);
    }
    this.pid = pid;
  }

  /** Starts the work in the background and answers its UPID. */
  start(request: TaskRequest, worker: TaskWorker): string {
    this.pid = this.pid >= 0x3f_ffff ? 1000 : this.pid + 1;
    const now = this.now();
    const upid = formatUpid({
      ...request,
      pid: this.pid,
      pstart: Math.max(1, Math.floor((now - this.bootTime) / 10)) % 0xffff_ffff,
      starttime: Math.floor(now / 1000),
    });
    const record: TaskRecord = { upid, log: [] };
    this.records.set(upid, record);
    this.journal.put('task', upid, record);
    const abort = new AbortController();
    const done = this.run(record, request, worker, abort.signal);
    this.running.set(upid, { abort, done });
    this.prune();
    return upid;
  }

  private async run(record: TaskRecord, request: TaskRequest, worker: TaskWorker, signal: AbortSignal): Promise<void> {
    let warnings = 0;
    const task: TaskContext = {
      upid: record.upid,
      signal,
      log: (line) => void record.log.push(line),
      warn: (line) => {
        warnings += 1;
        record.log.push(`WARN: ${line}`);
      },
    };
    let status: string;
    try {
      await this.delay(request, task);
      signal.throwIfAborted();
      await worker(task);
      status = warnings > 0 ? `WARNINGS: ${warnings}` : 'OK';
      record.log.push(warnings > 0 ? `TASK WARNINGS: ${warnings}` : 'TASK OK');
    } catch (error) {
      const text = signal.aborted ? INTERRUPTED : error instanceof Error ? error.message : String(error);
      status = text.trim().replaceAll('\n', ' ') || 'unknown error';
      record.log.push(`TASK ERROR: ${status}`);
    }
    record.status = status;
    record.endtime = Math.floor(this.now() / 1000);
    this.running.delete(record.upid);
    this.journal.put('task', record.upid, record);
  }

  private async delay(request: TaskRequest, task: TaskContext): Promise<void> {
    // One turn of the loop, so that the UPID is on its way before the work begins.
    await new Promise((resolve) => setImmediate(resolve));
    const latency = this.latencies[request.type] ?? this.latencies['*'] ?? 0;
    if (latency > 0) await sleep(latency, undefined, { signal: task.signal });
    const fault = this.faults.forTask(request.type, request.node, request.id);
    if (!fault) return;
    if (fault.effect === 'task-slow') await sleep((fault.seconds ?? 5) * 1000, undefined, { signal: task.signal });
    if (fault.effect === 'task-hang')
      await sleep((fault.seconds ?? 24 * 3600) * 1000, undefined, { signal: task.signal });
    if (fault.effect === 'task-fail') throw new Error(fault.message ?? 'lab: fault on demand');
    if (fault.effect === 'task-warn') task.warn(fault.message ?? 'lab: fault on demand');
  }

  private prune(): void {
    if (this.records.size <= KEPT + this.running.size) return;
    for (const [upid, record] of this.records) {
      if (record.status === undefined) continue;
      this.records.delete(upid);
      this.journal.delete('task', upid);
      return;
    }
  }

  get(upid: string): TaskRecord | undefined {
    return this.records.get(upid);
  }

  /** Newest first. */
  list(): TaskRecord[] {
    return [...this.records.values()].reverse();
  }

  /** Asks a running task to end; it then ends with `received interrupt`. No error where it is not running. */
  abort(upid: string): void {
    this.running.get(upid)?.abort.abort();
  }

  async finished(upid: string): Promise<void> {
    await this.running.get(upid)?.done;
  }

  /** Aborts everything and waits for it: for a clean end of the lab. */
  async close(): Promise<void> {
    const open = [...this.running.values()];
    for (const { abort } of open) abort.abort();
    await Promise.all(open.map(({ done }) => done));
  }
}

/** The fields every view of a task has; `user` holds the token in lists and not in the task's own status. */
export function describeTask(record: TaskRecord): Upid & { readonly tokenid?: string; readonly owner: string } {
  const upid = parseUpid(record.upid);
  if (!upid) throw new Error(`malformed UPID kept: ${record.upid}`);
  const [owner = upid.user, tokenid] = upid.user.split('!');
  return { ...upid, owner, ...(tokenid ? { tokenid } : {}) };
}
