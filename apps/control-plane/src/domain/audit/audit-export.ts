import { csvLine } from '../csv-line.js';
import type { Instant } from '../ids.js';
import type { AuditRow } from './audit-chain.js';

export const EXPORT_FORMATS = ['jsonl', 'csv'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const CSV_COLUMNS = [
  'seq',
  'at',
  'actor',
  'actorKind',
  'address',
  'action',
  'subject',
  'site',
  'outcome',
  'details',
  'hash',
] as const;

export const csvRow = (row: AuditRow): string =>
  csvLine(
    CSV_COLUMNS.map((column) =>
      column === 'at'
        ? new Date(row.at).toISOString()
        : column === 'details'
          ? row.details && JSON.stringify(row.details)
          : row[column],
    ),
  );

export const jsonLine = (row: AuditRow): string => `${JSON.stringify(row)}\n`;

/** What the last line of an export tells of the lines before it. */
export interface ExportFacts {
  readonly rows: number;
  readonly first: number;
  readonly last: number;
  /** Every row from the first one on, none left out by a filter. */
  readonly whole: boolean;
  /** Of a whole one: what the control plane found when it followed the chain while it wrote. */
  readonly chain: 'intact' | 'broken' | 'not followed';
  readonly at: Instant;
  /** Hex SHA-256 over every byte before the last line. */
  readonly sha256: string;
}

/** The text that is signed: every fact at its place. */
export const exportSealText = (facts: ExportFacts): string =>
  JSON.stringify([
    'bastide audit export v1',
    facts.rows,
    facts.first,
    facts.last,
    facts.whole,
    facts.chain,
    facts.at,
    facts.sha256,
  ]);
