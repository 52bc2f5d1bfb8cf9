/**
 * Crash-safe keeping of small JSON objects by collection and id: every change is one appended line, written before the
 * request is answered, so `kill -9` loses nothing. At start (and when it has grown) the journal is folded into a snapshot
 * that is synced and renamed into place. A torn last line, all that a kill can leave, is dropped.
 *
 * A full disk tears no line and ends no lab: what could not be written is kept in memory and written with the next change;
 * `behind` says so, and requests that change something are refused until then (http/dispatch.ts).
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

interface Line {
  readonly c: string;
  readonly k: string;
  /** Absent: the object is gone. */
  readonly v?: unknown;
}

/** Bytes of journal after which it is folded into the snapshot. */
const FOLD_AT = 32 * 2 ** 20;

/** Writes all of it, or throws; a file system may take a part first. */
export type Write = (handle: number, bytes: Uint8Array) => void;

const writeWhole: Write = (handle, bytes) => {
  for (let at = 0; at < bytes.length; ) at += writeSync(handle, bytes, at);
};

export class Journal {
  private readonly data = new Map<string, Map<string, unknown>>();
  private readonly file: string;
  private readonly snapshotFile: string;
  private handle = -1;
  /** Bytes of whole lines in the journal. */
  private written = 0;
  private foldAt = FOLD_AT;
  /** Changes the disk had no room for, by collection and id. */
  private readonly unwritten = new Map<string, Line>();
  private failure: string | undefined;

  /** Reads what is there. Throws when the folder cannot be used. */
  constructor(
    folder: string,
    private readonly write: Write = writeWhole,
  ) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.file = join(folder, 'journal.jsonl');
    this.snapshotFile = join(folder, 'state.jsonl');
    this.read(this.snapshotFile);
    const whole = this.read(this.file);
    this.handle = openSync(this.file, 'a', 0o600);
    // Nothing may be appended to a torn line.
    ftruncateSync(this.handle, whole);
    this.written = whole;
    this.tryFold();
  }

  /** Answers how many bytes are whole lines. */
  private read(file: string): number {
    if (!existsSync(file)) return 0;
    const bytes = readFileSync(file);
    let number = 0;
    let begin = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0; begin = end + 1, end = bytes.indexOf(0x0a, begin)) {
      number += 1;
      if (end === begin) continue;
      let line: Line;
      try {
        line = JSON.parse(bytes.toString('utf8', begin, end)) as Line;
      } catch (error) {
        throw new Error(`${file}:${number}: not a line of this journal`, { cause: error });
      }
      if (line.v === undefined) this.collection(line.c).delete(line.k);
      else this.collection(line.c).set(line.k, line.v);
    }
    return begin;
  }

  private collection(name: string): Map<string, unknown> {
    let found = this.data.get(name);
    if (!found) {
      found = new Map();
      this.data.set(name, found);
    }
    return found;
  }

  /** What the folder held when it was opened, and all that was put since. */
  entries<T>(collection: string): IterableIterator<[string, T]> {
    return this.collection(collection).entries() as IterableIterator<[string, T]>;
  }

  get<T>(collection: string, key: string): T | undefined {
    return this.collection(collection).get(key) as T | undefined;
  }

  put(collection: string, key: string, value: unknown): void {
    this.collection(collection).set(key, value);
    this.append({ c: collection, k: key, v: value });
  }

  delete(collection: string, key: string): void {
    if (this.collection(collection).delete(key)) this.append({ c: collection, k: key });
  }

  /** Why changes are kept in memory only; undefined when all is on disk. Tries once more to write them. */
  get behind(): string | undefined {
    if (this.unwritten.size > 0) this.flush();
    return this.failure;
  }

  private append(line: Line): void {
    if (this.handle < 0) return;
    // Behind the last change of the same object, so that order stays.
    const key = JSON.stringify([line.c, line.k]);
    this.unwritten.delete(key);
    this.unwritten.set(key, line);
    this.flush();
    if (this.failure === undefined && this.written > this.foldAt) this.tryFold();
  }

  private flush(): void {
    const text = [...this.unwritten.values()].map((line) => `${JSON.stringify(line)}\n`).join('');
    const bytes = Buffer.from(text);
    try {
      this.write(this.handle, bytes);
      this.written += bytes.length;
      this.unwritten.clear();
      this.failure = undefined;
    } catch (error) {
      ftruncateSync(this.handle, this.written);
      this.failure = error instanceof Error ? error.message : String(error);
    }
  }

  /** The journal alone is enough, so a snapshot that has no room waits until the journal has grown again. */
  private tryFold(): void {
    try {
      this.fold();
      this.foldAt = FOLD_AT;
    } catch {
      rmSync(`${this.snapshotFile}.tmp`, { force: true });
      this.foldAt = this.written + FOLD_AT;
    }
  }

  private fold(): void {
    const temporary = `${this.snapshotFile}.tmp`;
    const snapshot = openSync(temporary, 'w', 0o600);
    try {
      let chunk = '';
      for (const [c, entries] of this.data) {
        for (const [k, v] of entries) {
          chunk += `${JSON.stringify({ c, k, v })}\n`;
          if (chunk.length > 2 ** 20) {
            this.write(snapshot, Buffer.from(chunk));
            chunk = '';
          }
        }
      }
      this.write(snapshot, Buffer.from(chunk));
      fsyncSync(snapshot);
    } finally {
      closeSync(snapshot);
    }
    renameSync(temporary, this.snapshotFile);
    ftruncateSync(this.handle, 0);
    this.written = 0;
    this.unwritten.clear();
    this.failure = undefined;
  }

  close(): void {
    if (this.handle < 0) return;
    if (this.unwritten.size > 0) this.flush();
    fsyncSync(this.handle);
    closeSync(this.handle);
    this.handle = -1;
  }
}
