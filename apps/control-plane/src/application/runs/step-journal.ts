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

export const DEFAULT_JOURNAL: JournalSettings = { flushMs: 100, maxLineLength: 4_096, maxLines: 20_000 };

/** Lines that may wait for an unreachable database. */
const MAX_PENDING = 5_000;
/** Lines and characters per log entry: keeps one entry well under what a stream or a row likes. */
const BATCH = 200;
const BATCH_CHARACTERS = 65_536;

/** Collects what a step says about itself and writes it in batches, in order, in the background. */
export class StepJournal {
  private lines: LogLine[] = [];
  private progress: Extract<StepEvent, { type: 'progressed' }> | undefined;
  private waited: Extract<StepEvent, { type: 'waited' }> | undefined;
  private accepted = 0;
  private dropped = 0;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> | undefined;
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
      if (this.accepted > this.settings.maxLines) break;
      if (this.lines.length >= MAX_PENDING) {
        this.dropped += 1;
        continue;
      }
      this.sayWhatWasDropped(line.at);
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
    await this.writing;
    this.sayWhatWasDropped(this.lines.at(-1)?.at ?? 0);
    await this.write();
  }

  private cut(line: LogLine): LogLine {
    const { maxLineLength } = this.settings;
    if (line.text.length <= maxLineLength) return line;
    return { ...line, text: `${line.text.slice(0, maxLineLength)} … (${line.text.length - maxLineLength} more)` };
  }

  /** A log with a hole says so, where the hole is. */
  private sayWhatWasDropped(at: LogLine['at']): void {
    if (this.dropped === 0) return;
    this.lines.push({ at, stream: 'note', text: `${this.dropped} lines lost: the database did not take them` });
    this.dropped = 0;
  }

  /** One write at a time: what comes meanwhile waits here, where it is counted. */
  private schedule(): void {
    if (this.timer !== undefined || this.writing !== undefined || this.closed) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.writing = this.write().then(() => {
        this.writing = undefined;
        if (this.lines.length > 0 || this.progress !== undefined || this.waited !== undefined) this.schedule();
      });
    }, this.settings.flushMs);
  }

  private async write(): Promise<void> {
    const batch: Entry[] = inEntries(this.lines);
    if (this.progress !== undefined) batch.push(this.progress);
    if (this.waited !== undefined) batch.push(this.waited);
    this.lines = [];
    this.progress = undefined;
    this.waited = undefined;
    if (batch.length === 0) return;
    try {
      await this.store.append(this.lease, batch);
    } catch (err) {
      this.operator.warn({ run: this.lease.run, step: this.lease.step, err }, 'log lines lost');
    }
  }
}

function inEntries(lines: readonly LogLine[]): Entry[] {
  const entries: { type: 'log'; lines: LogLine[] }[] = [];
  let characters = 0;
  for (const line of lines) {
    const open = entries.at(-1);
    if (open === undefined || open.lines.length >= BATCH || characters + line.text.length > BATCH_CHARACTERS) {
      entries.push({ type: 'log', lines: [line] });
      characters = line.text.length;
    } else {
      open.lines.push(line);
      characters += line.text.length;
    }
  }
  return entries;
}
