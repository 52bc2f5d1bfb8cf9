/** Programs that are clients of a lab which answers from this very process; so nothing here may block. */
import { spawn, spawnSync } from 'node:child_process';

/** The distribution's own interpreter, whose packages the set-up installs. */
export const PYTHON = '/usr/bin/python3';

export interface Result {
  readonly code: number | null;
  /** Standard output and error as they came. */
  readonly output: string;
}

export const has = (command: string, ...argv: string[]): boolean =>
  spawnSync(command, argv, { stdio: 'ignore' }).status === 0;

/** Runs a program to its end. */
export function run(
  command: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, argv, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}
