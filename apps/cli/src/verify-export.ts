import { createHash, createPublicKey, verify } from 'node:crypto';
import type { Readable } from 'node:stream';

export type ExportVerdict =
  | { readonly intact: true; readonly rows: number; readonly whole: boolean; readonly at: number; readonly key: string }
  | { readonly intact: false; readonly reason: string };

interface Seal {
  readonly seal: {
    readonly rows: number;
    readonly first: number;
    readonly last: number;
    readonly whole: boolean;
    readonly chain: string;
    readonly at: number;
    readonly sha256: string;
  };
  readonly signature: string;
  readonly key: string;
}

/** Longest line that is one: a row has at most a few short texts. */
const LONGEST_LINE = 1024 * 1024;

/**
 * Checks an export of the audit (JSON lines) by itself: nothing was changed, left out, put in, moved or cut off since the
 * control plane sealed it. `key`: whose seal it must be; without it, the one that the file names.
 */
export async function verifyExport(file: Readable, key: string | undefined): Promise<ExportVerdict> {
  const hash = createHash('sha256');
  const broken = (reason: string): ExportVerdict => ({ intact: false, reason });
  let held: Buffer | undefined;
  let rows = 0;
  let last = 0;
  let fault: string | undefined;
  for await (const line of linesOf(file)) {
    if (line.length > LONGEST_LINE) return broken('it has a line that is no row');
    // The last line is the seal, and only the end of the file tells which one that is.
    if (held) {
      hash.update(held);
      rows += 1;
      const seq = seqOf(held);
      if (seq === undefined || seq <= last) fault ??= `line ${rows} is not the row that comes there`;
      last = seq ?? last;
    }
    held = line;
  }
  const sealed = held && parseSeal(held);
  if (!sealed) return broken('it has no seal at its end: it was cut off, or is no export as JSON lines');
  const { seal, signature, key: named } = sealed;
  if (key !== undefined && key !== named) return broken('it is sealed with another key');
  if (!signed(seal, signature, named)) return broken('its seal is not valid');
  if (fault) return broken(fault);
  if (hash.digest('hex') !== seal.sha256 || rows !== seal.rows)
    return broken('its rows are not those that were sealed');
  if (seal.whole && (seal.rows !== seal.last || (rows > 0 && seal.first !== 1)))
    return broken('rows were missing already when it was exported');
  if (seal.chain === 'broken')
    return broken('the control plane found its chain broken while it wrote: bastide audit verify says where');
  return { intact: true, rows, whole: seal.whole, at: seal.at, key: named };
}

async function* linesOf(file: Readable): AsyncIterable<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of file as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = rest.indexOf(10, from); end >= 0; end = rest.indexOf(10, from)) {
      yield rest.subarray(from, end + 1);
      from = end + 1;
    }
    rest = rest.subarray(from);
    if (rest.length > LONGEST_LINE) break;
  }
  if (rest.length > 0) yield rest;
}

function seqOf(line: Buffer): number | undefined {
  try {
    const { seq } = JSON.parse(line.toString('utf8')) as { seq?: unknown };
    return Number.isSafeInteger(seq) ? (seq as number) : undefined;
  } catch {
    return undefined;
  }
}

function parseSeal(line: Buffer): Seal | undefined {
  try {
    const read = JSON.parse(line.toString('utf8')) as Partial<Seal>;
    return typeof read.seal === 'object' && typeof read.signature === 'string' && typeof read.key === 'string'
      ? (read as Seal)
      : undefined;
  } catch {
    return undefined;
  }
}

function signed(
  { rows, first, last, whole, chain, at, sha256 }: Seal['seal'],
  signature: string,
  key: string,
): boolean {
  try {
    const text = JSON.stringify(['bastide audit export v1', rows, first, last, whole, chain, at, sha256]);
    const publicKey = createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' });
    return (
      publicKey.asymmetricKeyType === 'ed25519' &&
      verify(null, Buffer.from(text), publicKey, Buffer.from(signature, 'base64'))
    );
  } catch {
    return false;
  }
}
