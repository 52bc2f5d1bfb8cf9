import type { LogLine, StepEvent } from '../../domain/run/run.js';
import type { EngineLog } from './engine-log.port.js';
import type { Lease, RunStore } from './run-store.port.js';

type Entry = Parameters<RunStore['append']>[1][number];

export interface JournalSettings {
  /** How long lines are collected before they are written. */
  readonly flushMs: number;
  /** Longer lines are cut. */
  readonly maxLineLength: number;
  /** Lines of one attempt; the rest is dropped, and the log says so. */
  readonly maxLines: number;
}

export const DEFAULT_JOURNAL: JournalSettings = { flushMs: 250, maxLineLength: 4_096, maxLines: 20_000 };

/** Lines that may wait for an unreachable database. */
const MAX_PENDING = 5_000;
/** Lines per log entry: keeps one entry well under what a stream or a row likes. */
const BATCH = 200;

/** Collects what a step says about itself and writes it in batches, in order, in the background. */
export class StepJournal {
  private lines: LogLine[] = [];
  private progress: Extract<StepEvent, { type: 'progressed' }> | undefined;
  private waited: Extract<StepEvent, { type: 'waited' }> | undefined;
  private accepted = 0;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();
  private closed = false;
  /** What the step last waited for, for the message of a missed deadline. */
  lastWait: string | undefined;

  constructor(
    private readonly store: Pick<RunStore, 'append'>,
    private readonly lease: Lease,
    private readonly operator: EngineLog,
    private readonly settings: JournalSettings = DEFAULT_JOURNAL,
  ) {}

  log(lines: readonly LogLine[]): void {
    if (this.closed) return;
    for (const line of lines) {
      if (this.accepted > this.settings.maxLines || this.lines.length >= MAX_PENDING) return;
      this.accepted += 1;
      this.lines.push(
        this.accepted > this.settings.maxLines
          ? { at: line.at, stream: 'note', text: `log cut after ${this.settings.maxLines} lines` }
          : this.cut(line),
      );
    }
    this.schedule();
  }

  report(percent: number, text: string): void {
    if (this.closed) return;
    this.waited = undefined;
    this.progress = { type: 'progressed', percent: Math.round(Math.min(100, Math.max(0, percent))), text };
    this.schedule();
  }

  waitingFor(what: string): void {
    if (this.closed || what === this.lastWait) return;
    this.lastWait = what;
    this.waited = { type: 'waited', what };
    this.schedule();
  }

  /** Writes what is left; nothing is accepted afterwards. Never rejects: a lost line must not fail a step. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    this.write();
    await this.writing;
  }

  private cut(line: LogLine): LogLine {
    const { maxLineLength } = this.settings;
    if (line.text.length <= maxLineLength) return line;
    return { ...line, text: `${line.text.slice(0, maxLineLength)} … (${line.text.length - maxLineLength} more)` };
  }

  private schedule(): void {
    if (this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.write();
    }, this.settings.flushMs);
  }

  private write(): void {
    const batch: Entry[] = [];
    for (let i = 0; i < this.lines.length; i += BATCH) {
      batch.push({ type: 'log', lines: this.lines.slice(i, i + BATCH) });
    }
    if (this.progress !== undefined) batch.push(this.progress);
    if (this.waited !== undefined) batch.push(this.waited);
    this.lines = [];
    this.progress = undefined;
    this.waited = undefined;
    if (batch.length === 0) return;
    this.writing = this.writing.then(async () => {
      try {
        await this.store.append(this.lease, batch);
      } catch (err) {
        this.operator.warn({ run: this.lease.run, step: this.lease.step, err }, 'log lines lost');
      }
    });
  }
}
