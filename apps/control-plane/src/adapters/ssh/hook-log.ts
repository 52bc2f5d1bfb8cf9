import type { LogLine } from '../../domain/run/run.js';
import type { Redactor } from './redactor.js';

const LONGEST_LINE = 8 * 1024;
const LONGEST_TEXT = 500;
/** A hook may say at most this much into a run log; the rest stays on the guest. */
const MOST_LINES = 20_000;
const MOST_BYTES = 8 * 1024 * 1024;
const TAIL_LINES = 40;

const ESC = String.fromCharCode(0x1b);
const BEL = String.fromCharCode(0x07);
const CSI = String.fromCharCode(0x9b);
/** OSC, DCS, SOS, PM and APC strings up to their end; CSI sequences; other escapes (ECMA-48). */
const ESCAPES = new RegExp(
  `${ESC}[\\]P_^X][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\\\)?|(?:${ESC}\\[|${CSI})[0-?]*[ -/]*[@-~]|${ESC}[ -/]*[0-~]`,
  'g',
);
/** What is left of control characters, except the tab; and what turns the direction of text around. */
const CONTROLS = /(?!\t)\p{Cc}|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Terminal escapes and control characters out; of a line that a progress bar wrote over and over, its last state. */
export function plainText(raw: string): string {
  const last = raw.replace(/\r+$/, '').split('\r').at(-1) ?? '';
  return last.replace(ESCAPES, '').replace(CONTROLS, '');
}

/** Bytes of one stream → complete lines; a line that is too long is cut once and its rest dropped, in bounded memory. */
export class LineReader {
  #pending: Buffer[] = [];
  #size = 0;
  /** Bytes of all complete lines so far: where a follower that comes later may go on. */
  #consumed = 0;
  #unread = 0;

  constructor(private readonly keep: number) {}

  get consumed(): number {
    return this.#consumed;
  }

  push(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      this.#take(chunk.subarray(from, at));
      this.#unread += at + 1 - from;
      lines.push(this.#line());
      from = at + 1;
    }
    this.#take(chunk.subarray(from));
    this.#unread += chunk.length - from;
    return lines;
  }

  /** The last line when it has no end. */
  rest(): Buffer[] {
    return this.#size > 0 ? [this.#line()] : [];
  }

  #take(part: Buffer): void {
    const room = this.keep - this.#size;
    if (room <= 0 || part.length === 0) return;
    // Copied: a slice would keep the whole network chunk alive.
    this.#pending.push(Buffer.from(part.subarray(0, room)));
    this.#size += Math.min(room, part.length);
  }

  #line(): Buffer {
    const line = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#size = 0;
    this.#consumed += this.#unread;
    this.#unread = 0;
    return line;
  }
}

/** What a hook's two streams say: log lines, the last progress, the last error. Everything in it is hostile until cleaned. */
export class HookLog {
  readonly #readers: { readonly stdout: LineReader; readonly stderr: LineReader };
  readonly #tail: string[] = [];
  #lines: LogLine[] = [];
  #count = 0;
  #bytes = 0;
  #progress: { percent: number; text: string } | undefined;
  error: string | undefined;

  /** `skip`: bytes at the start of each stream that an earlier follower has already passed on; read, not repeated. */
  constructor(
    private readonly redactor: Redactor,
    private readonly skip: { readonly stdout: number; readonly stderr: number } = { stdout: 0, stderr: 0 },
  ) {
    const keep = LONGEST_LINE * 4 + redactor.longestNeedle * 4;
    this.#readers = { stdout: new LineReader(keep), stderr: new LineReader(keep) };
  }

  get full(): boolean {
    return this.#count >= MOST_LINES || this.#bytes >= MOST_BYTES;
  }

  get tail(): readonly string[] {
    return this.#tail;
  }

  consumed(stream: 'stdout' | 'stderr'): number {
    return this.#readers[stream].consumed;
  }

  push(stream: 'stdout' | 'stderr', chunk: Buffer, at: number): void {
    // Line by line, not all at once: what counts is where each line stands relative to `skip`.
    const reader = this.#readers[stream];
    let from = 0;
    while (from < chunk.length) {
      const newline = chunk.indexOf(10, from);
      const end = newline < 0 ? chunk.length : newline + 1;
      for (const line of reader.push(chunk.subarray(from, end)))
        this.#accept(stream, line, at, reader.consumed > this.skip[stream]);
      from = end;
    }
  }

  end(at: number): void {
    for (const stream of ['stdout', 'stderr'] as const)
      for (const line of this.#readers[stream].rest())
        this.#accept(stream, line, at, this.#readers[stream].consumed > this.skip[stream]);
  }

  /** Lines since the last call, and the newest progress since the last call. */
  take(): { lines: readonly LogLine[]; progress?: { percent: number; text: string } } {
    const taken = { lines: this.#lines, ...(this.#progress ? { progress: this.#progress } : {}) };
    this.#lines = [];
    this.#progress = undefined;
    return taken;
  }

  #accept(stream: 'stdout' | 'stderr', raw: Buffer, at: number, isNew: boolean): void {
    let text = this.redactor.line(plainText(raw.toString('utf8')));
    if (text.length > LONGEST_LINE) text = `${text.slice(0, LONGEST_LINE)} … (cut)`;
    const word = stream === 'stdout' ? /^::(progress|notice|error)(?:\s+(.*))?$/.exec(text) : null;
    const said = (word?.[2] ?? '').trim();
    if (word?.[1] === 'progress') {
      const progress = /^(\d{1,3})(?:\.\d+)?%?(?:\s+(.*))?$/.exec(said);
      if (progress) {
        if (isNew)
          this.#progress = {
            percent: Math.min(Number(progress[1]), 100),
            text: (progress[2] ?? '').slice(0, LONGEST_TEXT),
          };
        return;
      }
    }
    if (word?.[1] === 'error') this.error = said.slice(0, LONGEST_TEXT) || undefined;
    const line: LogLine =
      word?.[1] === 'notice'
        ? { at, stream: 'note', text: said }
        : word?.[1] === 'error'
          ? { at, stream: 'stderr', text: said }
          : { at, stream, text };
    this.#tail.push(line.text.slice(0, LONGEST_TEXT * 2));
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    if (isNew) this.#emit(line);
  }

  #emit(line: LogLine): void {
    if (this.full) return;
    this.#count++;
    this.#bytes += line.text.length;
    this.#lines.push(
      this.full
        ? { at: line.at, stream: 'note', text: 'The hook says too much; the rest of its log stays on the guest.' }
        : line,
    );
  }
}
