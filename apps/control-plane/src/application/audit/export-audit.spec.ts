import { Readable } from 'node:stream';
import { verifyExport } from '../../../../cli/src/verify-export.js';
import { Ed25519ExportSigner } from '../../adapters/audit/ed25519-export-signer.js';
import { MemorySecretStore } from '../../adapters/fake/memory-secret-store.js';
import type { AuditRow } from '../../domain/audit/audit-chain.js';
import { csvRow } from '../../domain/audit/audit-export.js';
import type { AuditLog } from './audit-log.port.js';
import { ExportAudit } from './export-audit.js';

const row = (seq: number, more: Partial<AuditRow> = {}): AuditRow => ({
  seq,
  at: 1_700_000_000_000 + seq,
  actor: 'anna',
  actorKind: 'account',
  action: 'plan.applied',
  subject: `plan ${seq}`,
  outcome: 'done',
  hash: `h${seq}`,
  ...more,
});

describe('an export of the audit', () => {
  const signer = new Ed25519ExportSigner(new MemorySecretStore());
  const rows = [1, 2, 3, 4].map((seq) => row(seq));
  const exporting = (of: readonly AuditRow[], intact = true, by = signer, head = of.at(-1)?.seq ?? 0): ExportAudit =>
    new ExportAudit(
      {
        async *stream() {
          yield* of;
        },
        head: async () => ({ rows: head, hash: head === 0 ? '' : `h${head}` }),
        follows: () => intact,
      } as unknown as AuditLog,
      by,
      { now: () => 5 },
    );
  const lines = async (made: ExportAudit, filter = {}): Promise<string[]> => {
    const all: string[] = [];
    for await (const line of made.execute(filter, 'jsonl', new AbortController().signal)) all.push(line);
    return all;
  };
  const judge = (text: readonly string[], key?: string) =>
    verifyExport(Readable.from([Buffer.from(text.join(''))]), key);

  it('verifies by itself, as a whole and chosen by a filter, empty too', async () => {
    const key = await signer.publicKey();
    expect(await judge(await lines(exporting(rows)), key)).toEqual({ intact: true, rows: 4, whole: true, at: 5, key });
    const some = await lines(exporting([rows[1]!, rows[3]!]), { actor: 'anna' });
    expect(await judge(some)).toMatchObject({ intact: true, rows: 2, whole: false });
    expect(await judge(await lines(exporting([])))).toMatchObject({ intact: true, rows: 0 });
  });

  it.each<[string, (text: string[]) => string[], RegExp]>([
    ['a changed row', (text) => text.map((line) => line.replace('plan 2', 'plan 9')), /not those that were sealed/],
    ['a missing row', (text) => text.toSpliced(1, 1), /not those that were sealed/],
    ['a missing first row', (text) => text.slice(1), /not those that were sealed/],
    ['rows that changed places', (text) => [text[1]!, text[0]!, ...text.slice(2)], /line 2 is not the row/],
    ['a row twice', (text) => [text[0]!, ...text], /line 2 is not the row/],
    ['an end cut off', (text) => text.slice(0, 3), /no seal/],
    ['half a line', (text) => [...text.slice(0, 4), text[4]!.slice(0, 50)], /no seal/],
    ['a seal that was changed', (text) => text.map((line) => line.replace('"rows":4', '"rows":3')), /not valid/],
    ['something else', () => ['seq,at\r\n'], /no seal/],
    ['an endless line', () => ['x'.repeat(3 * 1024 * 1024)], /no row/],
  ])('%s is found', async (_, tamper, reason) => {
    expect(await judge(tamper(await lines(exporting(rows))))).toMatchObject({
      intact: false,
      reason: expect.stringMatching(reason),
    });
  });

  it('one that somebody made and sealed themselves is found by the key', async () => {
    const other = new Ed25519ExportSigner(new MemorySecretStore());
    const forged = await lines(exporting(rows.slice(0, 2), true, other));
    expect(await judge(forged, await signer.publicKey())).toMatchObject({
      reason: expect.stringContaining('another key'),
    });
  });

  it('of a broken chain, or with holes already, is none', async () => {
    expect(await judge(await lines(exporting(rows, false)))).toMatchObject({ intact: false });
    expect(await judge(await lines(exporting(rows.slice(1))))).toMatchObject({ intact: false });
  });

  it('whose newest rows somebody cut off in the database is none; what is written meanwhile is no fault', async () => {
    expect(await judge(await lines(exporting(rows.slice(0, 2), true, signer, 4)))).toMatchObject({ intact: false });
    expect(await judge(await lines(exporting([], true, signer, 4)))).toMatchObject({ intact: false });
    expect(await judge(await lines(exporting(rows, true, signer, 3)))).toMatchObject({ intact: true });
  });

  it('as CSV holds no formula and no second row', () => {
    const hostile = row(1, { actor: '=1+1', subject: 'a "b", \r\nc', action: ' +cmd', details: { x: '@SUM(1)' } });
    expect(csvRow(hostile)).toBe(
      `"1","2023-11-14T22:13:20.001Z","'=1+1","account","","' +cmd","a ""b"", \r\nc","","done","{""x"":""@SUM(1)""}","h1"\r\n`,
    );
    for (const start of ['=', '+', '-', '@', '\t', '\r', '|', '%', '＝', '  =']) {
      expect(csvRow(row(1, { subject: `${start}HYPERLINK()` }))).toContain(`"'${start}`);
    }
  });
});
