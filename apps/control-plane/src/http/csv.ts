import { csvLine } from '../domain/csv-line.js';

/** Rows as RFC 4180 text, the columns' names first. */
export const toCsv = <K extends string>(
  columns: readonly K[],
  rows: readonly { readonly [key in K]?: string | number }[],
): string => [columns, ...rows.map((row) => columns.map((column) => row[column]))].map(csvLine).join('');
