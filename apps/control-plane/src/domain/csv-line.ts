/** Begins what a spreadsheet would take for a formula (OWASP: CSV injection); spaces before it do not help. */
const FORMULA = /^\s*[=+\-@|%\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/** RFC 4180, every cell in quotes; one that could be a formula gets an apostrophe. */
export const csvLine = (cells: readonly (string | number | undefined)[]): string =>
  `${cells
    .map((value) => {
      if (typeof value === 'number') return `"${value}"`;
      const plain = value ?? '';
      return `"${(FORMULA.test(plain) ? `'${plain}` : plain).replaceAll('"', '""')}"`;
    })
    .join(',')}\r\n`;
