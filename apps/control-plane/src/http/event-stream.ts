import type { Response } from 'express';
import type { LogEntry } from '../domain/run/run.js';
import type { PrincipalRequest } from './acts.js';

/** A sign of life, for proxies that cut what is silent; then it is also looked at whether the reader may still listen. */
const HEARTBEAT_MS = 15_000;
/** A reader that takes nothing for so long is gone, whatever its connection says. */
const STALLED_MS = 60_000;
/** Bytes that may wait for a reader to whom is told without waiting. */
const MOST_WAITING = 1_000_000;

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  // `no-transform` and the header of nginx: proxies must neither pack nor collect what is to be seen at once.
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

/** Server-sent events of one reader, written by hand: whole portions at a time, never more than its connection takes. */
export class EventStream {
  readonly #stop = new AbortController();

  constructor(
    private readonly request: PrincipalRequest,
    private readonly response: Response,
  ) {
    response.on('close', () => this.#stop.abort());
  }

  /** Aborted when the reader is gone, or must ask anew. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** From here on nothing can be refused any more. */
  open(): void {
    this.response.writeHead(200, HEADERS);
    this.response.write(': open\n\n');
    const heartbeat = setInterval(() => void this.#beat(), HEARTBEAT_MS);
    this.signal.addEventListener('abort', () => clearInterval(heartbeat));
  }

  /** Resolves when there is room for more. */
  async write(bytes: Buffer | string): Promise<void> {
    if (this.signal.aborted || this.response.write(bytes)) return;
    await new Promise<void>((done) => {
      const late = setTimeout(() => this.response.destroy(), STALLED_MS);
      const go = (): void => {
        clearTimeout(late);
        this.response.off('drain', go);
        this.signal.removeEventListener('abort', go);
        done();
      };
      this.response.on('drain', go);
      this.signal.addEventListener('abort', go);
    });
  }

  /** Writes portions as they come; when they end, the reader is told that nothing follows. A fault cuts the connection: the reader comes back. */
  async pipe(portions: AsyncIterable<readonly LogEntry[]>): Promise<void> {
    this.open();
    try {
      for await (const portion of portions) await this.write(framesOf(portion));
      if (this.signal.aborted) return;
      await this.write('event: end\ndata: \n\n');
      this.response.end();
    } catch (error) {
      this.response.destroy();
      throw error;
    }
  }

  /** Without waiting. A reader that does not take its news is cut off: it comes back and asks for everything. */
  tell(type: string, data: object): void {
    if (this.signal.aborted) return;
    this.response.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
    if (this.response.writableLength > MOST_WAITING) this.response.destroy();
  }

  async #beat(): Promise<void> {
    // Without an answer nobody is sent away: the database may be restarting.
    const allowed = (await this.request.stillAllowed?.().catch(() => true)) ?? true;
    if (this.signal.aborted) return;
    if (!allowed) {
      this.#stop.abort();
      this.response.end();
    } else if (!this.response.writableNeedDrain) this.response.write(': alive\n\n');
  }
}

const frames = new WeakMap<readonly LogEntry[], Buffer>();

/** Portions are shared by those who follow the same run: each is made into text once. */
function framesOf(portion: readonly LogEntry[]): Buffer {
  const known = frames.get(portion);
  if (known) return known;
  const made = Buffer.from(
    portion.map((entry) => `id: ${entry.seq}\nevent: entry\ndata: ${JSON.stringify(entry)}\n\n`).join(''),
  );
  frames.set(portion, made);
  return made;
}
