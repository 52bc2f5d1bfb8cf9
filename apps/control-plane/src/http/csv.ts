/** RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe. */
export function toCsv<K extends string>(
  columns: readonly K[],
  rows: readonly { readonly [key in K]?: string | number }[],
): string {
  const cell = (value: string | number | undefined): string => {
    const plain = String(value ?? '');
    return `"${(/^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain).replaceAll('"', '""')}"`;
  };
  return [columns.join(','), ...rows.map((row) => columns.map((column) => cell(row[column])).join(','))].join('\r\n');
}
