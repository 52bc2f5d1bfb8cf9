import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { EXIT, Failure } from './failure.js';

/** Asks at the terminal; `hidden`: what is typed is not shown. Without a terminal the lines of standard input are the answers. */
export class Prompt {
  #muted = false;
  readonly #lines: AsyncIterator<string>;
  readonly #reader;

  constructor() {
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.#muted) process.stderr.write(chunk);
        done();
      },
    });
    this.#reader = createInterface({ input: process.stdin, output, terminal: process.stdin.isTTY === true });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  async ask(question: string, { hidden = false } = {}): Promise<string> {
    if (process.stdin.isTTY) process.stderr.write(`${question}: `);
    this.#muted = hidden;
    try {
      const line = await this.#lines.next();
      if (line.done) throw new Failure(EXIT.usage, `${question}: nothing was entered`);
      return line.value;
    } finally {
      this.#muted = false;
      if (hidden && process.stdin.isTTY) process.stderr.write('\n');
    }
  }

  close(): void {
    this.#reader.close();
  }
}
