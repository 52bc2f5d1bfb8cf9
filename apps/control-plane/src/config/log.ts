import pino, { type Logger } from 'pino';
import type { Config } from './config.js';

/**
 * One JSON object a line on standard output. A log that cannot be written (disk full, reader gone) costs lines, never the
 * service: not pino's own destination, which on such an error ends the process or, while it exits, tries forever.
 */
export function openLog({ logLevel, role }: Config): Logger {
  // What pino, Nest and Node itself write to.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  return pino({ level: logLevel, base: { role } }, process.stdout);
}
