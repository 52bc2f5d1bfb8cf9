/**
 * Crash-safe keeping of small JSON objects by collection and id: every change is one appended line, written before the
 * request is answered, so `kill -9` loses nothing. At start (and when it has grown) the journal is folded into a snapshot
 * that is synced and renamed into place. A torn last line, all that a kill can leave, is dropped.
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

export class Journal {
  private readonly data = new Map<string, Map<string, unknown>>();
  private readonly file: string;
  private readonly snapshotFile: string;
  private handle = -1;
  private written = 0;

  /** Reads what is there. Throws when the folder cannot be used. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.file = join(folder, 'journal.jsonl');
    this.snapshotFile = join(folder, 'state.jsonl');
    this.read(this.snapshotFile);
    this.read(this.file);
    this.fold();
  }

  private read(file: string): void {
    if (!existsSync(file)) return;
    const lines = readFileSync(file, 'utf8').split('\n');
    for (const [index, text] of lines.entries()) {
      if (text === '') continue;
      let line: Line;
      try {
        line = JSON.parse(text) as Line;
      } catch (error) {
        if (index === lines.length - 1) return;
        throw new Error(`${file}:${index + 1}: not a line of this journal`, { cause: error });
      }
      if (line.v === undefined) this.collection(line.c).delete(line.k);
      else this.collection(line.c).set(line.k, line.v);
    }
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

  private append(line: Line): void {
    if (this.handle < 0) return;
    this.written += writeSync(this.handle, `${JSON.stringify(line)}\n`);
    if (this.written > FOLD_AT) this.fold();
  }

  private fold(): void {
    const temporary = `${this.snapshotFile}.tmp`;
    const snapshot = openSync(temporary, 'w', 0o600);
    let chunk = '';
    for (const [c, entries] of this.data) {
      for (const [k, v] of entries) {
        chunk += `${JSON.stringify({ c, k, v })}\n`;
        if (chunk.length > 2 ** 20) {
          writeSync(snapshot, chunk);
          chunk = '';
        }
      }
    }
    writeSync(snapshot, chunk);
    fsyncSync(snapshot);
    closeSync(snapshot);
    renameSync(temporary, this.snapshotFile);
    if (this.handle < 0) this.handle = openSync(this.file, 'a', 0o600);
    ftruncateSync(this.handle, 0);
    this.written = 0;
  }

  close(): void {
    if (this.handle < 0) return;
    fsyncSync(this.handle);
    closeSync(this.handle);
    this.handle = -1;
  }
}
