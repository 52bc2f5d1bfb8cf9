import Table from 'cli-table3';
import pc from 'picocolors';
import type { ProblemBody } from './failure.js';

export type Format = 'text' | 'json';

/** Control characters and bidi marks of foreign text never reach the terminal: a log line must not be able to draw over the screen. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to be removed
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;
export const safe = (text: string): string => text.replace(UNSAFE, '�');

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** JSON for scripts, or text for people. */
export function show<T>(format: Format, value: T, text: (value: T) => string): void {
  print(format === 'json' ? JSON.stringify(value, null, 2) : text(value));
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return pc.dim('none');
  const grid = new Table({
    head: head.map((text) => pc.bold(text)),
    style: { head: [], border: [], compact: true },
    chars: {
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
  });
  grid.push(...rows.map((row) => row.map(safe)));
  return grid.toString();
}

export const when = (instant: number | undefined): string =>
  instant === undefined ? '–' : new Date(instant).toISOString().replace('T', ' ').slice(0, 19);

/** `1 min 20 s` */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function problemText(problem: ProblemBody): string {
  const lines = [
    `${pc.red('refused')}  ${pc.bold(problem.code)}  ${safe(problem.subject)}`,
    `         ${safe(problem.detail)}`,
    `${pc.green('way out')}  ${safe(problem.remedy)}`,
  ];
  const diagnostics = (problem.details?.diagnostics ?? problem.details?.findings) as
    | { message: string; subject: string; place?: { file: string; line: number; column: number } }[]
    | undefined;
  for (const finding of diagnostics ?? []) {
    const place = finding.place ? `${finding.place.file}:${finding.place.line}:${finding.place.column} ` : '';
    lines.push(`         ${safe(`${place}${finding.subject}: ${finding.message}`)}`);
  }
  return lines.join('\n');
}

export { pc as paint };
