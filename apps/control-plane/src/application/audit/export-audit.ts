import { type AuditHead, compareHead, EMPTY_CHAIN } from '../../domain/audit/audit-chain.js';
import {
  CSV_COLUMNS,
  csvRow,
  type ExportFacts,
  type ExportFormat,
  exportSealText,
  jsonLine,
} from '../../domain/audit/audit-export.js';
import { csvLine } from '../../domain/csv-line.js';
import type { Clock } from '../clock.port.js';
import type { AuditFilter, AuditLog } from './audit-log.port.js';

/** Signs exports; whoever has the public key can check them without the control plane. */
export interface ExportSigner {
  /** SPKI in base64. */
  publicKey(): Promise<string>;
  /** Base64. */
  sign(text: string): Promise<string>;
  digest(): { update(text: string): void; hex(): string };
}

/**
 * The audit as a text of any length, one row in memory at a time. JSON lines end with a line of their own that seals
 * those before it: what was cut off, left out or changed afterwards is found without the control plane.
 */
export class ExportAudit {
  constructor(
    private readonly log: AuditLog,
    private readonly signer: ExportSigner,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  async *execute(
    filter: Omit<AuditFilter, 'before' | 'limit'>,
    format: ExportFormat,
    signal: AbortSignal,
  ): AsyncIterable<string> {
    if (format === 'csv') {
      yield csvLine(CSV_COLUMNS);
      for await (const row of this.log.stream(filter, signal)) yield csvRow(row);
      return;
    }
    const whole = Object.values(filter).every((value) => value === undefined);
    const digest = this.signer.digest();
    // Before the rows: what is written meanwhile makes the chain longer, never shorter.
    const head = whole ? await this.log.head() : EMPTY_CHAIN;
    let end: AuditHead = EMPTY_CHAIN;
    let intact = true;
    let first = 0;
    let rows = 0;
    for await (const row of this.log.stream(filter, signal)) {
      if (whole) intact &&= this.log.follows(end, row);
      end = { rows: row.seq, hash: row.hash };
      if (rows === 0) first = row.seq;
      rows += 1;
      const line = jsonLine(row);
      digest.update(line);
      yield line;
    }
    if (whole && end.rows <= head.rows) intact &&= compareHead(end, head) === undefined;
    const facts: ExportFacts = {
      rows,
      first,
      last: end.rows,
      whole,
      chain: whole ? (intact ? 'intact' : 'broken') : 'not followed',
      at: this.clock.now(),
      sha256: digest.hex(),
    };
    const signature = await this.signer.sign(exportSealText(facts));
    yield `${JSON.stringify({ seal: facts, signature, key: await this.signer.publicKey() })}\n`;
  }
}
