import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';

/** The lab is a program of its own (apps/lab); these commands hand over to it with the same words. */
const LAB = fileURLToPath(new URL('../../../lab/src/main.js', import.meta.url));

export function addLabCommands(program: Command): void {
  program
    .command('lab')
    .argument('<start|status|reset>')
    .description('a Proxmox VE that fits in one machine; bastide lab start --help shows its options')
    .action((verb: string) => handOverToLab([verb]));
}

/** Runs the lab with these words; Ctrl-C ends it, its exit code is ours. */
export async function handOverToLab(words: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [LAB, ...words], { stdio: 'inherit' });
  const stop = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGINT', stop).on('SIGTERM', stop);
  process.exitCode = await new Promise<number>((resolve, reject) =>
    child.on('error', reject).on('close', (code) => resolve(code ?? 1)),
  );
}
